#include "decode/json_text.h"

#include "unit.h"

#include <stdio.h>

static struct json_reader reader;

static struct str text_of(struct str json)
{
    struct str text;

    ck_assert_int_eq(json_start(&reader, json), 0);
    ck_assert_msg(json_text_read(&reader, &text) == 0, "%.*s: %s", STR_ARG(json), reader.fault);
    ck_assert_uint_eq(json_offset(&reader), json.len);
    return text;
}

static void assert_text(const char *json, const char *expected)
{
    struct str text = text_of(str_from(json));

    ck_assert_msg(str_equal(text, str_from(expected)), "%s gives %.*s", json, STR_ARG(text));
    json_reader_release(&reader);
}

/* Text without escapes is not copied. */
START_TEST(test_borrows)
{
    struct str json = STR("\"na\xC3\xAFve /\x7F\"");
    struct str text = text_of(json);

    ck_assert_ptr_eq(text.data, json.data + 1);
    ck_assert_uint_eq(text.len, json.len - 2);
    ck_assert_ptr_null(reader.scratch);
}
END_TEST

START_TEST(test_escapes)
{
    assert_text("\"\"", "");
    assert_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
    assert_text("\"a\\nb\"", "a\nb");
    assert_text("\"\\u0001\\u001f\\u007f\"", "\x01\x1F\x7F");
    assert_text("\"\\u0080\\u07ff\"", "\xC2\x80\xDF\xBF");
    assert_text("\"\\u0800\\uFFFF\\ud7ff\\uE000\"",
                "\xE0\xA0\x80\xEF\xBF\xBF\xED\x9F\xBF\xEE\x80\x80");
    assert_text("\"\\uD83D\\ude00!\"", "\xF0\x9F\x98\x80!");
    assert_text("\"\\ud800\\udc00\\udbff\\udfff\"", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
}
END_TEST

START_TEST(test_refused)
{
    static const struct {
        const char *json;
        const char *fault;
    } rows[] = {
        {"\"\\x\"", "an unknown escape"},
        {"\"\\U0041\"", "an unknown escape"},
        {"\"\\u00g0\"", "four hex digits are expected after \\u"},
        {"\"\\u 041\"", "four hex digits are expected after \\u"},
        {"\"\\u0000\"", "\\u0000 is in no PostgreSQL text"},
        {"\"\\udc00\"", "half of a surrogate pair"},
        {"\"\\ud83d\"", "half of a surrogate pair"},
        {"\"\\ud83dx\"", "half of a surrogate pair"},
        {"\"\\ud83d\\n\"", "half of a surrogate pair"},
        {"\"\\ud83d\\u0041\"", "half of a surrogate pair"},
        {"\"\\ud83d\\ud83d\"", "half of a surrogate pair"},
        {"\"a\nb\"", "a control character in a string"},
        {"\"\x1F\"", "a control character in a string"},
        {"\"", "the text ends too early"},
        {"\"abc", "the text ends too early"},
        {"\"abc\\", "the text ends too early"},
        {"\"abc\\\"", "the text ends too early"},
        {"\"\\u00", "the text ends too early"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str untouched = STR("untouched");
        ck_assert_int_eq(json_start(&reader, str_from(rows[i].json)), 0);
        ck_assert_int_eq(json_text_read(&reader, &untouched), -EBADMSG);
        ck_assert_str_eq(reader.fault, rows[i].fault);
        ck_assert(str_equal(untouched, STR("untouched")));
    }
    json_reader_release(&reader);
}
END_TEST

/* The scan by eight bytes finds every byte that ends a run, wherever it stands, and no other. */
START_TEST(test_each_byte_at_each_place)
{
    char json[40];

    for (int byte = 0; byte < 256; byte++) {
        for (size_t place = 1; place < sizeof(json) - 1; place++) {
            struct str text;
            memset(json, 'x', sizeof(json));
            json[0] = json[sizeof(json) - 1] = '"';
            json[place] = (char)byte;
            json_start(&reader, (struct str){json, sizeof(json)});
            int r = json_text_read(&reader, &text);
            if (byte == '"')
                ck_assert_uint_eq(text.len, place - 1);
            else if (byte < 0x20 || byte == '\\')
                ck_assert_int_eq(r, -EBADMSG);
            else
                ck_assert_uint_eq(text.len, sizeof(json) - 2);
        }
    }
    json_reader_release(&reader);
}
END_TEST

/* Strings that were handed out stay where they are when more follow. */
START_TEST(test_scratch_does_not_move)
{
    enum { COUNT = 5000 };
    static char json[COUNT * 8 + 1];
    static struct str texts[COUNT];
    size_t len = 0;

    for (int i = 0; i < COUNT; i++)
        len += (size_t)snprintf(json + len, sizeof(json) - len, "\"\\n%04d\"", i);
    json_start(&reader, (struct str){json, len});
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(json_text_read(&reader, &texts[i]), 0);
    for (int i = 0; i < COUNT; i++) {
        char expected[16];
        snprintf(expected, sizeof(expected), "\n%04d", i);
        ck_assert(str_equal(texts[i], str_from(expected)));
    }
    json_reader_release(&reader);
}
END_TEST

UNIT_SUITE("decode/json_text", test_borrows, test_escapes, test_refused,
           test_each_byte_at_each_place, test_scratch_does_not_move)
