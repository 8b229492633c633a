#include "api/events_frame.h"

#include "feed/records.h"
#include "unit.h"

static const struct position at = {0x100, 1};

/* The frame of a row that was inserted, as a string. */
static void frame_of(struct buffer *out, const char *id, const char *type, const char *payload)
{
    struct config config = record_config();
    struct events_frame_cache cache = {0};
    struct buffer record;
    struct event event;

    buffer_init(&record, 1 << 20);
    record_event(&record, at, id, type, "toto", payload);
    struct shared *bytes = shared_new(record.data, record.len);
    ck_assert_int_eq(event_read(&event, (struct str){bytes->data, bytes->len}), 0);
    struct shared *frame = events_frame_get(&cache, &config, &event);
    ck_assert_ptr_nonnull(frame);
    ck_assert_ptr_eq(events_frame_get(&cache, &config, &event), frame);
    buffer_append(out, frame->data, frame->len);
    events_frame_cache_release(&cache);
    shared_unref(bytes);
    buffer_release(&record);
}

static void assert_frame(const char *id, const char *type, const char *payload,
                         const char *expected)
{
    struct buffer live, queried;

    buffer_init(&live, 4096);
    buffer_init(&queried, 4096);
    frame_of(&live, id, type, payload);
    ck_assert_msg(str_equal(buffer_str(&live), str_from(expected)), "%.*s",
                  STR_ARG(buffer_str(&live)));
    ck_assert_int_eq(events_frame_row(&queried, str_from(id), str_from(type),
                                      payload != NULL ? str_from(payload) : STR("null")),
                     0);
    ck_assert_msg(str_equal(buffer_str(&queried), str_from(expected)), "%.*s",
                  STR_ARG(buffer_str(&queried)));
    buffer_release(&live);
    buffer_release(&queried);
}

/* Events that lie in the same bytes, as those of one block do, have a frame each. */
START_TEST(test_the_cache_knows_an_event_by_its_id)
{
    const struct config config = record_config();
    struct events_frame_cache cache = {0};
    struct buffer record;
    struct event event;

    buffer_init(&record, 1 << 20);
    for (uint32_t ordinal = 1; ordinal <= 3; ordinal++) {
        char payload[] = {(char)('0' + ordinal), '\0'};
        record_event(&record, (struct position){0x100, ordinal}, "7", "t", "toto", payload);
        ck_assert_int_eq(event_read(&event, buffer_str(&record)), 0);
        struct shared *frame = events_frame_get(&cache, &config, &event);
        ck_assert_ptr_eq(events_frame_get(&cache, &config, &event), frame);
        ck_assert_int_eq(frame->data[frame->len - 3], payload[0]);
    }
    events_frame_cache_release(&cache);
    buffer_release(&record);
}
END_TEST

/* A row gives the same frame whether it comes from the journal or from the table. */
START_TEST(test_frames)
{
    assert_frame("1", "insert", "{\"foo\": \"bar\"}",
                 "id: 1\nevent: insert\ndata: {\"foo\":\"bar\"}\n\n");
    assert_frame("9223372036854775807", "a \"b\"/é", "[1, 2.50]",
                 "id: 9223372036854775807\nevent: a \"b\"/é\ndata: [1,2.50]\n\n");
    assert_frame("2", "t", NULL, "id: 2\nevent: t\ndata: null\n\n");
    assert_frame("3", "", "\"a\\nb\"", "id: 3\ndata: \"a\\nb\"\n\n");
}
END_TEST

/* A type with a line end can forge no field. */
START_TEST(test_line_ends)
{
    assert_frame("1", "a\r\ndata: x\n\nid: 9", "{}",
                 "id: 1\nevent: a  data: x  id: 9\ndata: {}\n\n");
}
END_TEST

/* What is no JSON is refused, not sent. */
START_TEST(test_bad_payload)
{
    struct buffer out;

    buffer_init(&out, 4096);
    ck_assert_int_lt(events_frame_row(&out, STR("1"), STR("t"), STR("{\"a\":")), 0);
    buffer_release(&out);
}
END_TEST

/* Null would be a payload that somebody wrote. */
START_TEST(test_a_payload_that_was_too_large_is_an_error_and_not_null)
{
    static char payload[2000];
    const struct event_origin origin = {.epoch = STR("7f3a91c2"), .max_event = 1000};
    const struct transaction transaction = {.xid = 7, .end_lsn = at.lsn};
    const struct config config = record_config();
    struct events_frame_cache cache = {0};
    struct buffer record;
    struct event event;
    struct error err;

    memset(payload, '1', sizeof(payload) - 1);
    buffer_init(&record, 1 << 20);
    const struct value row[] = {record_value("7"), record_value("t"), record_value("toto"),
                                record_value(payload)};
    const struct change change = {.type = EVENT_INSERT, .relation = &events, .new_values = row};
    ck_assert_int_eq(event_encode_stripped(&record, &origin, &transaction, 1, &change, &err), 0);
    struct shared *bytes = shared_new(record.data, record.len);
    ck_assert_int_eq(event_read(&event, (struct str){bytes->data, bytes->len}), 0);
    const struct shared *frame = events_frame_get(&cache, &config, &event);
    ck_assert(str_equal((struct str){frame->data, frame->len},
                        STR("id: 7\nevent: t\ndata: {\"error\":\"public.events: its values have "
                            "2005 bytes, too many for an event of at most 1000 bytes "
                            "(journal.max_event)\"}\n\n")));
    events_frame_cache_release(&cache);
    shared_unref(bytes);
    buffer_release(&record);
}
END_TEST

static bool id_of(const char *id, int64_t *ret_id)
{
    const struct config config = record_config();
    struct buffer record;
    struct event event;

    buffer_init(&record, 1 << 20);
    record_event(&record, at, id, "t", "toto", "1");
    ck_assert_int_eq(event_read(&event, buffer_str(&record)), 0);
    bool found = events_frame_id(&config, &event, ret_id);
    buffer_release(&record);
    return found;
}

START_TEST(test_the_id_of_a_row_is_a_number_whether_events_have_it_as_number_or_string)
{
    static const struct type_info numeral = {.oid = 20, .kind = JSON_KIND_NUMERAL};
    const struct type_info *const types[] = {&record_int8, &numeral, &record_text};
    int64_t id = 0;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        event_columns[0].type = types[i];
        ck_assert(id_of("9007199254740993", &id));
        ck_assert_int_eq(id, 9007199254740993);
        ck_assert(id_of("-5", &id) && id == -5);
        ck_assert(!id_of(NULL, &id));
        ck_assert(!id_of("?", &id));
    }
    ck_assert(!id_of("", &id)); /* text */
    ck_assert(!id_of("1a", &id));
    event_columns[0].type = &record_int8;
}
END_TEST

UNIT_SUITE("api/events_frame", test_frames, test_the_cache_knows_an_event_by_its_id, test_line_ends,
           test_bad_payload,
           test_the_id_of_a_row_is_a_number_whether_events_have_it_as_number_or_string,
           test_a_payload_that_was_too_large_is_an_error_and_not_null)
