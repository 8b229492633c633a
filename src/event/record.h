/* event/record.h - an event as bytes: what the journal keeps and every reader reads.
 *
 * A record holds the finished SSE frame (which holds the JSON) and an index of the columns into it,
 * so that topics, filters and operators find a column's value without parsing JSON. It is made
 * once, by event_encode(), and never changed. Its layout is private to record.c and carries a
 * version. Pure: no socket, file, clock or global. */
#ifndef EVENT_RECORD_H
#define EVENT_RECORD_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/position.h"
#include "event/change.h"
#include <walpiper/event.h>

/* What all events of a process have in common. Borrowed. */
struct event_origin {
    struct str epoch;    /* 8 hex digits */
    struct str database; /* source.db */
    struct str version;  /* source.version */
    uint64_t max_event;  /* the limit that a stripped event names */
};

/* Appends the record of one change to OUT. ORDINAL counts from 1 in the transaction. 0; -EMSGSIZE
 * or -ENOMEM from OUT; -EINVAL for a value that cannot be of its type. ERR names relation and
 * column. On failure OUT holds what it held (a failure of OUT itself stays, as base/buffer.h says).
 *
 * Beyond contract section 3: an EVENT_MESSAGE belongs to no table, so `name` and source's `schema`,
 * `table` and `columns` are null, and `prefix` and `content` (text; bytes that are not UTF-8 become
 * U+FFFD) stand where the others have new_record, old_record and changes. Outside of transactions
 * it has neither `timestamp` nor `xid`: both are null, and its id has the end of its own record. A
 * column that the server does not send at all (a publication's column list) is in neither record
 * nor in `unchanged`. */
int event_encode(struct buffer *out, const struct event_origin *origin,
                 const struct transaction *transaction, uint32_t ordinal,
                 const struct change *change, struct error *err);

/* The same for a change whose event has no room in a buffer of origin->max_event bytes: its
 * records, or the content of a message, are null, and "error" says why. The record still has the
 * small values that topics and operators go by; it has the same bytes whenever it is made, by
 * either plugin. */
int event_encode_stripped(struct buffer *out, const struct event_origin *origin,
                          const struct transaction *transaction, uint32_t ordinal,
                          const struct change *change, struct error *err);

/* Appends what every event of TRANSACTION ends with. Kept as transaction->tail it is written once;
 * without it an event is the same and costs more. 0 or OUT's failure. */
int event_tail_write(struct buffer *out, const struct transaction *transaction);

/* Reads a record. RET borrows from BYTES. 0, or -EBADMSG when BYTES are not a whole record. */
int event_read(struct event *ret, struct str bytes);

/* The column INDEX (< event->column_count). */
struct event_column event_column_at(const struct event *event, uint16_t index);

/* The column NAME; false when the event has none such. */
bool event_column_find(const struct event *event, struct str name, struct event_column *ret);

/* The column that is the primary key; false when that has several columns, or there is none. */
bool event_primary_key(const struct event *event, struct event_column *ret);

const char *event_type_name(enum event_type type); /* "insert", ... */

#endif
