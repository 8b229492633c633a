#include "tally.h"
#include "unit.h"

#include <errno.h>

static const struct tally_plan plan = {.receivers = 3, .first = 10, .count = 4};

static void open_tally(struct tally *t)
{
    struct error err = {0};

    ck_assert_int_eq(tally_init(t, &plan, &err), 0);
}

static bool add(struct tally *t, unsigned subscriber, uint64_t number, int64_t now_us)
{
    return tally_add(t, subscriber, (struct stamp){number, 1000}, now_us);
}

START_TEST(a_stamp_is_found_wherever_it_is)
{
    struct str text = STR("##x#1#{\"stamp\":\"#42@1732212345678901#\"} #7@8# #9@x# #1@2");
    struct stamp stamp;

    ck_assert(stamp_find(&text, &stamp));
    ck_assert_uint_eq(stamp.number, 42);
    ck_assert_int_eq(stamp.at_us, 1732212345678901);
    ck_assert(stamp_find(&text, &stamp));
    ck_assert_uint_eq(stamp.number, 7);
    ck_assert_int_eq(stamp.at_us, 8);
    ck_assert(!stamp_find(&text, &stamp));
}
END_TEST

START_TEST(no_part_of_a_stamp_is_one)
{
    const struct str whole = STR("#123@456#");

    for (size_t len = 0; len < whole.len; len++) {
        struct str part = {whole.data, len};
        struct stamp stamp;
        ck_assert(!stamp_find(&part, &stamp));
    }
}
END_TEST

START_TEST(all_in_order_is_right)
{
    struct tally t;

    open_tally(&t);
    ck_assert_uint_eq(tally_missing(&t), 12);
    for (uint64_t number = 10; number < 14; number++)
        for (unsigned k = 0; k < 3; k++)
            ck_assert_int_eq(add(&t, k, number, 2000), k == 2);
    ck_assert_uint_eq(tally_missing(&t), 0);
    ck_assert_uint_eq(t.deliveries, 12);
    ck_assert_uint_eq(t.repeated + t.disordered + t.stray, 0);
    tally_release(&t);
}
END_TEST

START_TEST(each_receiver_has_an_order_of_its_own)
{
    struct tally t;

    open_tally(&t);
    add(&t, 0, 11, 0);
    add(&t, 1, 10, 0);
    ck_assert_uint_eq(t.disordered, 0);
    add(&t, 0, 10, 0);
    ck_assert_uint_eq(t.disordered, 1);
    add(&t, 0, 10, 0);
    ck_assert_uint_eq(t.repeated, 1);
    ck_assert_uint_eq(t.disordered, 1);
    ck_assert_uint_eq(tally_missing(&t), 12 - 3);
    tally_release(&t);
}
END_TEST

START_TEST(what_nobody_asked_for_is_stray)
{
    struct tally t;

    open_tally(&t);
    add(&t, 0, 9, 0);
    add(&t, 0, 14, 0);
    add(&t, 3, 10, 0);
    ck_assert_uint_eq(t.stray, 3);
    ck_assert_uint_eq(tally_missing(&t), 12);
    tally_release(&t);
}
END_TEST

START_TEST(times_are_from_the_stamp_and_between_the_first_and_the_last_receiver)
{
    struct tally t;

    open_tally(&t);
    add(&t, 2, 10, 1010);
    add(&t, 0, 10, 1020);
    ck_assert_uint_eq(t.everybody.total, 0);
    add(&t, 1, 10, 1060);
    ck_assert_uint_eq(t.everybody.total, 1);
    ck_assert_uint_eq(t.everybody.max, 60);
    ck_assert_uint_eq(histogram_quantile(&t.latency, 500), 20);
    ck_assert_double_eq_tol(t.spread_seconds, 50e-6, 1e-9);
    ck_assert_int_eq(t.first_us, 1010);
    ck_assert_int_eq(t.last_us, 1060);
    tally_release(&t);
}
END_TEST

START_TEST(a_run_that_memory_does_not_hold_is_refused)
{
    const struct tally_plan endless = {.receivers = 100000, .first = 1, .count = UINT64_MAX / 2};
    struct tally t;
    struct error err = {0};

    ck_assert_int_eq(tally_init(&t, &endless, &err), -E2BIG);
    ck_assert_ptr_nonnull(strstr(err.text, "too many for one run"));
}
END_TEST

UNIT_SUITE("bench/tally", a_stamp_is_found_wherever_it_is, no_part_of_a_stamp_is_one,
           all_in_order_is_right, each_receiver_has_an_order_of_its_own,
           what_nobody_asked_for_is_stray,
           times_are_from_the_stamp_and_between_the_first_and_the_last_receiver,
           a_run_that_memory_does_not_hold_is_refused)
