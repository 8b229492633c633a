#include "base/failing_memory.h"
#include "event/changes.h"
#include "event/relation_text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static struct buffer out;

/* The golden JSON of CHANGE, in its frame, and JSON to a parser that is not ours. */
static struct event expect_event(const struct change *change, const char *json)
{
    struct event event = encoded(&out, change);
    char frame[4096];

    ck_assert_msg(str_equal(event.json, str_from(json)), "\n%.*s\nis not\n%s", STR_ARG(event.json),
                  json);
    snprintf(frame, sizeof(frame), "id: 7f3a91c2-16B3748-3\nevent: %s\ndata: %s\n\n",
             event_type_name(change->type), json);
    ck_assert(str_equal(event.frame, str_from(frame)));
    json_t *parsed = json_loadb(event.json.data, event.json.len, 0, NULL);
    ck_assert(json_is_object(parsed));
    json_decref(parsed);
    return event;
}

static void expect_column(const struct event *event, uint16_t index, const char *new_value,
                          const char *old_value)
{
    struct event_column column = event_column_at(event, index);

    ck_assert(str_equal(column.name, comments.columns[index].name));
    ck_assert_int_eq(column.primary_key, index == ID);
    ck_assert_msg((column.new_value.data == NULL) == (new_value == NULL), "new of %d", index);
    ck_assert_msg((column.old_value.data == NULL) == (old_value == NULL), "old of %d", index);
    ck_assert(str_equal(column.new_value, str_from(new_value)));
    ck_assert(str_equal(column.old_value, str_from(old_value)));
}

START_TEST(insert_has_the_new_row)
{
    const struct value row[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), NULL_VALUE, TEXT_VALUE("4")};
    const struct change change = {EVENT_INSERT, &comments, .new_values = row};
    struct event event = expect_event(
        &change, JSON_OF("insert", ",\"new_record\":{\"id\":89,\"post_id\":\"p-1\",\"body\":null,"
                                   "\"rating\":4},\"old_record\":null,\"changes\":null"));

    ck_assert_int_eq(event.type, EVENT_INSERT);
    ck_assert_uint_eq(event.xid, 8841);
    ck_assert_int_eq(event.commit_time, transaction.commit_time);
    ck_assert(str_equal(event.schema, STR("public")));
    ck_assert(str_equal(event.table, STR("comments")));
    ck_assert(str_equal(event.id, STR("7f3a91c2-16B3748-3")));
    ck_assert_uint_eq(event.column_count, COLUMNS);
    expect_column(&event, ID, "89", NULL);
    expect_column(&event, POST_ID, "\"p-1\"", NULL);
    expect_column(&event, BODY, "null", NULL);
    expect_column(&event, RATING, "4", NULL);
    buffer_release(&out);
}
END_TEST

START_TEST(update_with_full_identity_has_what_changed)
{
    const struct change change = {EVENT_UPDATE, &comments, .new_values = row_after,
                                  .old_values = row_before};
    struct event event = expect_event(
        &change,
        JSON_OF("update",
                ",\"new_record\":{\"id\":89,\"post_id\":\"p-1\",\"body\":\"so \\\"good\\\"\","
                "\"rating\":5},\"old_record\":null,"
                "\"changes\":{\"rating\":{\"old_value\":4,\"new_value\":5}}"));

    expect_column(&event, ID, "89", "89");
    expect_column(&event, BODY, "\"so \\\"good\\\"\"", "\"so \\\"good\\\"\"");
    expect_column(&event, RATING, "5", "4");
    buffer_release(&out);
}
END_TEST

