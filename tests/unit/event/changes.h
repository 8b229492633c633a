/* event/changes.h - for the tests of records: one table, and changes of it. */
#ifndef EVENT_CHANGES_H
#define EVENT_CHANGES_H

#include "base/str.h"
#include "event/record.h"
#include "event/samples.h"

#define TEXT_VALUE(literal)                                                                        \
    {                                                                                              \
        .kind = VALUE_TEXT, .text = { literal, sizeof(literal) - 1 }                               \
    }
#define NULL_VALUE                                                                                 \
    {                                                                                              \
        .kind = VALUE_NULL                                                                         \
    }
#define ABSENT_VALUE                                                                               \
    {                                                                                              \
        .kind = VALUE_ABSENT                                                                       \
    }
#define UNCHANGED_VALUE                                                                            \
    {                                                                                              \
        .kind = VALUE_UNCHANGED                                                                    \
    }

enum { ID, POST_ID, BODY, RATING, COLUMNS };

__attribute__((unused)) static struct relation_column comment_columns[COLUMNS] = {
    [ID] = {.name = {"id", 2}, .type = &type_int4, .primary_key = true},
    [POST_ID] = {.name = {"post_id", 7}, .type = &type_uuid},
    [BODY] = {.name = {"body", 4}, .type = &type_text},
    [RATING] = {.name = {"rating", 6}, .type = &type_int4},
};
__attribute__((unused)) static const struct relation comments = {
    .schema = {"public", 6},
    .table = {"comments", 8},
    .column_count = COLUMNS,
    .columns = comment_columns,
};

__attribute__((unused)) static const struct value row_before[COLUMNS] = {
    TEXT_VALUE("89"), TEXT_VALUE("p-1"), TEXT_VALUE("so \"good\""), TEXT_VALUE("4")};
__attribute__((unused)) static const struct value row_after[COLUMNS] = {
    TEXT_VALUE("89"), TEXT_VALUE("p-1"), TEXT_VALUE("so \"good\""), TEXT_VALUE("5")};

__attribute__((unused)) static const struct event_origin origin = {
    .epoch = {"7f3a91c2", 8}, .database = {"demo", 4}, .version = {"0.1.0", 5}};
__attribute__((unused)) static const struct transaction transaction = {
    .xid = 8841,
    .commit_lsn = 23803680,
    .end_lsn = 23803720,
    .commit_time = INT64_C(1787663610123456), /* 2026-08-25 13:13:30.123456 */
};

#define SOURCE_JSON                                                                                \
    "\"source\":{\"name\":\"walpiper\",\"version\":\"0.1.0\",\"db\":\"demo\",\"schema\":"          \
    "\"public\",\"table\":\"comments\",\"columns\":{\"id\":\"int4\",\"post_id\":\"uuid\","         \
    "\"body\":\"text\",\"rating\":\"int4\"}}"
#define JSON_OF(type, body)                                                                        \
    "{\"id\":\"7f3a91c2-16B3748-3\",\"name\":\"comments\",\"type\":\"" type "\"," SOURCE_JSON body \
    ",\"timestamp\":\"2026-08-25T13:13:30.123456Z\",\"lsn\":[0,23803720],\"xid\":8841}"

/* Encodes CHANGE as the third of the transaction into OUT, and reads it. */
__attribute__((unused)) static struct event encoded(struct buffer *out, const struct change *change)
{
    struct error err = {.text = ""};
    struct event event;

    buffer_init(out, 1 << 20);
    int r = event_encode(out, &origin, &transaction, 3, change, &err);
    ck_assert_msg(r == 0, "%d: %s", r, err.text);
    ck_assert_int_eq(event_read(&event, buffer_str(out)), 0);
    return event;
}

#endif
