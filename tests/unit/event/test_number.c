#include "event/samples.h"

START_TEST(digits_stay_as_they_are)
{
    const struct conversion cases[] = {
        {"0", "0"},
        {"-1", "-1"},
        {"9223372036854775807", "9223372036854775807"},
        {"9007199254740993", "9007199254740993"},
        {"1.50", "1.50"},
        {"0.000", "0.000"},
        {"-0.00000000000000000001", "-0.00000000000000000001"},
        {"1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"},
    };

    expect_conversions(&type_int4, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(exponents_become_plain_decimals)
{
    const struct conversion cases[] = {
        {"1e+20", "100000000000000000000"},
        {"1e-05", "0.00001"},
        {"1e+15", "1000000000000000"},
        {"1.2345678901234567e+19", "12345678901234567000"},
        {"1.234567e+06", "1234567"},
        {"1.2345678e+06", "1234567.8"},
        {"-2.5e-07", "-0.00000025"},
        {"1.17549e-38", "0.0000000000000000000000000000000000000117549"},
        {"0.5e3", "500"},
        {"0.005e3", "5"},
        {"0.0005e3", "0.5"},
        {"12.5e-1", "1.25"},
        {"12.5e-2", "0.125"},
        {"1.50e1", "15.0"},
        {"1.5e0", "1.5"},
        {"7e0", "7"},
        {"-0e+05", "0"},
    };

    expect_conversions(&type_int4, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(the_ends_of_float8_are_written_out)
{
    struct buffer out;

    buffer_init(&out, 1000);
    ck_assert_int_eq(json_value(&out, &type_int4, STR("1.7976931348623157e+308")), 0);
    ck_assert_uint_eq(out.len, 309);
    ck_assert_mem_eq(out.data, "179769313486231570000", 21);
    buffer_reset(&out);
    ck_assert_int_eq(json_value(&out, &type_int4, STR("-5e-324")), 0);
    ck_assert_uint_eq(out.len, 3 + 324);
    ck_assert_mem_eq(out.data, "-0.000", 6);
    ck_assert_int_eq(out.data[out.len - 1], '5');
    buffer_release(&out);
}
END_TEST

START_TEST(no_negative_zero)
{
    const struct conversion cases[] = {{"-0", "0"}, {"-0.00", "0.00"}, {"-0.01", "-0.01"}};

    expect_conversions(&type_int4, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(what_json_has_no_number_for_is_a_string)
{
    const struct conversion cases[] = {
        {"NaN", "\"NaN\""},
        {"Infinity", "\"Infinity\""},
        {"-Infinity", "\"-Infinity\""},
    };

    expect_conversions(&type_int4, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(all_else_is_refused)
{
    const char *const texts[] = {
        "",      "-",       "+1",    ".5",     "5.",
        "1.2.3", "01",      "00",    "-01",    "1e",
        "1e+",   "1e+-",    "1e401", "1e-401", "1e99999999999999999999",
        "1x",    "1 ",      " 1",    "nan",    "0x1",
        "1,0",   "--1",     "1e5x",  "1-",     "inf",
        "-NaN",  "Infinit", "1\n",
    };

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct conversion refused = {texts[i], NULL};
        expect_conversions(&type_int4, &refused, 1);
    }
}
END_TEST

START_TEST(output_is_bounded_by_the_buffer)
{
    expect_bounded(&type_int4, "-12345.678", "-12345.678");
    expect_bounded(&type_int4, "-1.25e-10", "-0.000000000125");
    expect_bounded(&type_int4, "1e+20", "100000000000000000000");
}
END_TEST

START_TEST(test_numerals_are_the_same_digits_in_quotes)
{
    static const struct type_info type_numeral = {.kind = JSON_KIND_NUMERAL};
    const struct conversion cases[] = {
        {"0", "\"0\""},
        {"-9007199254740993", "\"-9007199254740993\""},
        {"1.50", "\"1.50\""},
        {"1e+20", "\"100000000000000000000\""},
        {"-0", "\"0\""},
        {"NaN", "\"NaN\""},
        {"-Infinity", "\"-Infinity\""},
    };

    expect_conversions(&type_numeral, cases, COUNT_OF(cases));
    struct buffer out;
    buffer_init(&out, 100);
    buffer_append_str(&out, STR("before"));
    ck_assert_int_eq(json_value(&out, &type_numeral, STR("1,5")), -EINVAL);
    ck_assert(str_equal(buffer_str(&out), STR("before")));
    buffer_release(&out);
}
END_TEST

UNIT_SUITE("event/number", test_numerals_are_the_same_digits_in_quotes, digits_stay_as_they_are,
           exponents_become_plain_decimals, the_ends_of_float8_are_written_out, no_negative_zero,
           what_json_has_no_number_for_is_a_string, all_else_is_refused,
           output_is_bounded_by_the_buffer)