START_TEST(update_with_default_identity_knows_only_the_key)
{
    const struct value key[] = {TEXT_VALUE("88"), ABSENT_VALUE, ABSENT_VALUE, ABSENT_VALUE};
    const struct change moved = {EVENT_UPDATE, &comments, .new_values = row_after,
                                 .old_values = key};
    struct event event = expect_event(
        &moved,
        JSON_OF("update",
                ",\"new_record\":{\"id\":89,\"post_id\":\"p-1\",\"body\":\"so \\\"good\\\"\","
                "\"rating\":5},\"old_record\":null,"
                "\"changes\":{\"id\":{\"old_value\":88,\"new_value\":89}}"));
    expect_column(&event, ID, "89", "88");
    expect_column(&event, RATING, "5", NULL);
    buffer_release(&out);

    const struct change stayed = {EVENT_UPDATE, &comments, .new_values = row_after};
    event = expect_event(
        &stayed,
        JSON_OF("update",
                ",\"new_record\":{\"id\":89,\"post_id\":\"p-1\",\"body\":\"so \\\"good\\\"\","
                "\"rating\":5},\"old_record\":null,\"changes\":{}"));
    expect_column(&event, ID, "89", NULL);
    buffer_release(&out);
}
END_TEST

START_TEST(null_is_a_value_that_changes)
{
    const struct value before[] = {TEXT_VALUE("1"), NULL_VALUE, NULL_VALUE, TEXT_VALUE("4")};
    const struct value after[] = {TEXT_VALUE("1"), NULL_VALUE, TEXT_VALUE(""), NULL_VALUE};
    const struct change change = {EVENT_UPDATE, &comments, .new_values = after,
                                  .old_values = before};
    struct event event = expect_event(
        &change,
        JSON_OF("update",
                ",\"new_record\":{\"id\":1,\"post_id\":null,\"body\":\"\",\"rating\":null},"
                "\"old_record\":null,\"changes\":{"
                "\"body\":{\"old_value\":null,\"new_value\":\"\"},"
                "\"rating\":{\"old_value\":4,\"new_value\":null}}"));

    expect_column(&event, POST_ID, "null", "null");
    expect_column(&event, BODY, "\"\"", "null");
    expect_column(&event, RATING, "null", "4");
    buffer_release(&out);
}
END_TEST

START_TEST(unsent_large_value_is_listed_and_not_invented)
{
    const struct value after[] = {TEXT_VALUE("89"), UNCHANGED_VALUE, UNCHANGED_VALUE,
                                  TEXT_VALUE("5")};
    const struct change change = {EVENT_UPDATE, &comments, .new_values = after};
    struct event event = expect_event(
        &change, JSON_OF("update", ",\"new_record\":{\"id\":89,\"rating\":5},\"old_record\":null,"
                                   "\"changes\":{},\"unchanged\":[\"post_id\",\"body\"]"));

    expect_column(&event, BODY, NULL, NULL);
    expect_column(&event, RATING, "5", NULL);
    buffer_release(&out);
}
END_TEST

START_TEST(unsent_large_value_is_there_with_full_identity)
{
    const struct value after[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), UNCHANGED_VALUE,
                                  TEXT_VALUE("5")};
    const struct change change = {EVENT_UPDATE, &comments, .new_values = after,
                                  .old_values = row_before};
    struct event event = expect_event(
        &change,
        JSON_OF("update",
                ",\"new_record\":{\"id\":89,\"post_id\":\"p-1\",\"body\":\"so \\\"good\\\"\","
                "\"rating\":5},\"old_record\":null,"
                "\"changes\":{\"rating\":{\"old_value\":4,\"new_value\":5}}"));

    expect_column(&event, BODY, "\"so \\\"good\\\"\"", "\"so \\\"good\\\"\"");
    buffer_release(&out);
}
END_TEST

START_TEST(delete_has_the_known_old_columns)
{
    const struct change full = {EVENT_DELETE, &comments, .old_values = row_before};
    struct event event = expect_event(
        &full,
        JSON_OF("delete", ",\"new_record\":null,\"old_record\":{\"id\":89,\"post_id\":\"p-1\","
                          "\"body\":\"so \\\"good\\\"\",\"rating\":4},\"changes\":null"));
    expect_column(&event, RATING, NULL, "4");
    buffer_release(&out);

    const struct value key[] = {TEXT_VALUE("89"), ABSENT_VALUE, ABSENT_VALUE, ABSENT_VALUE};
    const struct change keyed = {EVENT_DELETE, &comments, .old_values = key};
    event = expect_event(
        &keyed,
        JSON_OF("delete", ",\"new_record\":null,\"old_record\":{\"id\":89},\"changes\":null"));
    expect_column(&event, ID, NULL, "89");
    expect_column(&event, RATING, NULL, NULL);
    buffer_release(&out);
}
END_TEST

