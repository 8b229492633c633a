#include "http/sse.h"
#include "unit.h"
#include <errno.h>

static void expect_frame(struct str id, struct str event, struct str data, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 4096);
    ck_assert_int_eq(sse_frame(&out, id, event, data), 0);
    buffer_append_char(&out, '\0');
    ck_assert_str_eq(out.data, expected);
    buffer_release(&out);
}

/* The frame of EventPiper's README, byte for byte. */
START_TEST(test_frame)
{
    expect_frame(STR("1"), STR("insert"), STR("{\"foo\":\"bar\"}"),
                 "id: 1\nevent: insert\ndata: {\"foo\":\"bar\"}\n\n");
}
END_TEST

/* Without an id or a type there is no such line; without data there is one empty data line, for a
 * frame without any is dropped by browsers. */
START_TEST(test_empty_fields)
{
    struct str none = {NULL, 0};
    expect_frame(none, none, STR("x"), "data: x\n\n");
    expect_frame(none, STR("heartbeat"), STR("thump"), "event: heartbeat\ndata: thump\n\n");
    expect_frame(STR("7"), none, none, "id: 7\ndata: \n\n");
    expect_frame(STR("7"), none, STR(""), "id: 7\ndata: \n\n");
}
END_TEST

/* CR, LF and CRLF each end a line of data, and what a browser puts together again has as many. */
START_TEST(test_data_lines)
{
    struct str none = {NULL, 0};
    expect_frame(none, none, STR("a\nb"), "data: a\ndata: b\n\n");
    expect_frame(none, none, STR("a\rb"), "data: a\ndata: b\n\n");
    expect_frame(none, none, STR("a\r\nb"), "data: a\ndata: b\n\n");
    expect_frame(none, none, STR("a\n\rb"), "data: a\ndata: \ndata: b\n\n");
    expect_frame(none, none, STR("a\n"), "data: a\ndata: \n\n");
    expect_frame(none, none, STR("\n"), "data: \ndata: \n\n");
    expect_frame(none, none, STR("a\r"), "data: a\ndata: \n\n");
}
END_TEST

/* An id or a type can not smuggle a field of its own into the stream, and leaves nothing behind. */
START_TEST(test_injection_is_refused)
{
    static const struct str bad[] = {
        {"a\nb", 3}, {"a\rb", 3}, {"a\0b", 3}, {"\n", 1}, {"a\r\n", 3},
    };
    struct buffer out;
    buffer_init(&out, 4096);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(sse_frame(&out, bad[i], STR("e"), STR("d")), -EINVAL);
        ck_assert_int_eq(sse_frame(&out, STR("1"), bad[i], STR("d")), -EINVAL);
        ck_assert_uint_eq(out.len, 0);
    }
    buffer_release(&out);
}
END_TEST

START_TEST(test_retry_and_comment)
{
    struct buffer out;
    buffer_init(&out, 4096);
    ck_assert_int_eq(sse_retry(&out, 1500), 0);
    ck_assert_int_eq(sse_comment(&out), 0);
    ck_assert(str_equal(buffer_str(&out), STR("retry: 1500\n\n:\n")));
    buffer_release(&out);
}
END_TEST

/* A frame that does not fit is an error, not half a frame that looks whole. */
START_TEST(test_full_buffer)
{
    struct buffer out;
    buffer_init(&out, 12);
    ck_assert_int_eq(sse_frame(&out, STR("1"), STR("insert"), STR("data")), -EMSGSIZE);
    ck_assert_int_eq(sse_retry(&out, 1), -EMSGSIZE);
    buffer_release(&out);
}
END_TEST

UNIT_SUITE("http/sse", test_frame, test_empty_fields, test_data_lines, test_injection_is_refused,
           test_retry_and_comment, test_full_buffer)
