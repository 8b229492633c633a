/* check_change.h - what every decoder promises of a change (decode/decoder.h, event/change.h), and
 * that it can be made an event. For the fuzz targets of the decoders. */
#ifndef CHECK_CHANGE_H
#define CHECK_CHANGE_H

#include "base/buffer.h"
#include "decode/decoder.h"
#include "event/record.h"
#include "fuzz.h"

#include <errno.h>

#define RECORD_MAX (16UL << 20)

static const struct event_origin origin = {
    .epoch = STR("7f3a91c2"), .database = STR("demo"), .version = STR("0.1.0")};

static inline void check_values(const struct relation *relation, const struct value *values)
{
    for (uint16_t i = 0; values != NULL && i < relation->column_count; i++)
        if (values[i].kind == VALUE_TEXT)
            touch(values[i].text);
}

static inline void check_row(const struct change *change)
{
    const struct relation *relation = change->relation;

    promise(relation != NULL);
    touch(relation->schema);
    touch(relation->table);
    for (uint16_t i = 0; i < relation->column_count; i++) {
        touch(relation->columns[i].name);
        promise(relation->columns[i].type != NULL);
    }
    check_values(relation, change->new_values);
    check_values(relation, change->old_values);
}

static inline void check_kinds(const struct change *change)
{
    bool has_new = change->type == EVENT_INSERT || change->type == EVENT_UPDATE;

    promise(has_new == (change->new_values != NULL));
    for (uint16_t i = 0; has_new && i < change->relation->column_count; i++) {
        enum value_kind kind = change->new_values[i].kind;
        promise(kind != VALUE_ABSENT);
        promise(kind != VALUE_UNCHANGED || change->type == EVENT_UPDATE);
    }
    for (uint16_t i = 0; change->old_values != NULL && i < change->relation->column_count; i++)
        promise(change->old_values[i].kind != VALUE_UNCHANGED);
}

/* The whole way: a change that can be encoded gives a record that can be read. */
static inline void check_event(const struct decoded *decoded)
{
    struct buffer record;
    struct error error = {0};
    struct event event;

    buffer_init(&record, RECORD_MAX);
    int r = event_encode(&record, &origin, &decoded->transaction, 1, &decoded->change, &error);
    promise(r == 0 || r == -EINVAL || r == -EMSGSIZE);
    if (r == 0) {
        promise(event_read(&event, buffer_str(&record)) == 0);
        promise(memchr(event.json.data, '\n', event.json.len) == NULL);
    }
    buffer_release(&record);
}

static inline void check_change(const struct decoded *decoded)
{
    if (decoded->change.type == EVENT_MESSAGE) {
        touch(decoded->change.prefix);
        touch(decoded->change.content);
    } else {
        check_row(&decoded->change);
        check_kinds(&decoded->change);
    }
    check_event(decoded);
}

#endif