START_TEST(truncate_has_no_records)
{
    const struct change change = {.type = EVENT_TRUNCATE, .relation = &comments};
    struct event event = expect_event(
        &change, JSON_OF("truncate", ",\"new_record\":null,\"old_record\":null,\"changes\":null"));

    expect_column(&event, ID, NULL, NULL);
    buffer_release(&out);
}
END_TEST

START_TEST(message_belongs_to_no_table)
{
    const struct change change = {
        .type = EVENT_MESSAGE, .prefix = STR("audit"), .content = STR("{\"a\":1}\n\xFF")};
    struct event event = expect_event(
        &change,
        "{\"id\":\"7f3a91c2-16B3748-3\",\"name\":null,\"type\":\"message\",\"source\":{\"name\":"
        "\"walpiper\",\"version\":\"0.1.0\",\"db\":\"demo\",\"schema\":null,\"table\":null,"
        "\"columns\":null},\"prefix\":\"audit\",\"content\":\"{\\\"a\\\":1}\\n\\ufffd\","
        "\"timestamp\":\"2026-08-25T13:13:30.123456Z\",\"lsn\":[0,23803720],\"xid\":8841}");

    ck_assert_uint_eq(event.column_count, 0);
    ck_assert_uint_eq(event.schema.len, 0);
    ck_assert_uint_eq(event.table.len, 0);
    buffer_release(&out);
}
END_TEST

START_TEST(message_outside_of_transactions_has_no_time_and_no_xid)
{
    const struct change change = {.type = EVENT_MESSAGE, .prefix = STR(""), .content = STR("x")};
    const struct transaction none = {.end_lsn = 23803720};
    struct error err;
    struct event event;

    buffer_init(&out, 10000);
    ck_assert_int_eq(event_encode(&out, &origin, &none, 1, &change, &err), 0);
    ck_assert_int_eq(event_read(&event, buffer_str(&out)), 0);
    ck_assert_uint_eq(event.xid, 0);
    ck_assert_str_eq(
        strndupa(event.json.data, event.json.len),
        "{\"id\":\"7f3a91c2-16B3748-1\",\"name\":null,\"type\":\"message\",\"source\":{\"name\":"
        "\"walpiper\",\"version\":\"0.1.0\",\"db\":\"demo\",\"schema\":null,\"table\":null,"
        "\"columns\":null},\"prefix\":\"\",\"content\":\"x\",\"timestamp\":null,"
        "\"lsn\":[0,23803720],\"xid\":null}");
    buffer_release(&out);
}
END_TEST

START_TEST(table_without_columns_has_empty_objects)
{
    const struct relation bare = {.schema = STR("public"), .table = STR("bare")};
    const struct change change = {.type = EVENT_INSERT, .relation = &bare};
    struct event event = encoded(&out, &change);

    ck_assert_uint_eq(event.column_count, 0);
    ck_assert_ptr_nonnull(memmem(event.json.data, event.json.len, "\"columns\":{}}", 13));
    ck_assert_ptr_nonnull(memmem(event.json.data, event.json.len, "\"new_record\":{},", 16));
    buffer_release(&out);
}
END_TEST

