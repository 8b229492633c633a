/* The writing half of event/record.h: one pass over the change appends the record's index and its
 * frame; the slices of the index are noted while the values they name are written. */
#include "base/lsn.h"
#include "base/str.h"
#include "event/digits.h"
#include "event/id.h"
#include "event/iso_time.h"
#include "event/layout.h"
#include "event/record.h"
#include "event/type.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OBJECT_MAX 256 /* a name in an error */
#define RECORD_LENGTH_MAX UINT32_MAX

struct encoder {
    struct buffer *out;
    size_t start; /* of the record in out */
    const struct event_origin *origin;
    const struct transaction *transaction;
    const struct change *change;
    uint16_t column_count;
    struct str id;
    uint32_t frame_at, json_at;
    const struct relation_column *culprit; /* whose value failed */
};

#define PUT(e, literal) buffer_append((e)->out, literal, sizeof(literal) - 1)

static const struct value absent = {.kind = VALUE_ABSENT};

static bool is_known(const struct value *v)
{
    return v->kind == VALUE_NULL || v->kind == VALUE_TEXT;
}

static const struct value *old_value(const struct change *change, uint16_t index)
{
    return change->old_values != NULL ? &change->old_values[index] : &absent;
}

/* What an update left untouched and the server did not send is what it was before, when the old row
 * says so (REPLICA IDENTITY FULL). */
static const struct value *new_value(const struct change *change, uint16_t index)
{
    const struct value *v = change->new_values != NULL ? &change->new_values[index] : &absent;
    const struct value *old = old_value(change, index);

    return v->kind == VALUE_UNCHANGED && is_known(old) ? old : v;
}

static bool is_same(const struct value *a, const struct value *b)
{
    return a->kind == b->kind && (a->kind == VALUE_NULL || str_equal(a->text, b->text));
}

static uint32_t here(const struct encoder *e)
{
    return (uint32_t)(e->out->len - e->start);
}

static char *column_place(const struct encoder *e, uint16_t index)
{
    return e->out->data + e->start + sizeof(struct record_header) +
           index * sizeof(struct record_column);
}

static struct record_column load_column(const struct encoder *e, uint16_t index)
{
    struct record_column column;

    memcpy(&column, column_place(e, index), sizeof(column));
    return column;
}

static void store_column(const struct encoder *e, uint16_t index,
                         const struct record_column *column)
{
    memcpy(column_place(e, index), column, sizeof(*column));
}

static uint16_t name_length(struct str name)
{
    /* NAMEDATALEN is 64, some builds have more; no name comes near this. */
    assert(name.len <= UINT16_MAX);
    return (uint16_t)name.len;
}

/* Makes room for header and columns, so that they can be filled in place, and appends the names. */
static int put_index(struct encoder *e)
{
    const struct relation *relation = e->change->relation;
    size_t index_len =
        sizeof(struct record_header) + e->column_count * sizeof(struct record_column);
    char *index = buffer_reserve(e->out, index_len);

    if (index == NULL)
        return e->out->failed;
    memset(index, 0, index_len);
    e->out->len += index_len;
    if (relation == NULL)
        return 0;
    buffer_append_str(e->out, relation->schema);
    buffer_append_str(e->out, relation->table);
    for (uint16_t i = 0; i < e->column_count; i++) {
        const struct relation_column *from = &relation->columns[i];
        struct record_column column = {
            .name_at = here(e),
            .name_len = name_length(from->name),
            .flags = from->primary_key ? RECORD_PRIMARY_KEY : 0,
        };
        buffer_append_str(e->out, from->name);
        store_column(e, i, &column);
    }
    return e->out->failed;
}

static void store_header(const struct encoder *e)
{
    const struct relation *relation = e->change->relation;
    struct record_header header = {
        .magic = RECORD_MAGIC,
        .version = RECORD_VERSION,
        .type = (uint16_t)e->change->type,
        .length = here(e),
        .xid = e->transaction->xid,
        .commit_time = e->transaction->commit_time,
        .frame_at = e->frame_at,
        .json_at = e->json_at,
        .column_count = e->column_count,
        .schema_len = relation != NULL ? name_length(relation->schema) : 0,
        .table_len = relation != NULL ? name_length(relation->table) : 0,
        .id_len = (uint16_t)e->id.len,
    };

    memcpy(e->out->data + e->start, &header, sizeof(header));
}

/* Appends the value of column INDEX and says where it stands. */
static int put_value(struct encoder *e, uint16_t index, const struct value *v,
                     struct record_slice *ret_slice)
{
    const struct relation_column *column = &e->change->relation->columns[index];
    uint32_t at = here(e);
    int r = v->kind == VALUE_NULL ? PUT(e, "null") : json_value(e->out, column->type, v->text);

    /* Here and not once at the end: a slice that wrapped around must not be copied from. */
    if (r == 0 && e->out->len - e->start > RECORD_LENGTH_MAX)
        r = -EMSGSIZE;
    if (r < 0) {
        e->culprit = column;
        return r;
    }
    *ret_slice = (struct record_slice){at, here(e) - at};
    return 0;
}

