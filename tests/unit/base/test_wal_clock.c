#include "base/wal_clock.h"
#include "unit.h"

static struct wal_clock wal;

static void look(int64_t time_us, uint64_t lsn, uint64_t seen_ms)
{
    wal_clock_look(&wal, &(struct wal_clock_look){time_us, lsn, seen_ms});
}

/* 0: not known. */
static uint64_t find(int64_t time_us)
{
    uint64_t lsn = 0;
    return wal_clock_find(&wal, time_us, &lsn) ? lsn : 0;
}

static void setup(void)
{
    wal = (struct wal_clock){0};
}

START_TEST(test_a_time_is_where_the_wal_ended_at_the_first_look_after_it)
{
    setup();
    ck_assert_uint_eq(find(0), 0);
    look(1000, 100, 1);
    look(2000, 200, 2);
    look(3000, 300, 3);
    ck_assert_uint_eq(find(0), 100);
    ck_assert_uint_eq(find(999), 100);
    ck_assert_uint_eq(find(1000), 200);
    ck_assert_uint_eq(find(1999), 200);
    ck_assert_uint_eq(find(2999), 300);
    ck_assert_uint_eq(find(3000), 0);
}
END_TEST

/* Of the time between two looks that see the same all is before the first. */
START_TEST(test_where_nothing_happens_time_goes_on)
{
    setup();
    look(1000, 100, 1);
    for (int64_t time = 2000; time <= 500000; time += 1000)
        look(time, 100, (uint64_t)time);
    ck_assert_uint_eq(wal.count, 1);
    ck_assert_uint_eq(find(499999), 100);
    ck_assert_uint_eq(find(500000), 0);
    ck_assert_uint_eq(wal_clock_behind_since(&wal, 99), 1);
}
END_TEST

/* What was committed in the second run of an hour may lie behind all looks of the first. */
START_TEST(test_a_clock_that_is_set_back_makes_later_looks_void)
{
    setup();
    look(1000, 100, 1);
    look(2000, 200, 2);
    look(3000, 300, 3);
    look(1500, 400, 4);
    ck_assert_uint_eq(find(999), 100);
    ck_assert_uint_eq(find(1499), 400);
    ck_assert_uint_eq(find(1500), 0);
}
END_TEST

START_TEST(test_an_lsn_that_goes_back_is_of_another_server)
{
    setup();
    look(1000, 100, 1);
    look(2000, 200, 2);
    look(3000, 50, 3);
    ck_assert_uint_eq(find(0), 50);
    ck_assert_uint_eq(wal.count, 1);
}
END_TEST

/* However many looks: what is said of a time is never too early, and of a recent one close. */
START_TEST(test_old_times_are_known_less_exactly_and_never_too_early)
{
    setup();
    for (int64_t n = 1; n <= 10000; n++)
        look(n * 10, (uint64_t)n, (uint64_t)n);
    for (int64_t time = 0; time < 100000; time += 7) {
        uint64_t lsn = find(time);
        ck_assert_msg(lsn == 0 ? time >= 99000 : (int64_t)lsn * 10 > time, "%lld is %llu",
                      (long long)time, (unsigned long long)lsn);
    }
    ck_assert_uint_ne(find(99999), 0);
}
END_TEST

START_TEST(test_behind_since_the_first_look_that_is_not_reached)
{
    setup();
    ck_assert_uint_eq(wal_clock_behind_since(&wal, 0), 0);
    look(1000, 100, 1);
    look(2000, 8192 + 24, 2);
    ck_assert_uint_eq(wal_clock_behind_since(&wal, 0), 1);
    ck_assert_uint_eq(wal_clock_behind_since(&wal, 100), 2);
    ck_assert_uint_eq(wal_clock_behind_since(&wal, 8191), 2);
    ck_assert_uint_eq(wal_clock_behind_since(&wal, 8192), 0);
}
END_TEST

static void *look_often(void *unused)
{
    for (int64_t n = 1; n <= 2000; n++)
        look(n * 10, (uint64_t)n, (uint64_t)n);
    return NULL;
}

START_TEST(test_one_thread_looks_another_asks)
{
    pthread_t looker;

    setup();
    ck_assert_int_eq(pthread_create(&looker, NULL, look_often, NULL), 0);
    for (int64_t time = 0; time < 19000; time += 10) {
        uint64_t lsn = find(time);
        ck_assert(lsn == 0 || (int64_t)lsn * 10 > time);
        (void)wal_clock_behind_since(&wal, lsn);
    }
    pthread_join(looker, NULL);
}
END_TEST

UNIT_SUITE("base/wal_clock", test_one_thread_looks_another_asks,
           test_a_time_is_where_the_wal_ended_at_the_first_look_after_it,
           test_where_nothing_happens_time_goes_on,
           test_a_clock_that_is_set_back_makes_later_looks_void,
           test_an_lsn_that_goes_back_is_of_another_server,
           test_old_times_are_known_less_exactly_and_never_too_early,
           test_behind_since_the_first_look_that_is_not_reached)
