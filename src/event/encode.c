/* The writing half of event/record.h: one pass over the change appends the record's index and its
 * frame; the slices of the index are noted while the values they name are written. */
#include "event/encode_parts.h"

#include "base/lsn.h"
#include "event/digits.h"
#include "event/id.h"
#include "event/iso_time.h"
#include "event/relation_text.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RECORD_LENGTH_MAX UINT32_MAX

static uint16_t name_length(struct str name)
{
    /* NAMEDATALEN is 64, some builds have more; no name comes near this. */
    assert(name.len <= UINT16_MAX);
    return (uint16_t)name.len;
}

static void measure(struct encoder *e)
{
    const struct relation *relation = e->change->relation;

    e->start = e->out->len;
    if (relation == NULL)
        return;
    e->column_count = relation->column_count;
    e->shown_count = (uint16_t)(e->column_count - relation->excluded_count);
}

/* Makes room for header and columns, so that they can be filled in place, and appends the names. */
static int write_index(struct encoder *e)
{
    const struct relation *relation = e->change->relation;
    size_t index_len = sizeof(struct record_header) +
                       e->shown_count * sizeof(struct record_column) +
                       (e->stripped ? sizeof(struct record_slice) : 0);
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
        if (from->excluded)
            continue;
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

int encode_index(struct buffer *out, const struct relation *relation)
{
    const struct change change = {.relation = relation};
    struct encoder e = {.out = out, .change = &change};

    measure(&e);
    return write_index(&e);
}

static int put_index(struct encoder *e)
{
    const struct relation *relation = e->change->relation;

    if (relation != NULL && relation->index.data != NULL && !e->stripped)
        return buffer_append_str(e->out, relation->index);
    return write_index(e);
}

static void store_header(const struct encoder *e)
{
    const struct relation *relation = e->change->relation;
    struct record_header header = {
        .magic = RECORD_MAGIC,
        .version = e->stripped ? RECORD_STRIPPED : RECORD_WHOLE,
        .type = (uint16_t)e->change->type,
        .length = here(e),
        .xid = e->transaction->xid,
        .commit_time = e->transaction->commit_time,
        .frame_at = e->frame_at,
        .json_at = e->json_at,
        .column_count = e->shown_count,
        .schema_len = relation != NULL ? name_length(relation->schema) : 0,
        .table_len = relation != NULL ? name_length(relation->table) : 0,
        .id_len = (uint16_t)e->id.len,
    };

    memcpy(e->out->data + e->start, &header, sizeof(header));
    if (e->stripped)
        memcpy(column_place(e, e->shown_count), &e->error, sizeof(e->error));
}

/* Appends the value of column INDEX and says where it stands. */
int encode_value(struct encoder *e, uint16_t index, const struct value *v,
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
    PUT(e, ",");
    if (relation->text.data != NULL)
        buffer_append_str(e->out, relation->text);
    else
        relation_text_write(e->out, relation);
    PUT(e, "}");
}

static void put_timestamp(struct encoder *e)
{
    char text[ISO_TIME_MAX];
    const char *end = put_iso_time(text, e->transaction->commit_time);

    if (e->transaction->xid == 0) {
        PUT(e, ",\"timestamp\":null");
        return;
    }
    PUT(e, ",\"timestamp\":\"");
    buffer_append(e->out, text, (size_t)(end - text));
    PUT(e, "\"");
}

static void put_place_in_log(struct encoder *e)
{
    uint64_t lsn = e->transaction->end_lsn;
    char text[3 * DECIMAL_MAX + 16];
    char *at = text;

    PUT(e, ",\"lsn\":[");
    at = put_decimal(at, lsn >> 32);
    *at++ = ',';
    at = put_decimal(at, (uint32_t)lsn);
    memcpy(at, "],\"xid\":", 8);
    at += 8;
    if (e->transaction->xid != 0)
        at = put_decimal(at, e->transaction->xid);
    buffer_append(e->out, text, (size_t)(at - text));
    buffer_append_str(e->out, e->transaction->xid != 0 ? STR("}") : STR("null}"));
}

int event_tail_write(struct buffer *out, const struct transaction *transaction)
{
    struct encoder e = {.out = out, .transaction = transaction};

    put_timestamp(&e);
    put_place_in_log(&e);
    return out->failed;
}

static int put_json(struct encoder *e)
{
    const struct relation *relation = e->change->relation;

    e->json_at = here(e);
    PUT(e, "{\"id\":\"");
    buffer_append_str(e->out, e->id); /* it has nothing to escape */
    PUT(e, "\",\"name\":");
    if (relation == NULL)
        PUT(e, "null");
    else if (relation->name.data != NULL)
        buffer_append_str(e->out, relation->name);
    else
        json_quote(e->out, relation->table);
    PUT(e, ",\"type\":\"");
    buffer_append_str(e->out, str_from(event_type_name(e->change->type)));
    PUT(e, "\"");
    put_source(e);
    int r = e->stripped ? encode_stripped_body(e) : encode_body(e);
    if (r < 0)
        return r;
    if (e->transaction->tail.data != NULL)
        return buffer_append_str(e->out, e->transaction->tail);
    return event_tail_write(e->out, e->transaction);
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

void encode_object_name(const struct change *change, char text[OBJECT_MAX])
{
    const struct relation *relation = change->relation;

    if (relation == NULL)
        snprintf(text, OBJECT_MAX, "message %.*s", STR_ARG(str_truncate(change->prefix, 100)));
    else
        snprintf(text, OBJECT_MAX, "%.*s.%.*s", STR_ARG(str_truncate(relation->schema, 100)),
                 STR_ARG(str_truncate(relation->table, 100)));
}

static int explain_size(const struct encoder *e, struct error *err)
{
    const struct weight weight = encode_weigh(e->change);
    char object[OBJECT_MAX], lsn[LSN_TEXT_MAX], mend[160] = "";

    encode_object_name(e->change, object);
    if (weight.heaviest != NULL)
        snprintf(mend, sizeof(mend), "exclude column %.*s, ",
                 STR_ARG(str_truncate(weight.heaviest->name, 100)));
    return error_set(err, -EMSGSIZE,
                     "%s: the values of a change in transaction %" PRIu32 " at %s have %zu bytes, "
                     "too many for an event of at most %zu bytes: raise journal.max_event, %sor "
                     "set journal.on_large_event: strip",
                     object, e->transaction->xid, lsn_format(e->transaction->end_lsn, lsn),
                     weight.bytes, e->out->max, mend);
}

static int explain(const struct encoder *e, int code, struct error *err)
{
    uint32_t xid = e->transaction->xid;
    char object[OBJECT_MAX], lsn[LSN_TEXT_MAX];

    encode_object_name(e->change, object);
    lsn_format(e->transaction->end_lsn, lsn);
    if (code == -ENOMEM)
        return error_set(err, code, "%s: no memory for an event", object);
    if (code == -EMSGSIZE)
        return explain_size(e, err);
    if (e->culprit == NULL)
        return error_set(err, code, "%s: unknown kind of change %d", object, (int)e->change->type);
    return error_set(err, code,
                     "%s: a value of column %.*s is no %s in transaction %" PRIu32 " at %s; "
                     "exclude the column to go on",
                     object, STR_ARG(str_truncate(e->culprit->name, 100)), e->culprit->type->name,
                     xid, lsn);
}

static int encode(struct encoder *e, uint32_t ordinal)
{
    char epoch[EPOCH_DIGITS + 1] = "", id[EVENT_ID_MAX];

    assert(e->origin->epoch.len == EPOCH_DIGITS);
    assert((e->change->type == EVENT_MESSAGE) == (e->change->relation == NULL));
    memcpy(epoch, e->origin->epoch.data, EPOCH_DIGITS);
    measure(e);
    e->id =
        str_from(event_id_format(epoch, (struct position){e->transaction->end_lsn, ordinal}, id));
    int r = put_index(e);
    if (r == 0 && e->stripped)
        r = encode_kept_values(e);
    if (r == 0)
        r = put_frame(e);
    if (r == 0)
        store_header(e);
    else
        e->out->len = e->start;
    return r;
}

int event_encode(struct buffer *out, const struct event_origin *origin,
                 const struct transaction *transaction, uint32_t ordinal,
                 const struct change *change, struct error *err)
{
    struct encoder e = {.out = out, .origin = origin, .transaction = transaction, .change = change};

    int r = encode(&e, ordinal);
    return r < 0 ? explain(&e, r, err) : 0;
}

int event_encode_stripped(struct buffer *out, const struct event_origin *origin,
                          const struct transaction *transaction, uint32_t ordinal,
                          const struct change *change, struct error *err)
{
    struct encoder e = {.out = out,
                        .origin = origin,
                        .transaction = transaction,
                        .change = change,
                        .stripped = true};

    int r = encode(&e, ordinal);
    return r < 0 ? explain(&e, r, err) : 0;
}