static void put_key(struct encoder *e, char separator, struct str name)
{
    buffer_append_char(e->out, separator);
    json_quote(e->out, name);
    buffer_append_char(e->out, ':');
}

static void put_source(struct encoder *e)
{
    const struct relation *relation = e->change->relation;

    PUT(e, ",\"source\":{\"name\":\"walpiper\",\"version\":");
    json_quote(e->out, e->origin->version);
    PUT(e, ",\"db\":");
    json_quote(e->out, e->origin->database);
    if (relation == NULL) {
        PUT(e, ",\"schema\":null,\"table\":null,\"columns\":null}");
        return;
    }
    PUT(e, ",\"schema\":");
    json_quote(e->out, relation->schema);
    PUT(e, ",\"table\":");
    json_quote(e->out, relation->table);
    PUT(e, ",\"columns\":");
    for (uint16_t i = 0; i < e->column_count; i++) {
        put_key(e, i == 0 ? '{' : ',', relation->columns[i].name);
        json_quote(e->out, str_from(relation->columns[i].type->name));
    }
    buffer_append_str(e->out, e->column_count == 0 ? STR("{}}") : STR("}}"));
}

static int put_new_record(struct encoder *e)
{
    char separator = '{';

    PUT(e, ",\"new_record\":");
    for (uint16_t i = 0; i < e->column_count; i++) {
        const struct value *v = new_value(e->change, i);
        if (!is_known(v))
            continue;
        struct record_column column = load_column(e, i);
        put_key(e, separator, e->change->relation->columns[i].name);
        int r = put_value(e, i, v, &column.new_value);
        if (r < 0)
            return r;
        column.flags |= RECORD_HAS_NEW;
        store_column(e, i, &column);
        separator = ',';
    }
    return separator == '{' ? PUT(e, "{}") : PUT(e, "}");
}

static int put_old_record(struct encoder *e)
{
    char separator = '{';

    PUT(e, ",\"old_record\":");
    for (uint16_t i = 0; i < e->column_count; i++) {
        const struct value *v = old_value(e->change, i);
        if (!is_known(v))
            continue;
        struct record_column column = load_column(e, i);
        put_key(e, separator, e->change->relation->columns[i].name);
        int r = put_value(e, i, v, &column.old_value);
        if (r < 0)
            return r;
        column.flags |= RECORD_HAS_OLD;
        store_column(e, i, &column);
        separator = ',';
    }
    return separator == '{' ? PUT(e, "{}") : PUT(e, "}");
}

/* Appends again what stands at SLICE: a value is converted once. */
static int put_again(struct encoder *e, struct record_slice slice)
{
    char *to = buffer_reserve(e->out, slice.len);

    if (to == NULL)
        return e->out->failed;
    memcpy(to, e->out->data + e->start + slice.at, slice.len);
    e->out->len += slice.len;
    return 0;
}

static int put_change_of(struct encoder *e, uint16_t index, char separator,
                         struct record_column *column)
{
    put_key(e, separator, e->change->relation->columns[index].name);
    PUT(e, "{\"old_value\":");
    int r = put_value(e, index, old_value(e->change, index), &column->old_value);
    if (r < 0)
        return r;
    PUT(e, ",\"new_value\":");
    put_again(e, column->new_value);
    return PUT(e, "}");
}

static int put_changes(struct encoder *e)
{
    char separator = '{';

    PUT(e, ",\"changes\":");
    for (uint16_t i = 0; i < e->column_count; i++) {
        const struct value *now = new_value(e->change, i);
        const struct value *before = old_value(e->change, i);
        if (!is_known(now) || !is_known(before))
            continue;
        struct record_column column = load_column(e, i);
        column.flags |= RECORD_HAS_OLD;
        if (is_same(now, before)) {
            column.old_value = column.new_value;
        } else {
            int r = put_change_of(e, i, separator, &column);
            if (r < 0)
                return r;
            separator = ',';
        }
        store_column(e, i, &column);
    }
    return separator == '{' ? PUT(e, "{}") : PUT(e, "}");
}

static void put_unchanged(struct encoder *e)
{
    bool any = false;

    for (uint16_t i = 0; i < e->column_count; i++) {
        if (new_value(e->change, i)->kind != VALUE_UNCHANGED)
            continue;
        if (any)
            PUT(e, ",");
        else
            PUT(e, ",\"unchanged\":[");
        json_quote(e->out, e->change->relation->columns[i].name);
        any = true;
    }
    if (any)
        PUT(e, "]");
}

static int put_body(struct encoder *e)
{
    int r;

    switch (e->change->type) {
    case EVENT_INSERT:
        r = put_new_record(e);
        PUT(e, ",\"old_record\":null,\"changes\":null");
        return r;
    case EVENT_UPDATE:
        r = put_new_record(e);
        PUT(e, ",\"old_record\":null");
        if (r == 0)
            r = put_changes(e);
        put_unchanged(e);
        return r;
    case EVENT_DELETE:
        PUT(e, ",\"new_record\":null");
        r = put_old_record(e);
        PUT(e, ",\"changes\":null");
        return r;
    case EVENT_TRUNCATE:
        return PUT(e, ",\"new_record\":null,\"old_record\":null,\"changes\":null");
    case EVENT_MESSAGE:
        PUT(e, ",\"prefix\":");
        json_quote(e->out, e->change->prefix);
        PUT(e, ",\"content\":");
        return json_quote(e->out, e->change->content);
    }
    return -EINVAL;
}

