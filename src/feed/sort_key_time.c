#include "feed/sort_key_time.h"

#include <errno.h>

#define SECOND_US INT64_C(1000000)
#define DAY_US (86400 * SECOND_US)
#define DAYS_TO_2000 10957 /* from 1970 */
/* What PostgreSQL's date can hold, and its timestamp: more would overflow. */
#define YEAR_MAX 5874897
#define TIMESTAMP_YEAR_MAX 294276

static bool cut_char(struct str *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != c)
        return false;
    rest->data++;
    rest->len--;
    return true;
}

static bool is_digit(struct str text, size_t at)
{
    return at < text.len && text.data[at] >= '0' && text.data[at] <= '9';
}

/* MIN to MAX digits. */
static bool cut_number(struct str *rest, size_t min, size_t max, int64_t *ret)
{
    int64_t number = 0;
    size_t len = 0;

    while (len < max && is_digit(*rest, len))
        number = number * 10 + (rest->data[len++] - '0');
    if (len < min || is_digit(*rest, len))
        return false;
    rest->data += len;
    rest->len -= len;
    *ret = number;
    return true;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* As put_date() of event/iso_time.c, the other way: counted in eras of 400 years from 1 March. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    int64_t from_march = month > 2 ? year : year - 1;
    int64_t era = (from_march >= 0 ? from_march : from_march - 399) / 400;
    int64_t year_of_era = from_march - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static bool cut_date(struct str *rest, bool before_christ, int64_t *ret_year, int64_t *ret_days)
{
    int64_t year, month, day;

    if (!cut_number(rest, 4, 7, &year) || !cut_char(rest, '-') || !cut_number(rest, 1, 2, &month) ||
        !cut_char(rest, '-') || !cut_number(rest, 1, 2, &day))
        return false;
    if (year < 1 || year > YEAR_MAX || month < 1 || month > 12)
        return false;
    year = before_christ ? 1 - year : year;
    if (day < 1 || day > days_in(year, month))
        return false;
    *ret_year = year;
    *ret_days = days_since_1970(year, month, day);
    return true;
}

/* Behind the point: up to six digits. */
static bool cut_fraction(struct str *rest, int64_t *ret_us)
{
    size_t before = rest->len;

    if (!cut_number(rest, 1, 6, ret_us))
        return false;
    for (size_t digits = before - rest->len; digits < 6; digits++)
        *ret_us *= 10;
    return true;
}

static bool cut_time(struct str *rest, int64_t *ret_us)
{
    int64_t hour, minute, second = 0, fraction = 0;

    if (!cut_number(rest, 1, 2, &hour) || !cut_char(rest, ':') || !cut_number(rest, 2, 2, &minute))
        return false;
    if (cut_char(rest, ':') && !cut_number(rest, 2, 2, &second))
        return false;
    if (cut_char(rest, '.') && !cut_fraction(rest, &fraction))
        return false;
    int64_t us = ((hour * 60 + minute) * 60 + second) * SECOND_US + fraction;
    if (minute > 59 || second > 60 || us > DAY_US)
        return false;
    *ret_us = us;
    return true;
}

/* "+02", "+02:30", "+0230", "-03:30:15", "Z" or nothing. */
static bool cut_zone(struct str *rest, int64_t *ret_us)
{
    int64_t hours = 0, minutes = 0, seconds = 0;
    bool west;

    *ret_us = 0;
    if (rest->len == 0 || cut_char(rest, 'Z') || cut_char(rest, 'z'))
        return true;
    west = cut_char(rest, '-');
    if (!west && !cut_char(rest, '+'))
        return false;
    if (rest->len == 4 && cut_number(rest, 4, 4, &hours)) {
        minutes = hours % 100;
        hours /= 100;
    } else if (!cut_number(rest, 1, 2, &hours) ||
               (cut_char(rest, ':') && !cut_number(rest, 2, 2, &minutes)) ||
               (cut_char(rest, ':') && !cut_number(rest, 2, 2, &seconds))) {
        return false;
    }
    if (hours > 15 || minutes > 59 || seconds > 59)
        return false;
    *ret_us = ((hours * 60 + minutes) * 60 + seconds) * SECOND_US * (west ? -1 : 1);
    return true;
}

static bool is_infinity(struct str text, int64_t *ret)
{
    if (str_equal_nocase(text, STR("infinity")))
        *ret = INT64_MAX;
    else if (str_equal_nocase(text, STR("-infinity")))
        *ret = INT64_MIN;
    else
        return false;
    return true;
}

static bool cut_bc(struct str *text)
{
    if (text->len < 3 || !str_equal_nocase((struct str){text->data + text->len - 3, 3}, STR(" BC")))
        return false;
    text->len -= 3;
    return true;
}

int parse_date(struct str text, int64_t *ret_days)
{
    int64_t year;

    if (is_infinity(text, ret_days))
        return 0;
    bool before_christ = cut_bc(&text);
    return cut_date(&text, before_christ, &year, ret_days) && text.len == 0 ? 0 : -EINVAL;
}

int parse_time(struct str text, int64_t *ret_us)
{
    return cut_time(&text, ret_us) && text.len == 0 ? 0 : -EINVAL;
}

int parse_timestamp(struct str text, bool use_zone, int64_t *ret_us)
{
    int64_t year, days, of_day = 0, zone = 0;

    if (is_infinity(text, ret_us))
        return 0;
    bool before_christ = cut_bc(&text);
    if (!cut_date(&text, before_christ, &year, &days) || year > TIMESTAMP_YEAR_MAX || year < -4713)
        return -EINVAL;
    if (text.len > 0) {
        if (!cut_char(&text, 'T') && !cut_char(&text, 't') && !cut_char(&text, ' '))
            return -EINVAL;
        if (!cut_time(&text, &of_day) || !cut_zone(&text, &zone) || text.len > 0)
            return -EINVAL;
    }
    *ret_us = (days - DAYS_TO_2000) * DAY_US + of_day - (use_zone ? zone : 0);
    return 0;
}