START_TEST(odd_names_are_escaped_in_json_and_raw_in_the_record)
{
    struct relation_column column = {.name = STR("a\"b\nc"), .type = &type_text};
    const struct relation odd = {.schema = STR("my \"schema\""),
                                 .table = STR("t\\t"),
                                 .column_count = 1,
                                 .columns = &column};
    const struct value before = TEXT_VALUE("x"), after = TEXT_VALUE("y"), kept = UNCHANGED_VALUE;
    const struct change change = {EVENT_UPDATE, &odd, .new_values = &after, .old_values = &before};
    const struct change unsent = {EVENT_UPDATE, &odd, .new_values = &kept};
    struct event event = encoded(&out, &change);
    const char *json = "\"new_record\":{\"a\\\"b\\nc\":\"y\"},\"old_record\":null,\"changes\":{"
                       "\"a\\\"b\\nc\":{\"old_value\":\"x\",\"new_value\":\"y\"}}";

    ck_assert_ptr_nonnull(memmem(event.json.data, event.json.len, json, strlen(json)));
    ck_assert(str_equal(event.schema, odd.schema));
    ck_assert(str_equal(event.table, odd.table));
    ck_assert(str_equal(event_column_at(&event, 0).name, column.name));
    buffer_release(&out);
    event = encoded(&out, &unsent);
    json = ",\"unchanged\":[\"a\\\"b\\nc\"],";
    ck_assert_ptr_nonnull(memmem(event.json.data, event.json.len, json, strlen(json)));
    buffer_release(&out);
}
END_TEST

START_TEST(lsn_is_two_halves_of_the_commit_end)
{
    const struct transaction at = {.end_lsn = UINT64_C(0xFFFFFFFF00000001), .xid = UINT32_MAX};
    const struct change change = {.type = EVENT_TRUNCATE, .relation = &comments};
    const char *json = "\"lsn\":[4294967295,1],\"xid\":4294967295}\n\n";
    struct event event;

    buffer_init(&out, 10000);
    ck_assert_int_eq(event_encode(&out, &origin, &at, UINT32_MAX, &change, NULL), 0);
    ck_assert_int_eq(event_read(&event, buffer_str(&out)), 0);
    ck_assert(str_equal(event.id, STR("7f3a91c2-FFFFFFFF00000001-4294967295")));
    ck_assert_mem_eq(out.data + out.len - strlen(json), json, strlen(json));
    buffer_release(&out);
}
END_TEST

START_TEST(the_kept_tail_of_a_transaction_changes_nothing)
{
    const struct change change = {
        .type = EVENT_INSERT, .relation = &comments, .new_values = row_before};
    struct transaction with = {.end_lsn = 0x100000002, .xid = 7, .commit_time = 1234567};
    struct buffer bare, kept, tail;

    for (int round = 0; round < 2; round++, with.xid = 0) { /* 0: outside of transactions */
        buffer_init(&bare, 10000);
        buffer_init(&kept, 10000);
        buffer_init(&tail, 256);
        ck_assert_int_eq(event_tail_write(&tail, &with), 0);
        ck_assert_int_eq(event_encode(&bare, &origin, &with, 1, &change, NULL), 0);
        with.tail = buffer_str(&tail);
        ck_assert_int_eq(event_encode(&kept, &origin, &with, 1, &change, NULL), 0);
        ck_assert(str_equal(buffer_str(&bare), buffer_str(&kept)));
        with.tail = (struct str){0};
        buffer_release(&bare);
        buffer_release(&kept);
        buffer_release(&tail);
    }
}
END_TEST

START_TEST(records_follow_each_other_in_one_buffer)
{
    const struct change first = {EVENT_INSERT, &comments, .new_values = row_before};
    const struct change second = {EVENT_UPDATE, &comments, .new_values = row_after,
                                  .old_values = row_before};
    struct event event;

    buffer_init(&out, 10000);
    buffer_append_str(&out, STR("before"));
    ck_assert_int_eq(event_encode(&out, &origin, &transaction, 1, &first, NULL), 0);
    size_t middle = out.len;
    ck_assert_int_eq(event_encode(&out, &origin, &transaction, 2, &second, NULL), 0);
    ck_assert_int_eq(event_read(&event, (struct str){out.data + 6, middle - 6}), 0);
    ck_assert(str_equal(event.id, STR("7f3a91c2-16B3748-1")));
    expect_column(&event, RATING, "4", NULL);
    ck_assert_int_eq(event_read(&event, (struct str){out.data + middle, out.len - middle}), 0);
    ck_assert(str_equal(event.id, STR("7f3a91c2-16B3748-2")));
    expect_column(&event, RATING, "5", "4");
    ck_assert_mem_eq(out.data, "before", 6);
    buffer_release(&out);
}
END_TEST

