#include "decode/pg_timestamp.h"

#include <errno.h>

#define YEAR_DIGITS_MIN 4
#define YEAR_DIGITS_MAX 6
#define YEAR_MAX 294246 /* the last whole one that int64_t microseconds from 1970 reach */
#define FRACTION_DIGITS_MAX 6
#define DAY_SECONDS INT64_C(86400)
#define SECOND_MICROSECONDS INT64_C(1000000)

/* A bounded reader: the first offence makes everything after it fail. */
struct scan {
    struct str left;
    bool failed;
};

static bool at_digit(const struct scan *s)
{
    return s->left.len > 0 && s->left.data[0] >= '0' && s->left.data[0] <= '9';
}

static char take(struct scan *s)
{
    if (s->left.len == 0) {
        s->failed = true;
        return '\0';
    }
    s->left.len--;
    return *s->left.data++;
}

static bool accept(struct scan *s, char c)
{
    if (s->left.len == 0 || s->left.data[0] != c)
        return false;
    take(s);
    return true;
}

static void expect(struct scan *s, char c)
{
    if (!accept(s, c))
        s->failed = true;
}

/* All digits that follow, MIN to MAX of them. *RET_DIGITS may be NULL. */
static int number(struct scan *s, int min, int max, int *ret_digits)
{
    int value = 0;
    int digits = 0;

    for (; digits < max && at_digit(s); digits++)
        value = value * 10 + (take(s) - '0');
    if (digits < min || at_digit(s))
        s->failed = true;
    if (ret_digits != NULL)
        *ret_digits = digits;
    return value;
}

/* A number of two digits from LOW to HIGH. */
static int field(struct scan *s, int low, int high)
{
    int value = number(s, 2, 2, NULL);

    if (value < low || value > high)
        s->failed = true;
    return value;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar. The year begins in March
 * here, so that the leap day is its last. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static int64_t date(struct scan *s)
{
    int year = number(s, YEAR_DIGITS_MIN, YEAR_DIGITS_MAX, NULL);
    expect(s, '-');
    int month = field(s, 1, 12);
    expect(s, '-');
    int day = field(s, 1, 31);

    if (s->failed || year == 0 || year > YEAR_MAX || day > days_of_month(year, month)) {
        s->failed = true;
        return 0;
    }
    return days_since_1970(year, month, day);
}

static int64_t fraction(struct scan *s)
{
    int digits;

    if (!accept(s, '.'))
        return 0;
    int64_t value = number(s, 1, FRACTION_DIGITS_MAX, &digits);
    for (; digits < FRACTION_DIGITS_MAX; digits++)
        value *= 10;
    return value;
}

static int64_t time_of_day(struct scan *s)
{
    int hour = field(s, 0, 23);
    expect(s, ':');
    int minute = field(s, 0, 59);
    expect(s, ':');
    int second = field(s, 0, 59);

    return ((hour * 60 + minute) * 60 + second) * SECOND_MICROSECONDS + fraction(s);
}

/* Seconds east of UTC. */
static int64_t offset(struct scan *s)
{
    char sign = take(s);
    int hours = field(s, 0, 15);
    int minutes = accept(s, ':') ? field(s, 0, 59) : 0;
    int seconds = accept(s, ':') ? field(s, 0, 59) : 0;

    if (sign != '+' && sign != '-')
        s->failed = true;
    int east = (hours * 60 + minutes) * 60 + seconds;
    return sign == '-' ? -east : east;
}

int pg_timestamp_parse(struct str text, int64_t *ret_microseconds)
{
    struct scan s = {.left = text};

    int64_t days = date(&s);
    expect(&s, ' ');
    int64_t microseconds = time_of_day(&s);
    int64_t east = offset(&s);
    if (s.failed || s.left.len > 0)
        return -EINVAL;
    *ret_microseconds = (days * DAY_SECONDS - east) * SECOND_MICROSECONDS + microseconds;
    return 0;
}