static void put_timestamp(struct encoder *e)
{
    char text[ISO_TIME_MAX];
    const char *end = put_iso_time(text, e->transaction->commit_time);

    PUT(e, ",\"timestamp\":\"");
    buffer_append(e->out, text, (size_t)(end - text));
}

static void put_place_in_log(struct encoder *e)
{
    uint64_t lsn = e->transaction->end_lsn;
    char text[3 * DECIMAL_MAX + 16];
    char *at = text;

    PUT(e, "\",\"lsn\":[");
    at = put_decimal(at, lsn >> 32);
    *at++ = ',';
    at = put_decimal(at, (uint32_t)lsn);
    memcpy(at, "],\"xid\":", 8);
    at = put_decimal(at + 8, e->transaction->xid);
    *at++ = '}';
    buffer_append(e->out, text, (size_t)(at - text));
}

static int put_json(struct encoder *e)
{
    const struct relation *relation = e->change->relation;

    e->json_at = here(e);
    PUT(e, "{\"id\":");
    json_quote(e->out, e->id);
    PUT(e, ",\"name\":");
    if (relation != NULL)
        json_quote(e->out, relation->table);
    else
        PUT(e, "null");
    PUT(e, ",\"type\":\"");
    buffer_append_str(e->out, str_from(event_type_name(e->change->type)));
    PUT(e, "\"");
    put_source(e);
    int r = put_body(e);
    if (r < 0)
        return r;
    put_timestamp(e);
    put_place_in_log(e);
    return e->out->failed;
}

static int put_frame(struct encoder *e)
{
    e->frame_at = here(e);
    PUT(e, FRAME_ID);
    buffer_append_str(e->out, e->id);
    PUT(e, FRAME_EVENT);
    buffer_append_str(e->out, str_from(event_type_name(e->change->type)));
    PUT(e, FRAME_DATA);
    int r = put_json(e);
    if (r < 0)
        return r;
    r = PUT(e, FRAME_END);
    if (r == 0 && e->out->len - e->start > RECORD_LENGTH_MAX)
        return -EMSGSIZE;
    return r;
}

/* Schema and table, or the prefix of a message; names are cut, for the cause must fit too. */
static void name_object(const struct change *change, char text[OBJECT_MAX])
{
    const struct relation *relation = change->relation;

    if (relation == NULL)
        snprintf(text, OBJECT_MAX, "message %.*s", STR_ARG(str_truncate(change->prefix, 100)));
    else
        snprintf(text, OBJECT_MAX, "%.*s.%.*s", STR_ARG(str_truncate(relation->schema, 100)),
                 STR_ARG(str_truncate(relation->table, 100)));
}

static int explain(const struct encoder *e, int code, struct error *err)
{
    uint32_t xid = e->transaction->xid;
    char object[OBJECT_MAX], lsn[LSN_TEXT_MAX];

    name_object(e->change, object);
    lsn_format(e->transaction->end_lsn, lsn);
    if (code == -ENOMEM)
        return error_set(err, code, "%s: no memory for an event", object);
    if (code == -EMSGSIZE)
        return error_set(err, code,
                         "%s: an event of transaction %" PRIu32 " at %s is larger than %zu bytes; "
                         "exclude large columns to go on",
                         object, xid, lsn, e->out->max);
    if (e->culprit == NULL)
        return error_set(err, code, "%s: unknown kind of change %d", object, (int)e->change->type);
    return error_set(err, code,
                     "%s: a value of column %.*s is no %s in transaction %" PRIu32 " at %s; "
                     "exclude the column to go on",
                     object, STR_ARG(str_truncate(e->culprit->name, 100)), e->culprit->type->name,
                     xid, lsn);
}

int event_encode(struct buffer *out, const struct event_origin *origin,
                 const struct transaction *transaction, uint32_t ordinal,
                 const struct change *change, struct error *err)
{
    char epoch[EPOCH_DIGITS + 1] = "", id[EVENT_ID_MAX];
    struct encoder e = {
        .out = out,
        .start = out->len,
        .origin = origin,
        .transaction = transaction,
        .change = change,
        .column_count = change->relation != NULL ? change->relation->column_count : 0,
    };

    assert(origin->epoch.len == EPOCH_DIGITS);
    assert((change->type == EVENT_MESSAGE) == (change->relation == NULL));
    memcpy(epoch, origin->epoch.data, EPOCH_DIGITS);
    e.id = str_from(event_id_format(epoch, (struct position){transaction->end_lsn, ordinal}, id));
    int r = put_index(&e);
    if (r == 0)
        r = put_frame(&e);
    if (r < 0) {
        out->len = e.start;
        return explain(&e, r, err);
    }
    store_header(&e);
    return 0;
}
