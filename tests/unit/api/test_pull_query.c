#include "api/pull_query.h"

#include "unit.h"

static void assert_query(const char *query, unsigned limit, unsigned wait_ms)
{
    struct pull_query got;
    struct error err = {0};

    ck_assert_msg(pull_query_parse(&got, str_from(query), &err) == 0, "%s: %s", query, err.text);
    ck_assert_msg(got.limit == limit && got.wait_ms == wait_ms, "%s: %u, %u ms", query, got.limit,
                  got.wait_ms);
}

static void assert_refused(const char *query, const char *expected)
{
    struct pull_query got = {7, 7};
    struct error err = {0};

    ck_assert_msg(pull_query_parse(&got, str_from(query), &err) < 0, "%s", query);
    ck_assert_str_eq(err.text, expected);
    ck_assert_uint_eq(got.limit, 7);
}

START_TEST(test_default)
{
    assert_query("", 100, 0);
    assert_query("after=7f3a91c2-1-1&rating=gte.4", 100, 0);
}
END_TEST

START_TEST(test_values)
{
    assert_query("limit=1", 1, 0);
    assert_query("wait=30&limit=10000", 10000, 30000);
    assert_query("limit=5&limit=6", 6, 0);
    assert_query("limit=%31%30", 10, 0);
    assert_query("wait=0", 100, 0);
    assert_query("wait=60", 100, 60000);
    assert_query("wait=60.0", 100, 60000);
    assert_query("wait=0.25", 100, 250);
    assert_query("wait=.5", 100, 500);
    assert_query("wait=2.", 100, 2000);
    assert_query("wait=1.0019", 100, 1001);
}
END_TEST

/* The answer names the parameter and what it may be. */
START_TEST(test_refused)
{
    static const char *const limits[] = {
        "", "0", "-1", "10001", "1.5", "1e3", "ten", "+5", "%zz", "99999999999999999999", "1%00"};
    static const char *const waits[] = {"",
                                        ".",
                                        "-1",
                                        "-0",
                                        "60.001",
                                        "61",
                                        "1e1",
                                        "5s",
                                        "1.2.3",
                                        "NaN",
                                        "99999999999999999999999999999999999999999"};
    char query[128];

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        snprintf(query, sizeof(query), "wait=1&limit=%s", limits[i]);
        assert_refused(query, "Parameter \"limit\" must be a whole number from 1 to 10000");
    }
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        snprintf(query, sizeof(query), "wait=%s&limit=1", waits[i]);
        assert_refused(query, "Parameter \"wait\" must be a number of seconds from 0 to 60");
    }
    assert_refused("limit", "Parameter \"limit\" must be a whole number from 1 to 10000");
}
END_TEST

UNIT_SUITE("api/pull_query", test_default, test_values, test_refused)
