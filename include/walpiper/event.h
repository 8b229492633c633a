/* walpiper/event.h - an event as its readers see it.
 *
 * Every slice borrows from the record that the event was read from (event/record.h) and lives as
 * long as those bytes. JSON slices are JSON text: a string has its quotes and escapes. */
#ifndef WALPIPER_EVENT_H
#define WALPIPER_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <walpiper/str.h>

enum event_type {
    EVENT_INSERT = 1,
    EVENT_UPDATE = 2,
    EVENT_DELETE = 3,
    EVENT_TRUNCATE = 4,
    EVENT_MESSAGE = 5,
};

/* One column of an event's row. A slice with data == NULL is a value that is not known:
 * new_value after a delete or for an unchanged large value, old_value where the replica identity
 * does not give it. SQL NULL is the JSON text `null`. */
struct event_column {
    struct str name;      /* as in PostgreSQL, not escaped */
    struct str new_value; /* JSON text, from new_record */
    struct str old_value; /* JSON text, from old_record or changes; equal to new_value when the old
                           * value is known and did not change */
    bool primary_key;
    bool left_out; /* the event was too large: a value of this column, old or new, was known but is
                    * longer than what such an event keeps, and is not here */
};

struct event {
    enum event_type type;
    uint32_t xid;        /* 0: a message outside of transactions, which has no time either */
    int64_t commit_time; /* microseconds since 1970-01-01 UTC */
    struct str schema;   /* as in PostgreSQL, not escaped */
    struct str table;
    struct str id;    /* <epoch>-<commit end LSN, hex>-<ordinal> */
    struct str json;  /* the event, contract section 3, one line */
    struct str frame; /* the same as one SSE frame: id, event, data, blank line; contains json */
    struct str error; /* a JSON string, when the event was too large: why it has no records, though
                       * its columns have their small values; data == NULL: it has them */
    uint16_t column_count;
    const unsigned char *columns; /* opaque, for event_column_at() */
};

#endif
