#include "event/samples.h"

#include <jansson.h>

static struct buffer out;

static void expect_string(struct str text, const char *json)
{
    buffer_init(&out, 1 << 20);
    ck_assert_int_eq(json_quote(&out, text), 0);
    ck_assert_msg(str_equal(buffer_str(&out), str_from(json)), "%.*s is not %s",
                  STR_ARG(buffer_str(&out)), json);
    buffer_release(&out);
}

START_TEST(strings_escape_as_escape_json_does)
{
    expect_string((struct str){NULL, 0}, "\"\"");
    expect_string(STR("\x01\x7f\t\b\f\r\n\\\"/\xC3\xA9"),
                  "\"\\u0001\x7f\\t\\b\\f\\r\\n\\\\\\\"/\xC3\xA9\"");
    expect_string(STR("\0\x1f"), "\"\\u0000\\u001f\"");
    expect_string(STR("<script> & 'quotes'"), "\"<script> & 'quotes'\"");
}
END_TEST

/* Strings are looked at eight bytes at a time: every byte at every place of such a word. */
START_TEST(every_byte_is_found_at_every_place)
{
    for (unsigned c = 0; c < 0x80; c++) {
        for (size_t place = 0; place < 20; place++) {
            char text[20];
            memset(text, 'a', sizeof(text));
            text[place] = (char)c;
            buffer_init(&out, 100);
            ck_assert_int_eq(json_quote(&out, (struct str){text, sizeof(text)}), 0);
            json_t *value = json_loadb(out.data, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            ck_assert_msg(json_is_string(value), "byte %u at %zu", c, place);
            ck_assert_uint_eq(json_string_length(value), sizeof(text));
            ck_assert_mem_eq(json_string_value(value), text, sizeof(text));
            bool special = c < ' ' || c == '"' || c == '\\';
            ck_assert_int_eq(out.len > sizeof(text) + 2, special);
            json_decref(value);
            buffer_release(&out);
        }
    }
}
END_TEST

START_TEST(what_is_not_utf8_is_replaced)
{
    expect_string(STR("a\xFFz"), "\"a\\ufffdz\"");
    expect_string(STR("\xE2\x82"), "\"\\ufffd\\ufffd\"");
    expect_string(STR("\xED\xA0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
    expect_string(STR("\xF0\x9F\x98\x80 \xE6\x97\xA5\xE6\x9C\xAC"),
                  "\"\xF0\x9F\x98\x80 \xE6\x97\xA5\xE6\x9C\xAC\"");
}
END_TEST

START_TEST(minify_drops_white_space_outside_strings)
{
    const struct conversion cases[] = {
        {" { \"a b\" : [ 1 , -2.5e+10 , true , false , null , { } , [ ] ] }\n",
         "{\"a b\":[1,-25000000000,true,false,null,{},[]]}"},
        {"\t\r\n0 ", "0"},
        {"-0.0", "0.0"},
        {"[-0, 1E3, 25e-1, -1.50e1, -0.5]", "[0,1000,2.5,-15.0,-0.5]"},
        {"[1e500, 1e-999999999999]", "[1e500,1e-999999999999]"},
        {"\" \\\" \\u00e9 \\/ \"", "\" \\\" \\u00e9 \\/ \""},
        {"[[],{\"a\":{}},\"\"]", "[[],{\"a\":{}},\"\"]"},
        /* Numbers keep their digits, keys their order and their doubles: it is json, not jsonb. */
        {"{\"b\": 1.00, \"a\": 12345678901234567890, \"b\": 2}",
         "{\"b\":1.00,\"a\":12345678901234567890,\"b\":2}"},
    };

    expect_conversions(&type_json, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(minify_refuses_what_is_not_json)
{
    const char *const broken[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1]",
        "[1}",
        "1 2",
        "[1 2]",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "1e+",
        "tru",
        "nul",
        "True",
        "nulll",
        "NaN",
        "{\"a\"1}",
        "{1:2}",
        "[1]]",
        "[\"a\":1]",
        "'a'",
        "\"a",
        "[1]x",
        "\"\\",
        "\"\\u123",
        "{\"a\":1 \"b\":2}",
        "\v1",
    };

    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct conversion refused = {broken[i], NULL};
        expect_conversions(&type_json, &refused, 1);
    }
    buffer_init(&out, 100);
    ck_assert_int_eq(json_minify(&out, STR("[1]\0")), -EINVAL);
    ck_assert_int_eq(json_minify(&out, STR("\"\\\0\"")), -EINVAL);
    ck_assert_uint_eq(out.len, 0);
    buffer_release(&out);
}
END_TEST

/* Mutations of one document: accepted exactly when jansson accepts them, and then the same value.
 */
START_TEST(minify_agrees_with_jansson)
{
    const char *document = "{\"a\": [1, -2.5, true, null, \"x\\ny\"], \"b\": {\"c\": \"\"}}";
    const char bytes[] = " ,:{}[]\"\\0n1-.e\n";
    size_t len = strlen(document), accepted = 0;

    for (size_t i = 0; i < len * (sizeof(bytes) - 1); i++) {
        char text[100];
        memcpy(text, document, len);
        text[i % len] = bytes[i / len];
        buffer_init(&out, 1000);
        int r = json_minify(&out, (struct str){text, len});
        json_t *theirs = json_loadb(text, len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
        ck_assert_msg((r == 0) == (theirs != NULL), "%.*s", (int)len, text);
        json_t *ours =
            json_loadb(out.data, out.len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
        ck_assert(theirs == NULL || json_equal(ours, theirs));
        accepted += theirs != NULL;
        json_decref(theirs);
        json_decref(ours);
        buffer_release(&out);
    }
    ck_assert_uint_gt(accepted, 50);
}
END_TEST

START_TEST(every_cut_is_refused)
{
    const char *whole = "{\"a\":[1,{\"b\":\"\\u00e9\\n\"},true]}";

    for (size_t len = 0; len < strlen(whole); len++) {
        char *copy = malloc(len + 1);
        memcpy(copy, whole, len);
        copy = realloc(copy, len > 0 ? len : 1);
        buffer_init(&out, 1000);
        ck_assert_int_eq(json_minify(&out, (struct str){copy, len}), -EINVAL);
        buffer_release(&out);
        free(copy);
    }
}
END_TEST

START_TEST(depth_is_bounded)
{
    static char nested[2 * 65537];

    for (size_t depth = 65535; depth <= 65537; depth++) {
        memset(nested, '[', depth);
        memset(nested + depth, ']', depth);
        buffer_init(&out, sizeof(nested));
        int r = json_minify(&out, (struct str){nested, 2 * depth});
        ck_assert_int_eq(r, depth <= 65536 ? 0 : -EINVAL);
        ck_assert_uint_eq(out.len, r == 0 ? 2 * depth : 0);
        buffer_release(&out);
    }
    /* Objects and arrays by turns: the brackets of each level are remembered. */
    const struct conversion mixed[] = {
        {"[{\"a\":[{\"b\":[[{\"c\":[]}]]}]}]", "[{\"a\":[{\"b\":[[{\"c\":[]}]]}]}]"},
        {"[{\"a\":[{\"b\":[[{\"c\":[]]}]}]}]", NULL},
    };
    expect_conversions(&type_json, mixed, COUNT_OF(mixed));
}
END_TEST

/* What is written out is far longer than what was read: the buffer grows or says that it cannot. */
START_TEST(minify_writes_exponents_out_within_the_buffer)
{
    struct str json = STR("[1e300 , -1e300, {\"k\": 1e-300}]");

    for (size_t max = 1; max < 1200; max++) {
        buffer_init(&out, max);
        buffer_append_char(&out, 'x');
        int status = json_minify(&out, json);
        ck_assert(status == 0 || status == -EMSGSIZE);
        ck_assert_int_eq(status == 0, out.len == 1 + 915);
        buffer_release(&out);
    }
}
END_TEST

UNIT_SUITE("event/json", strings_escape_as_escape_json_does, every_byte_is_found_at_every_place,
           what_is_not_utf8_is_replaced, minify_drops_white_space_outside_strings,
           minify_refuses_what_is_not_json, minify_agrees_with_jansson, every_cut_is_refused,
           depth_is_bounded, minify_writes_exponents_out_within_the_buffer)