START_TEST(impossible_value_names_relation_and_column)
{
    struct value row[COLUMNS];
    struct error err;

    memcpy(row, row_after, sizeof(row));
    row[RATING].text = STR("five");
    const struct change changes[] = {
        {EVENT_INSERT, &comments, .new_values = row},
        {EVENT_UPDATE, &comments, .new_values = row, .old_values = row_before},
        {EVENT_UPDATE, &comments, .new_values = row_after, .old_values = row},
        {EVENT_DELETE, &comments, .old_values = row},
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        buffer_init(&out, 10000);
        buffer_append_str(&out, STR("before"));
        ck_assert_int_eq(event_encode(&out, &origin, &transaction, 1, &changes[i], &err), -EINVAL);
        ck_assert_str_eq(err.text, "public.comments: a value of column rating is no int4 in "
                                   "transaction 8841 at 0/16B3748; exclude the column to go on");
        ck_assert(str_equal(buffer_str(&out), STR("before")));
        ck_assert_int_eq(out.failed, 0);
        buffer_release(&out);
    }
}
END_TEST

START_TEST(too_large_message_is_named_by_its_prefix)
{
    const struct change change = {
        .type = EVENT_MESSAGE, .prefix = STR("audit"), .content = STR("x")};
    struct error err;

    buffer_init(&out, 100);
    ck_assert_int_eq(event_encode(&out, &origin, &transaction, 1, &change, &err), -EMSGSIZE);
    ck_assert_str_eq(err.text,
                     "message audit: the values of a change in transaction 8841 at "
                     "0/16B3748 have 6 bytes, too many for an event of at most 100 bytes: "
                     "raise journal.max_event, or set journal.on_large_event: strip");
    buffer_release(&out);
}
END_TEST

START_TEST(too_large_row_is_named_with_its_largest_column)
{
    const struct value row[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), TEXT_VALUE("123456789"),
                                NULL_VALUE};
    const struct change change = {EVENT_INSERT, &comments, .new_values = row};
    struct error err;

    buffer_init(&out, 300);
    ck_assert_int_eq(event_encode(&out, &origin, &transaction, 1, &change, &err), -EMSGSIZE);
    ck_assert_str_eq(
        err.text, "public.comments: the values of a change in transaction 8841 at 0/16B3748 have "
                  "14 bytes, too many for an event of at most 300 bytes: raise "
                  "journal.max_event, exclude column body, or set journal.on_large_event: "
                  "strip");
    buffer_release(&out);
}
END_TEST

START_TEST(unknown_type_of_change_is_refused)
{
    const struct change change = {.type = (enum event_type)9, .relation = &comments};
    struct error err;

    buffer_init(&out, 10000);
    ck_assert_int_eq(event_encode(&out, &origin, &transaction, 1, &change, &err), -EINVAL);
    ck_assert_str_eq(err.text, "public.comments: unknown kind of change 9");
    buffer_release(&out);
}
END_TEST

