#include "event/record.h"

#include "base/str.h"
#include "event/layout.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

const char *event_type_name(enum event_type type)
{
    switch (type) {
    case EVENT_INSERT:
        return "insert";
    case EVENT_UPDATE:
        return "update";
    case EVENT_DELETE:
        return "delete";
    case EVENT_TRUNCATE:
        return "truncate";
    case EVENT_MESSAGE:
        return "message";
    }
    return "unknown";
}

static const struct record_column *column_in(const unsigned char *columns, size_t index)
{
    return (const struct record_column *)columns + index;
}

/* Where in a record something must lie; from <= to. */
struct part {
    uint32_t from, to;
};

static bool inside(struct part part, uint32_t at, uint32_t len)
{
    return at >= part.from && (uint64_t)at + len <= part.to;
}

static bool header_is_sound(const struct record_header *h, size_t length)
{
    return h->magic == RECORD_MAGIC &&
           (h->version == RECORD_WHOLE || h->version == RECORD_STRIPPED) && h->length == length &&
           h->type >= EVENT_INSERT && h->type <= EVENT_MESSAGE;
}

static uint64_t names_at(const struct record_header *h)
{
    return sizeof(*h) + (uint64_t)h->column_count * sizeof(struct record_column) +
           (h->version == RECORD_STRIPPED ? sizeof(struct record_slice) : 0);
}

/* For a header whose parts are sound. */
static struct part names_part(const struct record_header *h)
{
    return (struct part){(uint32_t)names_at(h), h->frame_at};
}

static struct part json_part(const struct record_header *h)
{
    return (struct part){h->json_at, h->length - (uint32_t)strlen(FRAME_END)};
}

/* The parts follow each other without overlap, and each is inside the record. */
static bool parts_are_sound(const struct record_header *h)
{
    uint64_t id_end = (uint64_t)h->frame_at + strlen(FRAME_ID) + h->id_len;

    return names_at(h) + h->schema_len + h->table_len <= h->frame_at && id_end <= h->json_at &&
           (uint64_t)h->json_at + strlen(FRAME_END) <= h->length;
}

/* Values are in the json; of a stripped record they stand among the names, before the frame. */
static bool columns_are_sound(const struct record_header *h, const unsigned char *columns)
{
    struct part names = names_part(h);
    struct part values = h->version == RECORD_STRIPPED ? names : json_part(h);

    for (size_t i = 0; i < h->column_count; i++) {
        const struct record_column *c = column_in(columns, i);
        if (!inside(names, c->name_at, c->name_len))
            return false;
        if ((c->flags & RECORD_HAS_NEW) != 0 && !inside(values, c->new_value.at, c->new_value.len))
            return false;
        if ((c->flags & RECORD_HAS_OLD) != 0 && !inside(values, c->old_value.at, c->old_value.len))
            return false;
    }
    return true;
}

/* Why the event has no records: nothing when it has them. False when that is outside of the json.
 */
static bool read_error(const struct record_header *h, struct str bytes, struct str *ret_error)
{
    struct record_slice error;

    *ret_error = (struct str){NULL, 0};
    if (h->version != RECORD_STRIPPED)
        return true;
    memcpy(&error, bytes.data + names_at(h) - sizeof(error), sizeof(error));
    if (!inside(json_part(h), error.at, error.len))
        return false;
    *ret_error = (struct str){bytes.data + error.at, error.len};
    return true;
}

int event_read(struct event *ret, struct str bytes)
{
    const struct record_header *h = (const struct record_header *)bytes.data;
    struct str error;

    if (bytes.len < sizeof(*h))
        return -EBADMSG;
    const unsigned char *columns = (const unsigned char *)(h + 1);
    if (!header_is_sound(h, bytes.len) || !parts_are_sound(h) || !columns_are_sound(h, columns) ||
        !read_error(h, bytes, &error))
        return -EBADMSG;

    const char *names = bytes.data + names_at(h);
    *ret = (struct event){
        .type = (enum event_type)h->type,
        .xid = h->xid,
        .commit_time = h->commit_time,
        .schema = {names, h->schema_len},
        .table = {names + h->schema_len, h->table_len},
        .id = {bytes.data + h->frame_at + strlen(FRAME_ID), h->id_len},
        .json = {bytes.data + h->json_at, h->length - h->json_at - strlen(FRAME_END)},
        .frame = {bytes.data + h->frame_at, h->length - h->frame_at},
        .error = error,
        .column_count = h->column_count,
        .columns = columns,
    };
    return 0;
}

/* Columns stand right after the header, so they tell where the record begins. */
static struct str slice(const struct event *event, uint32_t at, uint32_t len)
{
    const char *record = (const char *)event->columns - sizeof(struct record_header);
    return (struct str){record + at, len};
}

static inline struct event_column read_column(const struct event *event,
                                              const struct record_column *c)
{
    bool has_new = (c->flags & RECORD_HAS_NEW) != 0, has_old = (c->flags & RECORD_HAS_OLD) != 0;
    struct str none = {NULL, 0};

    return (struct event_column){
        .name = slice(event, c->name_at, c->name_len),
        .new_value = has_new ? slice(event, c->new_value.at, c->new_value.len) : none,
        .old_value = has_old ? slice(event, c->old_value.at, c->old_value.len) : none,
        .primary_key = (c->flags & RECORD_PRIMARY_KEY) != 0,
        .left_out = (c->flags & RECORD_LEFT_OUT) != 0,
    };
}

struct event_column event_column_at(const struct event *event, uint16_t index)
{
    assert(index < event->column_count);
    return read_column(event, column_in(event->columns, index));
}

bool event_column_find(const struct event *event, struct str name, struct event_column *ret)
{
    for (uint16_t i = 0; i < event->column_count; i++) {
        const struct record_column *c = column_in(event->columns, i);
        if (str_equal(slice(event, c->name_at, c->name_len), name)) {
            *ret = read_column(event, c);
            return true;
        }
    }
    return false;
}

bool event_primary_key(const struct event *event, struct event_column *ret)
{
    const struct record_column *key = NULL;

    for (uint16_t i = 0; i < event->column_count; i++) {
        const struct record_column *c = column_in(event->columns, i);
        if ((c->flags & RECORD_PRIMARY_KEY) == 0)
            continue;
        if (key != NULL)
            return false;
        key = c;
    }
    if (key != NULL)
        *ret = read_column(event, key);
    return key != NULL;
}
