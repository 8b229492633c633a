#include "config/quantity.h"
#include "unit.h"
#include <errno.h>

static uint64_t duration(const char *text)
{
    uint64_t value = 12345;
    ck_assert_msg(quantity_duration(str_from(text), &value) == 0, "%s", text);
    return value;
}

static uint64_t size(const char *text)
{
    uint64_t value = 12345;
    ck_assert_msg(quantity_size(str_from(text), &value) == 0, "%s", text);
    return value;
}

START_TEST(test_durations)
{
    ck_assert_uint_eq(duration("0"), 0);
    ck_assert_uint_eq(duration("0s"), 0);
    ck_assert_uint_eq(duration("500ms"), 500000);
    ck_assert_uint_eq(duration("10s"), 10000000);
    ck_assert_uint_eq(duration("5m"), 300000000);
    ck_assert_uint_eq(duration("2h"), 7200000000);
    ck_assert_uint_eq(duration("7d"), 604800000000);
}
END_TEST

START_TEST(test_sizes)
{
    ck_assert_uint_eq(size("0"), 0);
    ck_assert_uint_eq(size("1024"), 1024);
    ck_assert_uint_eq(size("1B"), 1);
    ck_assert_uint_eq(size("1kB"), 1024);
    ck_assert_uint_eq(size("1KB"), 1024);
    ck_assert_uint_eq(size("64MB"), 67108864);
    ck_assert_uint_eq(size("1GB"), 1073741824);
    ck_assert_uint_eq(size("2TB"), 2199023255552);
}
END_TEST

START_TEST(test_what_is_none)
{
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "s",
        "-1s",
        "+1s",
        "1 s",
        " 1s",
        "1s ",
        "1.5s",
        "1S",
        "1w",
        "0x10s",
        "1e3s",
        "99999999999999999999s",
        "18446744073709551615d",
        "1ss",
        "1us",
    };
    uint64_t value = 7;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(quantity_duration(str_from(texts[i]), &value) == -EINVAL, "%s", texts[i]);
    ck_assert_int_eq(quantity_size(STR("1gb"), &value), -EINVAL);
    ck_assert_int_eq(quantity_size(STR("-1"), &value), -EINVAL);
    ck_assert_int_eq(quantity_size(STR("16777216TB"), &value), -EINVAL);
    ck_assert_int_eq(quantity_size(STR("GB"), &value), -EINVAL);
    ck_assert_uint_eq(value, 7);
}
END_TEST

START_TEST(test_numbers_in_their_range)
{
    uint64_t value = 7;

    ck_assert_int_eq(quantity_number(STR("0"), 0, 9, &value), 0);
    ck_assert_uint_eq(value, 0);
    ck_assert_int_eq(quantity_number(STR("18446744073709551615"), 0, UINT64_MAX, &value), 0);
    ck_assert_uint_eq(value, UINT64_MAX);
    ck_assert_int_eq(quantity_number(STR("18446744073709551616"), 0, UINT64_MAX, &value), -EINVAL);
    ck_assert_int_eq(quantity_number(STR("0"), 1, 9, &value), -EINVAL);
    ck_assert_int_eq(quantity_number(STR("10"), 1, 9, &value), -EINVAL);
    ck_assert_int_eq(quantity_number(STR("5x"), 1, 9, &value), -EINVAL);
    ck_assert_int_eq(quantity_number(STR(""), 0, 9, &value), -EINVAL);
    ck_assert_uint_eq(value, UINT64_MAX);
}
END_TEST

START_TEST(test_factors)
{
    static const char *const wrong[] = {"",    ".",   "1.",  ".5",  "-1",
                                        "nan", "inf", "1e2", "0x2", "1,5"};
    double value = 7;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(quantity_factor(str_from(wrong[i]), 0, 100, &value) == -EINVAL, "%s",
                      wrong[i]);
    ck_assert_int_eq(quantity_factor(STR("0.99"), 1, 100, &value), -EINVAL);
    ck_assert_int_eq(quantity_factor(STR("100.1"), 1, 100, &value), -EINVAL);
    ck_assert(value == 7);
    ck_assert_int_eq(quantity_factor(STR("2"), 1, 100, &value), 0);
    ck_assert(value == 2);
    ck_assert_int_eq(quantity_factor(STR("1.25"), 1, 100, &value), 0);
    ck_assert(value == 1.25);
}
END_TEST

UNIT_SUITE("config/quantity", test_durations, test_sizes, test_what_is_none,
           test_numbers_in_their_range, test_factors)
