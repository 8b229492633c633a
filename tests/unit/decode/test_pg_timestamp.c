#include "decode/pg_timestamp.h"

#include "unit.h"

#include <errno.h>
#include <time.h>

static int64_t parsed(const char *text)
{
    int64_t microseconds;

    ck_assert_msg(pg_timestamp_parse(str_from(text), &microseconds) == 0, "%s is refused", text);
    return microseconds;
}

/* What PostgreSQL prints is the same instant as `date -u -d TEXT +%s` says. */
START_TEST(test_instants)
{
    ck_assert_int_eq(parsed("1970-01-01 00:00:00+00"), 0);
    ck_assert_int_eq(parsed("2026-11-21 08:41:26.739092+00"), 1795250486739092);
    ck_assert_int_eq(parsed("2000-02-29 23:59:59+00"), INT64_C(951868799000000));
    ck_assert_int_eq(parsed("1969-12-31 23:59:59.999999+00"), -1);
    ck_assert_int_eq(parsed("1900-03-01 00:00:00+00"), INT64_C(-2203891200000000));
    ck_assert_int_eq(parsed("0001-01-01 00:00:00+00"), INT64_C(-62135596800000000));
    ck_assert_int_eq(parsed("294246-12-31 23:59:59.999999+00"), INT64_C(9223371244799999999));
}
END_TEST

/* Trailing zeros of the fraction are not printed, and are not invented elsewhere. */
START_TEST(test_fractions)
{
    ck_assert_int_eq(parsed("1970-01-01 00:00:00.1+00"), 100000);
    ck_assert_int_eq(parsed("1970-01-01 00:00:00.000001+00"), 1);
    ck_assert_int_eq(parsed("1970-01-01 00:00:00.42056+00"), 420560);
}
END_TEST

/* East of UTC the clock is ahead; the fraction does not turn with the sign. */
START_TEST(test_offsets)
{
    ck_assert_int_eq(parsed("1970-01-01 02:00:00+02"), 0);
    ck_assert_int_eq(parsed("1969-12-31 20:30:00-03:30"), 0);
    ck_assert_int_eq(parsed("1970-01-01 00:19:32.5+00:19:32"), 500000);
    ck_assert_int_eq(parsed("1969-12-31 23:40:28.5-00:19:32"), 500000);
}
END_TEST

/* Every day of some years is the day that timegm() says. */
START_TEST(test_calendar)
{
    for (int64_t second = -86400LL * 366 * 300; second < 86400LL * 366 * 300; second += 86399) {
        struct tm tm;
        char text[64];
        time_t time = (time_t)second;
        ck_assert_ptr_nonnull(gmtime_r(&time, &tm));
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S+00", &tm);
        ck_assert_int_eq(parsed(text), second * 1000000);
    }
}
END_TEST

/* Another datestyle, another calendar, or half a timestamp is refused, never guessed. */
START_TEST(test_refused)
{
    static const char *const texts[] = {
        "",
        "2026-11-21",
        "2026-11-21 08:41:26",
        "2026-11-21 08:41:26.+00",
        "2026-11-21 08:41:26.1234567+00",
        "2026-11-21T08:41:26+00",
        "2026-11-21 08:41:26 +00",
        "2026-11-21 08:41:26Z",
        "2026-11-21 08:41:26 CET",
        "2026-11-21 08:41:26+0",
        "2026-11-21 08:41:26+000",
        "2026-11-21 08:41:26+16",
        "2026-11-21 08:41:26+00:",
        "2026-11-21 08:41:26+00:60",
        "2026-11-21 08:41:26+00 BC",
        "2026-02-29 08:41:26+00",
        "1900-02-29 08:41:26+00",
        "2026-04-31 08:41:26+00",
        "2026-13-01 08:41:26+00",
        "2026-00-01 08:41:26+00",
        "2026-01-00 08:41:26+00",
        "0000-01-01 08:41:26+00",
        "2026-11-21 24:00:00+00",
        "2026-11-21 08:60:00+00",
        "2026-11-21 08:00:60+00",
        "294247-01-01 00:00:00+00",
        "999999-12-31 23:59:59-15:59:59",
        "26-11-21 08:41:26+00",
        "1234567-11-21 08:41:26+00",
        "21/11/2026 08:41:26+00",
        "infinity",
        "-infinity",
        "-2026-11-21 08:41:26+00",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t untouched = 7;
        ck_assert_msg(pg_timestamp_parse(str_from(texts[i]), &untouched) == -EINVAL,
                      "%s is accepted", texts[i]);
        ck_assert_int_eq(untouched, 7);
    }
}
END_TEST

/* No prefix of a timestamp is one, but those that end after the hours or minutes of the offset. */
START_TEST(test_cut_off)
{
    struct str text = STR("2026-11-21 08:41:26.739092+01:02:03");
    int64_t ignored;

    for (size_t len = 0; len < text.len; len++) {
        bool whole = len == strlen("2026-11-21 08:41:26.739092+01") ||
                     len == strlen("2026-11-21 08:41:26.739092+01:02");
        int r = pg_timestamp_parse((struct str){text.data, len}, &ignored);
        ck_assert_int_eq(r, whole ? 0 : -EINVAL);
    }
}
END_TEST

UNIT_SUITE("decode/pg_timestamp", test_instants, test_fractions, test_offsets, test_calendar,
           test_refused, test_cut_off)
