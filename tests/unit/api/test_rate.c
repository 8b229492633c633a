#include "api/rate.h"
#include "unit.h"

#define NOW 1000000

static const struct str toto = STR("toto"), other = STR("other");

START_TEST(test_burst_and_refill)
{
    struct rate *rate = rate_new(10);

    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(rate_take(rate, toto, NOW), 0);
    ck_assert_uint_eq(rate_take(rate, toto, NOW), 100);
    ck_assert_uint_eq(rate_take(rate, toto, NOW + 99), 1);
    ck_assert_uint_eq(rate_take(rate, toto, NOW + 100), 0);
    ck_assert_uint_eq(rate_take(rate, toto, NOW + 100), 100);
    ck_assert_uint_eq(rate_take(rate, toto, NOW + 10000), 0);
    rate_free(rate);
}
END_TEST

START_TEST(test_clients_apart)
{
    struct rate *rate = rate_new(1);

    ck_assert_uint_eq(rate_take(rate, toto, NOW), 0);
    ck_assert_uint_eq(rate_take(rate, toto, NOW), 1000);
    ck_assert_uint_eq(rate_take(rate, other, NOW), 0);
    rate_free(rate);
}
END_TEST

/* Not more than are counted, and those who pause make room. */
START_TEST(test_bounded)
{
    struct rate *rate = rate_new(1);

    for (uint32_t i = 0; i < RATE_CLIENTS_MAX; i++)
        ck_assert_uint_eq(rate_take(rate, (struct str){(char *)&i, sizeof(i)}, NOW), 0);
    ck_assert_uint_eq(rate_take(rate, toto, NOW + 999), 1000);
    ck_assert_uint_eq(rate_take(rate, toto, NOW + 1000), 0);
    rate_free(rate);
}
END_TEST

UNIT_SUITE("api/rate", test_burst_and_refill, test_clients_apart, test_bounded)
