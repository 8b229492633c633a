#include "event/samples.h"

#include <stdio.h>

static const struct {
    const char *json, *text;
} scalars[] = {
    {"\"\"", ""},
    {"\"abc\"", "abc"},
    {"42", "42"},
    {"-1.50", "-1.50"},
    {"true", "true"},
    {"false", "false"},
    {"\"null\"", "null"},
    {"\"a\\\"b\\\\c\\/d\"", "a\"b\\c/d"},
    {"\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t"},
    {"\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00!\"", "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80!"},
    {"\"\xC3\xA9\"", "\xC3\xA9"},
    {"[1,\"a\"]", "[1,\"a\"]"},
    {"{\"a\":1}", "{\"a\":1}"},
};

START_TEST(text_is_what_the_scalar_holds)
{
    for (size_t i = 0; i < COUNT_OF(scalars); i++) {
        struct buffer out;
        buffer_init(&out, 100);
        ck_assert_int_eq(json_scalar_text(&out, str_from(scalars[i].json)), 0);
        ck_assert_msg(str_equal(buffer_str(&out), str_from(scalars[i].text)), "%s",
                      scalars[i].json);
        buffer_release(&out);
    }
}
END_TEST

START_TEST(null_and_nothing_have_no_text)
{
    struct buffer out;

    buffer_init(&out, 100);
    ck_assert_int_eq(json_scalar_text(&out, STR("null")), -ENODATA);
    ck_assert_int_eq(json_scalar_text(&out, (struct str){NULL, 0}), -EINVAL);
    buffer_release(&out);
}
END_TEST

START_TEST(broken_strings_are_refused)
{
    const char *const broken[] = {
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u00g0\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\n\"",
        "\"a\\",
    };

    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct buffer out;
        buffer_init(&out, 100);
        buffer_append_char(&out, '#');
        ck_assert_msg(json_scalar_text(&out, str_from(broken[i])) == -EINVAL, "%s", broken[i]);
        ck_assert_uint_eq(out.len, 1);
        buffer_release(&out);
    }
}
END_TEST

START_TEST(output_is_bounded_by_the_buffer)
{
    for (size_t max = 0; max < 6; max++) {
        struct buffer out;
        buffer_init(&out, max);
        int r = json_scalar_text(&out, STR("\"a\\nb\\u00e9\""));
        ck_assert_int_eq(r, max < 5 ? -EMSGSIZE : 0);
        ck_assert_uint_eq(out.len, max < 5 ? 0 : 5);
        buffer_release(&out);
    }
}
END_TEST

START_TEST(text_without_escapes_stands_where_it_is)
{
    for (size_t i = 0; i < COUNT_OF(scalars); i++) {
        struct str json = str_from(scalars[i].json), text = {NULL, 0};
        int r = json_scalar_plain(json, &text);
        ck_assert_int_eq(r, memchr(json.data, '\\', json.len) == NULL);
        if (r == 0)
            continue;
        ck_assert_msg(str_equal(text, str_from(scalars[i].text)), "%s", json.data);
        ck_assert(text.data == json.data + (json.data[0] == '"'));
    }
    struct str text;
    ck_assert_int_eq(json_scalar_plain(STR("null"), &text), -ENODATA);
    ck_assert_int_eq(json_scalar_plain((struct str){NULL, 0}, &text), -EINVAL);
    ck_assert_int_eq(json_scalar_plain(STR("\""), &text), -EINVAL);
    ck_assert_int_eq(json_scalar_plain(STR("\"a"), &text), -EINVAL);
}
END_TEST

UNIT_SUITE("event/scalar", text_is_what_the_scalar_holds, null_and_nothing_have_no_text,
           broken_strings_are_refused, output_is_bounded_by_the_buffer,
           text_without_escapes_stands_where_it_is)