/* All of the record, or nothing and a failure that says so, whatever the maximum. */
START_TEST(record_is_whole_or_absent_at_every_maximum)
{
    const struct value unsent[] = {TEXT_VALUE("90"), UNCHANGED_VALUE, NULL_VALUE, TEXT_VALUE("5")};
    const struct change changes[] = {
        {EVENT_UPDATE, &comments, .new_values = row_after, .old_values = row_before},
        {EVENT_UPDATE, &comments, .new_values = unsent},
        {EVENT_DELETE, &comments, .old_values = row_before},
        {.type = EVENT_MESSAGE, .prefix = STR("p"), .content = STR("\"c\"")},
    };

    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        encoded(&out, &changes[i]);
        struct buffer whole = out;
        for (size_t max = 0; max <= whole.len; max++) {
            struct error err = {.text = ""};
            buffer_init(&out, max);
            int r = event_encode(&out, &origin, &transaction, 3, &changes[i], &err);
            ck_assert_int_eq(r, max < whole.len ? -EMSGSIZE : 0);
            ck_assert_uint_eq(out.len, r == 0 ? max : 0);
            ck_assert((r == 0) == (strstr(err.text, "too many for an event") == NULL));
            ck_assert(r < 0 || memcmp(out.data, whole.data, max) == 0);
            buffer_release(&out);
        }
        buffer_release(&whole);
    }
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    const struct change change = {EVENT_UPDATE, &comments, .new_values = row_after,
                                  .old_values = row_before};
    int r = -ENOMEM, failures = 0;

    for (; r < 0; failures++) {
        struct error err = {.text = ""};
        buffer_init(&out, 10000);
        memory_left = failures;
        r = event_encode(&out, &origin, &transaction, 1, &change, &err);
        memory_left = -1;
        ck_assert(r == 0 || r == -ENOMEM);
        ck_assert_str_eq(err.text, r == 0 ? "" : "public.comments: no memory for an event");
        ck_assert_int_eq(out.len == 0, r < 0);
        buffer_release(&out);
    }
    ck_assert_int_gt(failures, 2);
}
END_TEST

/* The first column and one between: the index has the others in their order. */
static struct relation some_excluded(struct relation_column columns[COLUMNS])
{
    memcpy(columns, comment_columns, sizeof(comment_columns));
    columns[ID].excluded = columns[BODY].excluded = true;
    columns[POST_ID].excluded_before = columns[BODY].excluded_before = 1;
    columns[RATING].excluded_before = 2;
    return (struct relation){.schema = STR("public"),
                             .table = STR("comments"),
                             .column_count = COLUMNS,
                             .excluded_count = 2,
                             .columns = columns};
}

static void expect_only_shown(const struct event *event, const char *body)
{
    struct event_column column;
    char json[512];

    snprintf(json, sizeof(json),
             "{\"id\":\"7f3a91c2-16B3748-3\",\"name\":\"comments\",\"type\":\"%s\",\"source\":{"
             "\"name\":\"walpiper\",\"version\":\"0.1.0\",\"db\":\"demo\",\"schema\":\"public\","
             "\"table\":\"comments\",\"columns\":{\"post_id\":\"uuid\",\"rating\":\"int4\"}},%s,"
             "\"timestamp\":\"2026-08-25T13:13:30.123456Z\",\"lsn\":[0,23803720],\"xid\":8841}",
             event_type_name(event->type), body);
    ck_assert_msg(str_equal(event->json, str_from(json)), "\n%.*s\nis not\n%s",
                  STR_ARG(event->json), json);
    ck_assert_uint_eq(event->column_count, 2);
    ck_assert(!event_column_find(event, STR("id"), &column));
    ck_assert(!event_column_find(event, STR("body"), &column));
    ck_assert(event_column_find(event, STR("post_id"), &column));
}

START_TEST(test_an_excluded_column_is_nowhere)
{
    struct relation_column columns[COLUMNS];
    const struct relation relation = some_excluded(columns);
    const struct value untouched[] = {TEXT_VALUE("90"), TEXT_VALUE("p-1"), UNCHANGED_VALUE,
                                      TEXT_VALUE("5")};
    struct change change = {EVENT_UPDATE, &relation, .new_values = untouched,
                            .old_values = row_before};
    struct event_column column;

    struct event event = encoded(&out, &change);
    expect_only_shown(&event,
                      "\"new_record\":{\"post_id\":\"p-1\",\"rating\":5},\"old_record\":null,"
                      "\"changes\":{\"rating\":{\"old_value\":4,\"new_value\":5}}");
    ck_assert(event_column_find(&event, STR("rating"), &column));
    ck_assert(str_equal(column.new_value, STR("5")) && str_equal(column.old_value, STR("4")));
    buffer_release(&out);

    change.old_values = NULL; /* what was not sent is not told to be unchanged either */
    event = encoded(&out, &change);
    expect_only_shown(&event,
                      "\"new_record\":{\"post_id\":\"p-1\",\"rating\":5},\"old_record\":null,"
                      "\"changes\":{}");
    buffer_release(&out);

    change = (struct change){.type = EVENT_DELETE, .relation = &relation, .old_values = row_before};
    event = encoded(&out, &change);
    expect_only_shown(&event,
                      "\"new_record\":null,\"old_record\":{\"post_id\":\"p-1\",\"rating\":4},"
                      "\"changes\":null");
    buffer_release(&out);
}
END_TEST

