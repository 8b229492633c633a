#include "decode/json_reader.h"

#include "failing_malloc.h"
#include "unit.h"

static struct json_reader reader;

static int skip_all(const char *json)
{
    json_start(&reader, str_from(json));
    int r = json_skip(&reader);
    return r < 0 ? r : json_finish(&reader);
}

/* What RFC 8259 allows is read, white space included. */
START_TEST(test_accepted)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "10",
        "-1.50",
        "1e+300",
        "1E-7",
        "0.0e0",
        "\"\"",
        "[]",
        "{}",
        " [ ] ",
        "\t{ \"a\" : [ 1 , { } , null ] ,\r\n\"b\":\"x\" } ",
        "[[],[[]],{}]",
        "12345678901234567890.12345678901234567890",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(skip_all(texts[i]) == 0, "%s: %s", texts[i], reader.fault);
}
END_TEST

/* What it does not allow is refused at the byte that is wrong. */
START_TEST(test_refused)
{
    static const struct {
        const char *json;
        size_t offset;
        const char *fault;
    } rows[] = {
        {"", 0, "the text ends too early"},
        {"  ", 2, "the text ends too early"},
        {"nul", 0, "the text ends too early"},
        {"nulL", 0, "a value is expected"},
        {"NaN", 0, "a value is expected"},
        {"-", 1, "the text ends too early"},
        {"-x", 1, "a digit is expected"},
        {"+1", 0, "a value is expected"},
        {".5", 0, "a value is expected"},
        {"01", 1, "text follows the end of the value"},
        {"1.", 2, "the text ends too early"},
        {"1.e5", 2, "a digit is expected"},
        {"1e", 2, "the text ends too early"},
        {"1e+-5", 3, "a digit is expected"},
        {"[1 2]", 3, "a comma or the closing bracket is expected"},
        {"[1,]", 3, "a value is expected"},
        {"[,1]", 1, "a value is expected"},
        {"[1}", 2, "a comma or the closing bracket is expected"},
        {"[", 1, "the text ends too early"},
        {"[1", 2, "the text ends too early"},
        {"{\"a\"}", 4, "a colon is expected"},
        {"{\"a\":}", 5, "a value is expected"},
        {"{\"a\":1,}", 7, "a string is expected"},
        {"{1:1}", 1, "a string is expected"},
        {"{\"a\":1", 6, "the text ends too early"},
        {"{\"a\"", 4, "the text ends too early"},
        {"{}{}", 2, "text follows the end of the value"},
        {"'a'", 0, "a value is expected"},
        {"/**/1", 0, "a value is expected"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(skip_all(rows[i].json) == -EBADMSG, "%s is accepted", rows[i].json);
        ck_assert_str_eq(reader.fault, rows[i].fault);
        ck_assert_msg(json_offset(&reader) == rows[i].offset, "%s: at %zu", rows[i].json,
                      json_offset(&reader));
    }
}
END_TEST

/* A NUL byte is no white space and no end. */
START_TEST(test_nul_bytes)
{
    json_start(&reader, (struct str){"1\0", 2});
    ck_assert_int_eq(json_skip(&reader), 0);
    ck_assert_int_eq(json_finish(&reader), -EBADMSG);
    json_start(&reader, (struct str){"[\0]", 3});
    ck_assert_int_eq(json_skip(&reader), -EBADMSG);
}
END_TEST

/* Brackets without end do not exhaust the stack. */
START_TEST(test_depth)
{
    static char json[1000001];

    memset(json, '[', sizeof(json) - 1);
    ck_assert_int_eq(skip_all(json), -EBADMSG);
    ck_assert_str_eq(reader.fault, "nested too deeply");
    memset(json, '[', JSON_DEPTH_MAX);
    memset(json + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    json[2 * JSON_DEPTH_MAX] = '\0';
    ck_assert_int_eq(skip_all(json), 0);
}
END_TEST

START_TEST(test_scalars)
{
    struct scalar scalar;

    json_start(&reader, STR("null true false -1.50 \"t\" [1]"));
    ck_assert_int_eq(json_read_scalar(&reader, &scalar), 0);
    ck_assert_int_eq(scalar.kind, SCALAR_NULL);
    ck_assert_int_eq(json_read_scalar(&reader, &scalar), 0);
    ck_assert_int_eq(scalar.kind, SCALAR_TRUE);
    ck_assert_int_eq(json_read_scalar(&reader, &scalar), 0);
    ck_assert_int_eq(scalar.kind, SCALAR_FALSE);
    ck_assert_int_eq(json_read_scalar(&reader, &scalar), 0);
    ck_assert_int_eq(scalar.kind, SCALAR_NUMBER);
    ck_assert(str_equal(scalar.text, STR("-1.50")));
    ck_assert_int_eq(json_read_scalar(&reader, &scalar), 0);
    ck_assert_int_eq(scalar.kind, SCALAR_STRING);
    ck_assert(str_equal(scalar.text, STR("t")));
    ck_assert_int_eq(json_read_scalar(&reader, &scalar), -EBADMSG);
}
END_TEST

/* The loop of the header's example walks an object, and what is not asked for is passed over. */
START_TEST(test_members)
{
    struct str name, value = {0};

    json_start(&reader, STR("{\"x\":[{\"v\":1}],\"v\":\"this\",\"y\":{}}"));
    int r = json_enter(&reader, '{');
    while (r == 0 && (r = json_next_member(&reader, &name)) > 0)
        r = str_equal(name, STR("v")) ? json_read_string(&reader, &value) : json_skip(&reader);
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(json_finish(&reader), 0);
    ck_assert(str_equal(value, STR("this")));
}
END_TEST

/* Scratch memory is kept from text to text, but not when one text was large. */
START_TEST(test_scratch_memory)
{
    static char large[2 * JSON_SCRATCH_KEPT];
    struct str text;

    json_start(&reader, STR("\"a\\n\""));
    ck_assert_int_eq(json_read_string(&reader, &text), 0);
    allocations_start(0);
    for (int i = 0; i < 100; i++) {
        int r;
        json_start(&reader, STR("\"a\\n\""));
        WATCHED(r = json_read_string(&reader, &text));
        ck_assert_int_eq(r, 0);
    }
    ck_assert_int_eq(allocations, 0);

    memset(large, 'x', sizeof(large));
    memcpy(large, "\"\\n", 3);
    large[sizeof(large) - 1] = '"';
    json_start(&reader, (struct str){large, sizeof(large)});
    ck_assert_int_eq(json_read_string(&reader, &text), 0);
    ck_assert_uint_eq(text.len, sizeof(large) - 3);
    json_start(&reader, STR("1"));
    ck_assert_uint_eq(reader.scratch_capacity, 0);
    json_reader_release(&reader);
}
END_TEST

START_TEST(test_no_memory)
{
    struct str text;
    int r;

    json_reader_release(&reader);
    allocations_start(1);
    json_start(&reader, STR("\"a\\n\""));
    WATCHED(r = json_read_string(&reader, &text));
    ck_assert_int_eq(r, -ENOMEM);
    ck_assert_ptr_nonnull(reader.fault);
    ck_assert(allocations_failed());
    json_start(&reader, STR("\"a\\n\""));
    WATCHED(r = json_read_string(&reader, &text));
    ck_assert_int_eq(r, 0);
    WATCHED(json_reader_release(&reader));
    ck_assert_int_eq(live_allocations, 0);
}
END_TEST

/* Longer than the limit is refused before a byte of it is read. */
START_TEST(test_too_long)
{
    ck_assert_int_eq(json_start(&reader, (struct str){"1", JSON_TEXT_MAX + 1}), -EBADMSG);
}
END_TEST

UNIT_SUITE("decode/json_reader", test_accepted, test_refused, test_nul_bytes, test_depth,
           test_scalars, test_members, test_scratch_memory, test_no_memory, test_too_long)
