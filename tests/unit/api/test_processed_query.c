#include "api/processed_query.h"
#include "unit.h"
#include <errno.h>

/* 2026-08-25T13:13:30Z */
#define MOMENT INT64_C(1787663610000000)

static struct processed_query parse(const char *query)
{
    struct processed_query ret = {0};
    struct error err = {0};

    ck_assert_msg(processed_query_parse(&ret, str_from(query), &err) == 0, "%s: %s", query,
                  err.text);
    return ret;
}

static const char *refusal(const char *query)
{
    static struct error err;
    struct processed_query ret;

    ck_assert_msg(processed_query_parse(&ret, str_from(query), &err) == -EINVAL, "%s", query);
    return err.text;
}

START_TEST(test_an_lsn)
{
    struct processed_query query = parse("lsn=16/B374D848&wait=2.5");
    ck_assert(query.by_lsn);
    ck_assert_uint_eq(query.lsn, UINT64_C(0x16B374D848));
    ck_assert_uint_eq(query.wait_ms, 2500);
    ck_assert_uint_eq(parse("lsn=0%2F16b3748").lsn, 0x16b3748);
}
END_TEST

/* A time is over only when its last microsecond is. */
START_TEST(test_a_time_is_the_end_of_what_is_said)
{
    static const struct {
        const char *text;
        int64_t us;
    } times[] = {
        {"2026-08-25T13:13:30.123456Z", MOMENT + 123456},
        {"2026-08-25T13:13:30.123Z", MOMENT + 123999},
        {"2026-08-25T13:13:30.5Z", MOMENT + 599999},
        {"2026-08-25T13:13:30Z", MOMENT + 999999},
        {"2026-08-25%2013:13:30.123456%2B00", MOMENT + 123456},
        {"2026-08-25+13:13:30.123456+00", MOMENT + 123456},
        {"2026-08-25T15:13:30.123456+02:00", MOMENT + 123456},
        {"2026-08-25T15%3A13%3A30.123456%2B0200", MOMENT + 123456},
        {"2026-08-25t09:43:30.123-03:30", MOMENT + 123999},
    };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char query[128];
        snprintf(query, sizeof(query), "since=%s", times[i].text);
        ck_assert(!parse(query).by_lsn);
        ck_assert_msg(parse(query).time_us == times[i].us, "%s is %lld", times[i].text,
                      (long long)parse(query).time_us);
    }
}
END_TEST

START_TEST(test_what_is_no_time_with_a_zone_is_refused)
{
    static const char *const texts[] = {
        "",
        "now",
        "infinity",
        "-infinity",
        "1787663610",
        "2026-08-25",
        "2026-08-25Z",
        "2026-08-25T13:13Z",
        "2026-08-25T13:13+02:00",
        "2026-08-25T13:13:30",
        "2026-08-25T13:13:30.123",
        "2026-02-30T13:13:30Z",
        "2026-08-25T25:13:30Z",
        "2026-08-25T13:13:30.1234567Z",
        "2026-08-25T13:13:30ZZ",
        "2026-08-25T13:13:30+02:00%20BC",
        "2026-08-25T13:13:30%00Z",
        "2026-08-25T13:13:30%zz",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char query[128];
        snprintf(query, sizeof(query), "since=%s", texts[i]);
        ck_assert_str_eq(refusal(query), "Parameter \"since\" must be a time with seconds and a "
                                         "zone, like 2026-08-25T13:13:30.123Z");
    }
}
END_TEST

START_TEST(test_one_of_the_two_and_nothing_by_half)
{
    ck_assert_str_eq(refusal(""), "Say up to where: either lsn= or since=");
    ck_assert_str_eq(refusal("wait=1"), "Say up to where: either lsn= or since=");
    ck_assert_str_eq(refusal("lsn=0/1&since=2026-08-25T13:13:30Z"),
                     "Say up to where: either lsn= or since=");
    ck_assert(strstr(refusal("lsn=0/"), "Parameter \"lsn\" must be an LSN"));
    ck_assert(strstr(refusal("lsn=0/1&wait=61"), "Parameter \"wait\" must be"));
    ck_assert_uint_eq(parse("lsn=0/1&operator=x&lsn=0/2").lsn, 2);
}
END_TEST

UNIT_SUITE("api/processed_query", test_an_lsn, test_a_time_is_the_end_of_what_is_said,
           test_what_is_no_time_with_a_zone_is_refused, test_one_of_the_two_and_nothing_by_half)
