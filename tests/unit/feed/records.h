/* records.h - hand-made records for the tests of feed and api: comments of posts, and rows of
 * events. */
#ifndef FEED_RECORDS_H
#define FEED_RECORDS_H

#include "config/config.h"
#include "event/record.h"
#include "event/type.h"
#include <check.h>
#include <inttypes.h>

static const struct type_info record_int8 = {.oid = 20, .name = "int8", .kind = JSON_KIND_NUMBER};
static const struct type_info record_text = {.oid = 25, .name = "text", .kind = JSON_KIND_STRING};
static const struct type_info record_jsonb = {.oid = 3802, .name = "jsonb", .kind = JSON_KIND_JSON};

static struct relation_column comment_columns[] = {
    {.name = STR("id"), .type = &record_int8, .primary_key = true},
    {.name = STR("post_id"), .type = &record_int8},
    {.name = STR("body"), .type = &record_text},
};
static const struct relation comments = {.schema = STR("public"),
                                         .table = STR("comments"),
                                         .column_count = 3,
                                         .columns = comment_columns};

static struct relation_column event_columns[] = {
    {.name = STR("id"), .type = &record_int8, .primary_key = true},
    {.name = STR("type"), .type = &record_text},
    {.name = STR("subscriber"), .type = &record_text},
    {.name = STR("payload"), .type = &record_jsonb},
};
static const struct relation events = {
    .schema = STR("public"), .table = STR("events"), .column_count = 4, .columns = event_columns};

/* NULL is SQL NULL, "?" is not known. */
static inline struct value record_value(const char *text)
{
    if (text == NULL)
        return (struct value){.kind = VALUE_NULL};
    if (text[0] == '?')
        return (struct value){.kind = VALUE_ABSENT};
    return (struct value){VALUE_TEXT, str_from(text)};
}

static inline void record_make(struct buffer *out, struct position position,
                               const struct change *change)
{
    const struct event_origin origin = {
        .epoch = STR("7f3a91c2"), .database = STR("demo"), .version = STR("0.1.0")};
    const struct transaction transaction = {
        .xid = 7, .commit_lsn = position.lsn - 8, .end_lsn = position.lsn, .commit_time = 0};
    struct error err = {0};

    buffer_reset(out);
    ck_assert_msg(event_encode(out, &origin, &transaction, position.ordinal, change, &err) == 0,
                  "%s", err.text);
}

/* The row of a comment; NULL for no row. */
struct comment {
    const char *id, *post_id, *body;
};

static inline void record_comment(struct buffer *out, struct position position,
                                  const struct comment *before, const struct comment *after)
{
    struct value old_values[3], new_values[3];
    struct change change = {.type = EVENT_UPDATE, .relation = &comments};

    if (before != NULL) {
        old_values[0] = record_value(before->id);
        old_values[1] = record_value(before->post_id);
        old_values[2] = record_value(before->body);
        change.old_values = old_values;
    } else {
        change.type = EVENT_INSERT;
    }
    if (after != NULL) {
        new_values[0] = record_value(after->id);
        new_values[1] = record_value(after->post_id);
        new_values[2] = record_value(after->body);
        change.new_values = new_values;
    } else {
        change.type = EVENT_DELETE;
    }
    record_make(out, position, &change);
}

static inline void record_event(struct buffer *out, struct position position, const char *id,
                                const char *type, const char *subscriber, const char *payload)
{
    struct value values[4] = {record_value(id), record_value(type), record_value(subscriber),
                              record_value(payload)};
    struct change change = {.type = EVENT_INSERT, .relation = &events, .new_values = values};

    record_make(out, position, &change);
}

static inline void record_truncate(struct buffer *out, struct position position)
{
    struct change change = {.type = EVENT_TRUNCATE, .relation = &comments};

    record_make(out, position, &change);
}

/* comments with the scope posts, and events. */
static struct config_scope_column record_scope_column = {(char *)"post_id", (char *)"posts"};
static struct config_scope record_scope = {&record_scope_column, 1};
static struct config_table record_table = {.schema = (char *)"public",
                                           .table = (char *)"comments",
                                           .scopes = &record_scope,
                                           .scope_count = 1};

static inline struct config record_config(void)
{
    struct config config = {.tables = &record_table, .table_count = 1};

    config.events.enabled = true;
    config.events.schema = (char *)"public";
    config.events.table = (char *)"events";
    config.events.id = (char *)"id";
    config.events.type = (char *)"type";
    config.events.consumer = (char *)"subscriber";
    config.events.payload = (char *)"payload";
    config.http.heartbeat_ms = 10000;
    config.http.max_topics = 1000;
    config.http.max_filters = 20;
    return config;
}

#endif
