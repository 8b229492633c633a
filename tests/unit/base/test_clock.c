#include "base/clock.h"
#include "unit.h"

#include <time.h>

START_TEST(monotonic_time_never_goes_back)
{
    uint64_t before = clock_monotonic_ms();

    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_monotonic_ms();
        ck_assert_uint_ge(now, before);
        before = now;
    }
}
END_TEST

START_TEST(wall_time_is_in_microseconds_since_1970)
{
    int64_t before = (int64_t)time(NULL) * 1000000;
    int64_t now = clock_wall_us();

    /* time() may lag behind by a tick. */
    ck_assert_int_ge(now, before);
    ck_assert_int_lt(now, before + 60 * 1000000);
}
END_TEST

START_TEST(dice_differ)
{
    uint32_t all_set = UINT32_MAX, any_set = 0;

    for (int i = 0; i < 64; i++) {
        uint32_t random = random_u32();
        all_set &= random;
        any_set |= random;
    }
    /* Each bit was 0 once and 1 once; by chance false once in 2^58 runs. */
    ck_assert_uint_eq(all_set, 0);
    ck_assert_uint_eq(any_set, UINT32_MAX);
}
END_TEST

UNIT_SUITE("base/clock", monotonic_time_never_goes_back, wall_time_is_in_microseconds_since_1970,
           dice_differ)
