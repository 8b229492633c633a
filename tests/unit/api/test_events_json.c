#include "api/events_json.h"

#include "api/events_frame.h"
#include "unit.h"

static void assert_json(const char *id, const char *type, const char *payload, const char *expected)
{
    struct buffer frame, json;

    buffer_init(&frame, 4096);
    buffer_init(&json, 4096);
    ck_assert_int_eq(events_frame_row(&frame, str_from(id), str_from(type), str_from(payload)), 0);
    ck_assert_int_eq(events_json(&json, buffer_str(&frame)), 0);
    ck_assert_msg(str_equal(buffer_str(&json), str_from(expected)), "%.*s",
                  STR_ARG(buffer_str(&json)));
    buffer_release(&frame);
    buffer_release(&json);
}

/* What the frame of a row has, as JSON. */
START_TEST(test_row)
{
    assert_json("7", "insert", "{\"a\": [1, 2.50]}",
                "{\"id\":7,\"type\":\"insert\",\"payload\":{\"a\":[1,2.50]}}");
    assert_json("-9223372036854775808", "t", "null",
                "{\"id\":-9223372036854775808,\"type\":\"t\",\"payload\":null}");
    assert_json("1", "a \"b\"\\c\td", "\"x\\ny\"",
                "{\"id\":1,\"type\":\"a \\\"b\\\"\\\\c\\td\",\"payload\":\"x\\ny\"}");
}
END_TEST

/* A line end in a type has become a space in the frame; whatever looks like a field is none. */
START_TEST(test_odd)
{
    assert_json("1", "a\ndata: b", "2", "{\"id\":1,\"type\":\"a data: b\",\"payload\":2}");
    assert_json("1", "", "\"event: x\"", "{\"id\":1,\"type\":null,\"payload\":\"event: x\"}");
    assert_json("a\"1", "t", "2", "{\"id\":\"a\\\"1\",\"type\":\"t\",\"payload\":2}");
    assert_json("", "t", "2", "{\"id\":null,\"type\":\"t\",\"payload\":2}");
}
END_TEST

START_TEST(test_no_room)
{
    struct buffer out;

    buffer_init(&out, 10);
    ck_assert_int_lt(events_json(&out, STR("id: 7\nevent: t\ndata: 1\n\n")), 0);
    buffer_release(&out);
}
END_TEST

UNIT_SUITE("api/events_json", test_row, test_odd, test_no_room)
