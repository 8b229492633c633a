#include "base/backoff.h"
#include "unit.h"

START_TEST(waits_double_up_to_the_maximum)
{
    struct backoff b = {.min_ms = 500, .max_ms = 10000, .multiplicator = 2};
    const uint32_t nominal[] = {500, 1000, 2000, 4000, 8000, 10000, 10000};

    for (size_t i = 0; i < sizeof(nominal) / sizeof(nominal[0]); i++) {
        struct backoff low = b, high = b;
        ck_assert_uint_eq(backoff_next(&low, 0), nominal[i] / 2);
        ck_assert_uint_eq(backoff_next(&high, UINT32_MAX), nominal[i]);
        ck_assert_uint_eq(low.attempts, i + 1);
        b = low;
    }
}
END_TEST

START_TEST(reset_starts_over)
{
    struct backoff b = {.min_ms = 500, .max_ms = 10000, .multiplicator = 2};

    for (int i = 0; i < 10; i++)
        backoff_next(&b, 0);
    backoff_reset(&b);
    ck_assert_uint_eq(b.attempts, 0);
    ck_assert_uint_eq(backoff_next(&b, UINT32_MAX), 500);
}
END_TEST

START_TEST(odd_settings_stay_inside_their_bounds)
{
    struct backoff still = {.min_ms = 100, .max_ms = 1000, .multiplicator = 1};
    struct backoff nothing = {.min_ms = 0, .max_ms = 0, .multiplicator = 2};
    struct backoff upside_down = {.min_ms = 1000, .max_ms = 10, .multiplicator = 2};
    struct backoff endless = {
        .min_ms = UINT32_MAX, .max_ms = UINT32_MAX, .multiplicator = 1e300, .attempts = UINT32_MAX};

    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(backoff_next(&still, UINT32_MAX), 100);
        ck_assert_uint_eq(backoff_next(&nothing, UINT32_MAX), 0);
        ck_assert_uint_le(backoff_next(&upside_down, UINT32_MAX), 10);
        ck_assert_uint_eq(backoff_next(&endless, UINT32_MAX), UINT32_MAX);
    }
    ck_assert_uint_eq(endless.attempts, UINT32_MAX);
}
END_TEST

UNIT_SUITE("base/backoff", waits_double_up_to_the_maximum, reset_starts_over,
           odd_settings_stay_inside_their_bounds)
