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

static struct record_column load_column(const unsigned char *columns, size_t index)
{
    struct record_column column;

    memcpy(&column, columns + index * sizeof(column), sizeof(column));
    return column;
}

/* True when the LEN bytes at AT lie in the bytes from FROM up to TO; FROM <= TO. */
static bool inside(uint32_t at, uint32_t len, uint32_t from, uint32_t to)
{
    return at >= from && at <= to && len <= to - at;
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

static uint32_t json_end(const struct record_header *h)
{
    return h->length - (uint32_t)strlen(FRAME_END);
}

/* The parts follow each other without overlap, and each is inside the record. */
static bool parts_are_sound(const struct record_header *h)
{
    uint64_t id_end = (uint64_t)h->frame_at + strlen(FRAME_ID) + h->id_len;

    return names_at(h) + h->schema_len + h->table_len <= h->frame_at && id_end <= h->json_at &&
           inside(h->json_at, strlen(FRAME_END), h->frame_at, h->length);
}

/* In the json; a stripped record has its values before the frame. */
static bool value_is_sound(const struct record_header *h, struct record_slice value)
{
    if (h->version == RECORD_STRIPPED)
        return inside(value.at, value.len, (uint32_t)names_at(h), h->frame_at);
    return inside(value.at, value.len, h->json_at, json_end(h));
}

static bool columns_are_sound(const struct record_header *h, const unsigned char *columns)
{
    for (size_t i = 0; i < h->column_count; i++) {
        struct record_column c = load_column(columns, i);
        if (!inside(c.name_at, c.name_len, (uint32_t)names_at(h), h->frame_at))
            return false;
        if ((c.flags & RECORD_HAS_NEW) != 0 && !value_is_sound(h, c.new_value))
            return false;
        if ((c.flags & RECORD_HAS_OLD) != 0 && !value_is_sound(h, c.old_value))
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
    if (!inside(error.at, error.len, h->json_at, json_end(h)))
        return false;
    *ret_error = (struct str){bytes.data + error.at, error.len};
    return true;
}

int event_read(struct event *ret, struct str bytes)
{
    struct record_header h;

    if (bytes.len < sizeof(h))
        return -EBADMSG;
    memcpy(&h, bytes.data, sizeof(h));
    const unsigned char *columns = (const unsigned char *)bytes.data + sizeof(h);
    struct str error;
    if (!header_is_sound(&h, bytes.len) || !parts_are_sound(&h) ||
        !columns_are_sound(&h, columns) || !read_error(&h, bytes, &error))
        return -EBADMSG;

    const char *names = bytes.data + names_at(&h);
    *ret = (struct event){
        .type = (enum event_type)h.type,
        .xid = h.xid,
        .commit_time = h.commit_time,
        .schema = {names, h.schema_len},
        .table = {names + h.schema_len, h.table_len},
        .id = {bytes.data + h.frame_at + strlen(FRAME_ID), h.id_len},
        .json = {bytes.data + h.json_at, h.length - h.json_at - strlen(FRAME_END)},
        .frame = {bytes.data + h.frame_at, h.length - h.frame_at},
        .error = error,
        .column_count = h.column_count,
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

struct event_column event_column_at(const struct event *event, uint16_t index)
{
    assert(index < event->column_count);
    struct record_column c = load_column(event->columns, index);
    struct event_column column = {
        .name = slice(event, c.name_at, c.name_len),
        .primary_key = (c.flags & RECORD_PRIMARY_KEY) != 0,
        .left_out = (c.flags & RECORD_LEFT_OUT) != 0,
    };

    if ((c.flags & RECORD_HAS_NEW) != 0)
        column.new_value = slice(event, c.new_value.at, c.new_value.len);
    if ((c.flags & RECORD_HAS_OLD) != 0)
        column.old_value = slice(event, c.old_value.at, c.old_value.len);
    return column;
}

bool event_column_find(const struct event *event, struct str name, struct event_column *ret)
{
    for (uint16_t i = 0; i < event->column_count; i++) {
        struct record_column c = load_column(event->columns, i);
        if (str_equal(slice(event, c.name_at, c.name_len), name)) {
            *ret = event_column_at(event, i);
            return true;
        }
    }
    return false;
}