START_TEST(test_an_excluded_value_is_not_looked_at)
{
    struct relation_column columns[COLUMNS];
    const struct relation relation = some_excluded(columns);
    const struct value row[] = {TEXT_VALUE("no number"), TEXT_VALUE("p-1"), NULL_VALUE, NULL_VALUE};
    const struct change change = {.type = EVENT_INSERT, .relation = &relation, .new_values = row};
    struct event event = encoded(&out, &change);

    expect_only_shown(&event, "\"new_record\":{\"post_id\":\"p-1\",\"rating\":null},"
                              "\"old_record\":null,\"changes\":null");
    buffer_release(&out);
}
END_TEST

/* What is kept with a relation saves work and changes no byte. */
START_TEST(test_the_kept_text_of_a_relation_changes_nothing)
{
    struct relation_column columns[] = {{.name = STR("id"), .type = &type_int4},
                                        {.name = STR("a \"b\"\n\xc3\xa4"), .type = &type_text},
                                        {.name = STR(""), .type = &type_uuid}};
    struct relation relation = {.schema = STR("my \"schema\""),
                                .table = STR("t\\t"),
                                .column_count = 3,
                                .columns = columns};
    const struct value row[] = {TEXT_VALUE("1"), TEXT_VALUE("x"), NULL_VALUE};
    const struct change change = {.type = EVENT_INSERT, .relation = &relation, .new_values = row};
    struct error err = {0};
    struct buffer bare, kept;
    buffer_init(&bare, 1 << 20);
    buffer_init(&kept, 1 << 20);
    ck_assert_int_eq(event_encode(&bare, &origin, &transaction, 3, &change, &err), 0);
    ck_assert_int_eq(relation_text_keep(&relation), 0);
    ck_assert(str_equal(columns[0].key, STR("\"id\":")));
    ck_assert(str_equal(columns[2].key, STR("\"\":")));
    ck_assert_ptr_nonnull(relation.name.data);
    ck_assert_ptr_nonnull(relation.index.data);
    ck_assert_int_eq(event_encode(&kept, &origin, &transaction, 3, &change, &err), 0);
    ck_assert(str_equal(buffer_str(&bare), buffer_str(&kept)));
    relation_text_release(&relation);
    relation_text_release(NULL);
    buffer_release(&bare);
    buffer_release(&kept);
}
END_TEST

UNIT_SUITE("event/encode", test_an_excluded_column_is_nowhere,
           test_an_excluded_value_is_not_looked_at,
           test_the_kept_text_of_a_relation_changes_nothing, insert_has_the_new_row,
           update_with_full_identity_has_what_changed,
           update_with_default_identity_knows_only_the_key, null_is_a_value_that_changes,
           unsent_large_value_is_listed_and_not_invented,
           unsent_large_value_is_there_with_full_identity, delete_has_the_known_old_columns,
           truncate_has_no_records, message_belongs_to_no_table,
           message_outside_of_transactions_has_no_time_and_no_xid,
           table_without_columns_has_empty_objects,
           odd_names_are_escaped_in_json_and_raw_in_the_record, lsn_is_two_halves_of_the_commit_end,
           the_kept_tail_of_a_transaction_changes_nothing, records_follow_each_other_in_one_buffer,
           impossible_value_names_relation_and_column, too_large_message_is_named_by_its_prefix,
           too_large_row_is_named_with_its_largest_column, unknown_type_of_change_is_refused,
           every_allocation_may_fail, record_is_whole_or_absent_at_every_maximum)
