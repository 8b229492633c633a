/* event/encode_parts.h - what the files of the encoder share: encode.c writes what every event has,
 * encode_row.c the records of a whole event, encode_stripped.c what is left of one that is too
 * large. Private to them. Pure. */
#ifndef EVENT_ENCODE_PARTS_H
#define EVENT_ENCODE_PARTS_H

#include "base/str.h"
#include "event/layout.h"
#include "event/record.h"
#include "event/type.h"

struct encoder {
    struct buffer *out;
    size_t start; /* of the record in out */
    const struct event_origin *origin;
    const struct transaction *transaction;
    const struct change *change;
    uint16_t column_count; /* of the relation */
    uint16_t shown_count;  /* of them, in the event and in the index */
    bool stripped;
    struct str id;
    uint32_t frame_at, json_at;
    struct record_slice error;             /* in the json, with STRIPPED */
    const struct relation_column *culprit; /* whose value failed */
};

/* How much a change holds. A value that an update left as it was counts once, so that both plugins
 * count the same. */
struct weight {
    size_t bytes;
    const struct relation_column *heaviest; /* NULL for a message */
};

#define PUT(e, literal) buffer_append((e)->out, literal, sizeof(literal) - 1)

/* encode.c: appends the value of column INDEX and says where it stands. */
int encode_value(struct encoder *encoder, uint16_t index, const struct value *value,
                 struct record_slice *ret_slice);
/* encode_row.c: what comes between "source" and "timestamp". */
int encode_body(struct encoder *encoder);
/* encode_stripped.c: the same without records; and before the frame, the values that are kept. */
int encode_stripped_body(struct encoder *encoder);
int encode_kept_values(struct encoder *encoder);
struct weight encode_weigh(const struct change *change);

#define OBJECT_MAX 256 /* a name in an error */
/* encode.c: appends what the index of each whole event of RELATION begins as. */
int encode_index(struct buffer *out, const struct relation *relation);
/* encode.c: schema and table, or the prefix of a message; cut, for the cause must fit too. */
void encode_object_name(const struct change *change, char text[OBJECT_MAX]);

static const struct value absent = {.kind = VALUE_ABSENT};

static inline bool is_known(const struct value *v)
{
    return v->kind == VALUE_NULL || v->kind == VALUE_TEXT;
}

/* Nothing is known of an excluded column: what an event says comes from here and from new_value().
 */
static inline const struct value *old_value(const struct change *change, uint16_t index)
{
    if (change->old_values == NULL || change->relation->columns[index].excluded)
        return &absent;
    return &change->old_values[index];
}

/* What an update left untouched and the server did not send is what it was before, when the old row
 * says so (REPLICA IDENTITY FULL). */
static inline const struct value *new_value(const struct change *change, uint16_t index)
{
    if (change->new_values == NULL || change->relation->columns[index].excluded)
        return &absent;
    const struct value *v = &change->new_values[index];
    const struct value *old = old_value(change, index);

    return v->kind == VALUE_UNCHANGED && is_known(old) ? old : v;
}

static inline bool is_same(const struct value *a, const struct value *b)
{
    return a->kind == b->kind && (a->kind == VALUE_NULL || str_equal(a->text, b->text));
}

static inline uint32_t here(const struct encoder *e)
{
    return (uint32_t)(e->out->len - e->start);
}

/* PLACE in the index, where excluded columns have none. */
static inline char *column_place(const struct encoder *e, uint16_t place)
{
    return e->out->data + e->start + sizeof(struct record_header) +
           place * sizeof(struct record_column);
}

static inline uint16_t place_of(const struct encoder *e, uint16_t index)
{
    return (uint16_t)(index - e->change->relation->columns[index].excluded_before);
}

static inline struct record_column load_column(const struct encoder *e, uint16_t index)
{
    struct record_column column;

    memcpy(&column, column_place(e, place_of(e, index)), sizeof(column));
    return column;
}

static inline void store_column(const struct encoder *e, uint16_t index,
                                const struct record_column *column)
{
    memcpy(column_place(e, place_of(e, index)), column, sizeof(*column));
}

static inline void put_key(struct encoder *e, char separator, const struct relation_column *column)
{
    buffer_append_char(e->out, separator);
    if (column->key.data != NULL) {
        buffer_append_str(e->out, column->key);
        return;
    }
    json_quote(e->out, column->name);
    buffer_append_char(e->out, ':');
}

#endif
