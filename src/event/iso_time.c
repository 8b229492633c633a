#include "event/iso_time.h"

#include "event/digits.h"

/* Days since 1970-01-01 to a date of the proleptic Gregorian calendar. Counted in eras of 400 years
 * that start on 1 March, so that the leap day is the last day of its year. */
static char *put_date(char *at, int64_t days)
{
    const int64_t era_days = 146097;
    int64_t since = days + 719468; /* since 0000-03-01 */
    int64_t era = (since >= 0 ? since : since - (era_days - 1)) / era_days;
    int64_t day_of_era = since - era * era_days;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    int64_t year = era * 400 + year_of_era + (month <= 2);

    if (year < 0) {
        *at++ = '-';
        year = -year;
    }
    at = year > 9999 ? put_decimal(at, (uint64_t)year) : put_padded(at, (uint32_t)year, 4);
    *at++ = '-';
    at = put_padded(at, (uint32_t)month, 2);
    *at++ = '-';
    return put_padded(at, (uint32_t)day, 2);
}

char *put_iso_time(char at[ISO_TIME_MAX], int64_t time)
{
    const int64_t day_us = INT64_C(86400000000);
    int64_t day = time / day_us, of_day = time % day_us;

    if (of_day < 0) {
        of_day += day_us;
        day--;
    }
    uint32_t seconds = (uint32_t)(of_day / 1000000);
    char *end = put_date(at, day);
    *end++ = 'T';
    end = put_padded(end, seconds / 3600, 2);
    *end++ = ':';
    end = put_padded(end, seconds / 60 % 60, 2);
    *end++ = ':';
    end = put_padded(end, seconds % 60, 2);
    *end++ = '.';
    end = put_padded(end, (uint32_t)(of_day % 1000000), 6);
    *end++ = 'Z';
    return end;
}
