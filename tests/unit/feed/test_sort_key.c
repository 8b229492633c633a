#include "feed/sort_key.h"

#include "unit.h"
#include <errno.h>

static int make(struct buffer *out, enum value_class value_class, const char *text)
{
    buffer_init(out, 4096);
    return sort_key(out, value_class, str_from(text));
}

static int order(enum value_class value_class, const char *a, const char *b)
{
    struct buffer first, second;

    ck_assert_msg(make(&first, value_class, a) == 0, "%s", a);
    ck_assert_msg(make(&second, value_class, b) == 0, "%s", b);
    int result = sort_key_compare(buffer_str(&first), buffer_str(&second));
    buffer_release(&first);
    buffer_release(&second);
    return result;
}

/* Each is less than all behind it, and equal to itself. */
static void assert_ascending(enum value_class value_class, const char *const *texts)
{
    for (size_t i = 0; texts[i] != NULL; i++) {
        for (size_t j = i; texts[j] != NULL; j++) {
            int less = order(value_class, texts[i], texts[j]);
            int greater = order(value_class, texts[j], texts[i]);
            ck_assert_msg(i == j ? less == 0 : less < 0, "%s %s", texts[i], texts[j]);
            ck_assert_msg(i == j ? greater == 0 : greater > 0, "%s %s", texts[j], texts[i]);
        }
    }
}

START_TEST(test_numbers)
{
    static const char *const numbers[] = {"-Infinity",
                                          "-1e40",
                                          "-101",
                                          "-100.01",
                                          "-100",
                                          "-99",
                                          "-1.1",
                                          "-1",
                                          "-0.1",
                                          "-0.001",
                                          "0",
                                          "1e-9",
                                          "0.1",
                                          "0.11",
                                          "1",
                                          "1.01",
                                          "9",
                                          "10",
                                          "11",
                                          "99",
                                          "123456789012345678901234567890.1",
                                          "123456789012345678901234567890.12",
                                          "Infinity",
                                          "NaN",
                                          NULL};

    assert_ascending(CLASS_NUMBER, numbers);
    ck_assert_int_eq(order(CLASS_NUMBER, "1.0", "1"), 0);
    ck_assert_int_eq(order(CLASS_NUMBER, "1e2", "100.000"), 0);
    ck_assert_int_eq(order(CLASS_NUMBER, "-0.0", "+0"), 0);
    ck_assert_int_eq(order(CLASS_NUMBER, "0.00120", "12E-4"), 0);
}
END_TEST

START_TEST(test_floats)
{
    static const char *const numbers[] = {"-Infinity", "-1e300", "-2",       "-0.5", "0", "5e-324",
                                          "0.5",       "1e300",  "Infinity", "NaN",  NULL};

    assert_ascending(CLASS_FLOAT8, numbers);
    ck_assert_int_eq(order(CLASS_FLOAT8, "0.1", "0.10000000000000001"), 0);
    ck_assert_int_eq(order(CLASS_FLOAT4, "0.1", "0.100000001"), 0);
    ck_assert_int_eq(order(CLASS_FLOAT8, "-0", "0"), 0);
    ck_assert_int_lt(order(CLASS_FLOAT8, "0.1", "0.100000001"), 0);
}
END_TEST

START_TEST(test_times)
{
    static const char *const instants[] = {"-infinity",
                                           "0044-03-15 12:00:00 BC",
                                           "0001-01-01",
                                           "1969-12-31T23:59:59",
                                           "1970-01-01T00:00:00+00:00",
                                           "2000-02-29T10:00:00.1+02",
                                           "2000-02-29T08:00:00.11",
                                           "2000-02-29 08:01Z",
                                           "12345-01-01",
                                           "infinity",
                                           NULL};

    assert_ascending(CLASS_TIMESTAMPTZ, instants);
    ck_assert_int_eq(order(CLASS_TIMESTAMPTZ, "2000-01-01T05:45+0545", "2000-01-01"), 0);
    /* The last one that there is. */
    ck_assert_int_gt(order(CLASS_TIMESTAMP, "294276-12-31 23:59:59.999999", "2026-01-01"), 0);
    ck_assert_int_lt(order(CLASS_TIMESTAMPTZ, "294276-12-31 23:59:59.999999-15:59", "infinity"), 0);
    ck_assert_int_eq(order(CLASS_TIMESTAMP, "2000-01-01T05:45+0545", "2000-01-01 05:45:00"), 0);
    ck_assert_int_lt(order(CLASS_DATE, "2000-02-29", "2000-03-01"), 0);
    ck_assert_int_lt(order(CLASS_TIME, "09:59:59.999999", "10:00"), 0);
}
END_TEST

START_TEST(test_other_classes)
{
    static const char *const texts[] = {"", "A", "a", "a ", "ab", "b", "\xc3\xa4", NULL};

    assert_ascending(CLASS_TEXT, texts);
    ck_assert_int_eq(order(CLASS_PADDED, "a  ", "a"), 0);
    ck_assert_int_eq(order(CLASS_BOOL, "yes", "t"), 0);
    ck_assert_int_lt(order(CLASS_BOOL, "false", "on"), 0);
    ck_assert_int_eq(order(CLASS_BYTEA, "\\xFF", "\\xff"), 0);
    ck_assert_int_eq(order(CLASS_UUID, "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}",
                           "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
                     0);
}
END_TEST

START_TEST(test_no_values)
{
    static const struct {
        enum value_class value_class;
        const char *text;
    } cases[] = {
        {CLASS_NUMBER, ""},
        {CLASS_NUMBER, "."},
        {CLASS_NUMBER, "-"},
        {CLASS_NUMBER, "1e"},
        {CLASS_NUMBER, "1e99999999"},
        {CLASS_NUMBER, "0x10"},
        {CLASS_NUMBER, "1 "},
        {CLASS_FLOAT8, "1e999"},
        {CLASS_FLOAT4, "1e39"},
        {CLASS_BOOL, "maybe"},
        {CLASS_DATE, "2001-02-29"},
        {CLASS_DATE, "0000-01-01"},
        {CLASS_DATE, "2001-13-01"},
        {CLASS_DATE, "2001-01-01T"},
        {CLASS_TIME, "24:00:01"},
        {CLASS_TIME, "10:60"},
        {CLASS_TIMESTAMP, "2001-01-01T10"},
        {CLASS_TIMESTAMPTZ, "2001-01-01T10:00+16"},
        {CLASS_TIMESTAMPTZ, "2001-01-01T10:00 02"},
        {CLASS_TIMESTAMPTZ, "999999-01-01"},
        {CLASS_UUID, "a0ee"},
        {CLASS_BYTEA, "\\x0"},
        {CLASS_BYTEA, "00"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer key;
        ck_assert_msg(make(&key, cases[i].value_class, cases[i].text) == -EINVAL, "%s",
                      cases[i].text);
        buffer_release(&key);
    }
}
END_TEST

UNIT_SUITE("feed/sort_key", test_numbers, test_floats, test_times, test_other_classes,
           test_no_values)
