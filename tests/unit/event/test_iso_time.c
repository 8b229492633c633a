#include "event/iso_time.h"
#include "unit.h"

#include <time.h>

static void expect_time(int64_t us, const char *text)
{
    char written[ISO_TIME_MAX + 1];

    *put_iso_time(written, us) = '\0';
    ck_assert_str_eq(written, text);
}

START_TEST(times_have_microseconds)
{
    expect_time(0, "1970-01-01T00:00:00.000000Z");
    expect_time(-1, "1969-12-31T23:59:59.999999Z");
    expect_time(INT64_C(1787663610123456), "2026-08-25T13:13:30.123456Z");
    expect_time(INT64_C(951782400000001), "2000-02-29T00:00:00.000001Z");
    expect_time(INT64_C(951868799999999), "2000-02-29T23:59:59.999999Z");
    expect_time(INT64_C(4107542400000000), "2100-03-01T00:00:00.000000Z");
}
END_TEST

START_TEST(years_may_be_long_or_negative)
{
    expect_time(INT64_C(253402300800000000), "10000-01-01T00:00:00.000000Z");
    expect_time(INT64_C(-62167219200000000), "0000-01-01T00:00:00.000000Z");
    expect_time(INT64_C(-62167219200000001), "-0001-12-31T23:59:59.999999Z");
    expect_time(INT64_MAX, "294247-01-10T04:00:54.775807Z");
    expect_time(INT64_MIN, "-290308-12-21T19:59:05.224192Z");
}
END_TEST

/* Every day of 1600 to 2400. */
START_TEST(dates_agree_with_the_c_library)
{
    for (int64_t day = -135140; day < 157054; day++) {
        time_t seconds = (time_t)(day * 86400);
        struct tm tm;
        char text[64];
        gmtime_r(&seconds, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT00:00:00.000000Z", &tm);
        expect_time(day * INT64_C(86400000000), text);
    }
}
END_TEST

UNIT_SUITE("event/iso_time", times_have_microseconds, years_may_be_long_or_negative,
           dates_agree_with_the_c_library)
