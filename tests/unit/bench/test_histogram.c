#include "histogram.h"
#include "unit.h"

START_TEST(small_values_are_exact)
{
    struct histogram h = {0};

    for (uint64_t value = 0; value < 100; value++)
        histogram_add(&h, value);
    ck_assert_uint_eq(histogram_quantile(&h, 10), 0);
    ck_assert_uint_eq(histogram_quantile(&h, 500), 49);
    ck_assert_uint_eq(histogram_quantile(&h, 990), 98);
    ck_assert_uint_eq(histogram_quantile(&h, 999), 99);
    ck_assert_uint_eq(h.max, 99);
}
END_TEST

START_TEST(a_quantile_is_no_less_than_the_truth_and_at_most_one_sixtyfourth_more)
{
    for (unsigned bits = 1; bits < HISTOGRAM_BITS; bits++) {
        for (int step = -1; step <= 1; step++) {
            struct histogram h = {0};
            uint64_t value = (UINT64_C(1) << bits) + (uint64_t)(int64_t)step;
            histogram_add(&h, value);
            histogram_add(&h, UINT64_C(1) << HISTOGRAM_BITS);
            ck_assert_uint_ge(histogram_quantile(&h, 500), value);
            ck_assert_uint_le(histogram_quantile(&h, 500), value + value / 64);
        }
    }
}
END_TEST

START_TEST(none_is_more_than_the_greatest_value)
{
    struct histogram h = {0};

    histogram_add(&h, 1000001);
    ck_assert_uint_eq(histogram_quantile(&h, 500), 1000001);
    ck_assert_uint_eq(histogram_quantile(&h, 999), 1000001);
}
END_TEST

START_TEST(values_past_the_last_cell_are_counted_there)
{
    struct histogram h = {0};

    histogram_add(&h, UINT64_MAX);
    histogram_add(&h, UINT64_C(1) << HISTOGRAM_BITS);
    ck_assert_uint_eq(h.total, 2);
    ck_assert_uint_eq(h.max, UINT64_MAX);
    ck_assert_uint_eq(histogram_quantile(&h, 500), (UINT64_C(1) << HISTOGRAM_BITS) - 1);
}
END_TEST

START_TEST(an_empty_one_has_no_quantile)
{
    const struct histogram h = {0};

    ck_assert_uint_eq(histogram_quantile(&h, 500), 0);
}
END_TEST

UNIT_SUITE("bench/histogram", small_values_are_exact,
           a_quantile_is_no_less_than_the_truth_and_at_most_one_sixtyfourth_more,
           none_is_more_than_the_greatest_value, values_past_the_last_cell_are_counted_there,
           an_empty_one_has_no_quantile)
