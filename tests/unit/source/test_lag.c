#include "source/lag.h"
#include "unit.h"

START_TEST(test_nothing_is_behind_before_a_look)
{
    struct lag lag = {0};

    ck_assert_uint_eq(lag_since(&lag), 0);
    lag_reach(&lag, 100);
    ck_assert_uint_eq(lag_since(&lag), 0);
}
END_TEST

START_TEST(test_behind_since_the_first_look_that_is_not_reached)
{
    struct lag lag = {0};

    lag_look(&lag, 100, 1000);
    lag_look(&lag, 200, 2000);
    lag_look(&lag, 300, 3000);
    lag_reach(&lag, 99);
    ck_assert_uint_eq(lag_since(&lag), 1000);
    lag_reach(&lag, 100);
    ck_assert_uint_eq(lag_since(&lag), 2000);
    lag_reach(&lag, 299);
    ck_assert_uint_eq(lag_since(&lag), 3000);
    lag_reach(&lag, 300);
    ck_assert_uint_eq(lag_since(&lag), 0);
}
END_TEST

START_TEST(test_a_server_that_stands_still_is_behind_since_it_stopped)
{
    struct lag lag = {0};

    for (uint64_t now = 1000; now < 500000; now += 1000)
        lag_look(&lag, 100, now);
    ck_assert_uint_eq(lag_since(&lag), 1000);
}
END_TEST

/* The journal is always 100 looks behind: more than are kept. */
START_TEST(test_a_long_delay_is_told_about_right)
{
    struct lag lag = {0};
    uint64_t behind = 0;

    for (uint64_t now = 1; now <= 10000; now++) {
        lag_look(&lag, now, now);
        if (now > 100)
            lag_reach(&lag, now - 100);
        behind = now - lag_since(&lag);
        ck_assert_uint_le(lag.count, LAG_LOOKS);
        if (now > 100) {
            ck_assert_uint_le(behind, 99);
            ck_assert_uint_ge(behind, 90);
        }
    }
}
END_TEST

START_TEST(test_without_looks_it_is_behind_until_the_next_one_is_reached)
{
    struct lag lag = {0};

    lag_look(&lag, 100, 1000);
    lag_reach(&lag, 100);
    lag_lose_sight(&lag, 5000);
    lag_lose_sight(&lag, 6000);
    lag_reach(&lag, 150);
    ck_assert_uint_eq(lag_since(&lag), 5000);
    lag_look(&lag, 200, 9000);
    ck_assert_uint_eq(lag_since(&lag), 5000);
    lag_look(&lag, 300, 10000);
    lag_reach(&lag, 200);
    ck_assert_uint_eq(lag_since(&lag), 10000);
    lag_reach(&lag, 300);
    ck_assert_uint_eq(lag_since(&lag), 0);
}
END_TEST

START_TEST(test_who_was_behind_already_stays_so_since_then)
{
    struct lag lag = {0};

    lag_look(&lag, 100, 1000);
    lag_lose_sight(&lag, 5000);
    ck_assert_uint_eq(lag_since(&lag), 1000);
    lag_look(&lag, 100, 6000);
    ck_assert_uint_eq(lag_since(&lag), 1000);
}
END_TEST

START_TEST(test_a_server_that_has_gone_back_is_another_one)
{
    struct lag lag = {0};

    lag_look(&lag, 1000, 1000);
    lag_look(&lag, 50, 2000);
    ck_assert_uint_eq(lag_since(&lag), 2000);
    lag_reach(&lag, 50);
    ck_assert_uint_eq(lag_since(&lag), 0);
}
END_TEST

UNIT_SUITE("source/lag", test_nothing_is_behind_before_a_look,
           test_behind_since_the_first_look_that_is_not_reached,
           test_a_server_that_stands_still_is_behind_since_it_stopped,
           test_a_long_delay_is_told_about_right,
           test_without_looks_it_is_behind_until_the_next_one_is_reached,
           test_who_was_behind_already_stays_so_since_then,
           test_a_server_that_has_gone_back_is_another_one)
