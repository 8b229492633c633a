#include "operator/parked.h"
#include "unit.h"

START_TEST(test_what_is_parked_is_remembered_until_removed)
{
    struct parked parked = {0};
    ck_assert(!parked_has(&parked, STR("1")));
    ck_assert_int_eq(parked_add(&parked, STR("1")), 0);
    ck_assert_int_eq(parked_add(&parked, STR("1")), 0);
    ck_assert_int_eq(parked_add(&parked, (struct str){NULL, 0}), 0);
    ck_assert_uint_eq(parked.count, 2);
    ck_assert(parked_has(&parked, STR("1")));
    ck_assert(parked_has(&parked, STR("")));
    parked_remove(&parked, STR("2"));
    parked_remove(&parked, STR("1"));
    ck_assert_uint_eq(parked.count, 1);
    ck_assert(!parked_has(&parked, STR("1")));
    parked_clear(&parked);
    ck_assert_uint_eq(parked.count, 0);
    ck_assert(!parked_has(&parked, STR("")));
}
END_TEST

static const struct config config = {
    .retry = {.min_restart_ms = 500, .max_restart_ms = 3000, .multiplicator = 3, .max_retries = 4}};

START_TEST(test_retries_come_as_configured_and_then_ever_more_rarely)
{
    static const uint64_t delays[] = {500, 1500, 3000, 3000, 6000, 12000};
    for (unsigned i = 0; i < 6; i++)
        ck_assert_uint_eq(parked_delay_ms(&config, i + 1), delays[i]);
    ck_assert_uint_eq(parked_delay_ms(&config, 1000000), 3600 * 1000);
}
END_TEST

START_TEST(test_without_retries_the_delay_grows_at_once)
{
    struct config none = config;
    none.retry.max_retries = 0;
    ck_assert_uint_eq(parked_delay_ms(&none, 1), 500);
    ck_assert_uint_eq(parked_delay_ms(&none, 2), 1000);
}
END_TEST

START_TEST(test_on_error_counts_after_the_last_retry)
{
    struct config_operator op = {.on_error = CONFIG_PARK};
    ck_assert_int_eq(parked_fate(&config, &op, 100), PARKED_AGAIN);
    op.on_error = CONFIG_STOP;
    ck_assert_int_eq(parked_fate(&config, &op, 4), PARKED_AGAIN);
    ck_assert_int_eq(parked_fate(&config, &op, 5), PARKED_STOPS);
    op.on_error = CONFIG_SKIP;
    ck_assert_int_eq(parked_fate(&config, &op, 4), PARKED_AGAIN);
    ck_assert_int_eq(parked_fate(&config, &op, 5), PARKED_DROPPED);
}
END_TEST

UNIT_SUITE("operator/parked", test_what_is_parked_is_remembered_until_removed,
           test_retries_come_as_configured_and_then_ever_more_rarely,
           test_without_retries_the_delay_grows_at_once, test_on_error_counts_after_the_last_retry)
