/* event/change.h - what a decoder makes of one message: a row change of a known relation, its
 * values as PostgreSQL prints them. Both decoders give the same change for the same row, so that
 * both give the same event. Pure; every slice borrows from the message or from the relation cache
 * and lives until the next message is decoded. */
#ifndef EVENT_CHANGE_H
#define EVENT_CHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <walpiper/event.h>

struct type_info; /* event/type.h */

enum value_kind {
    VALUE_ABSENT = 0, /* not known: not part of the identity, or never sent */
    VALUE_NULL,
    VALUE_TEXT,
    VALUE_UNCHANGED, /* large, untouched by the update and not sent (new values only) */
};

struct value {
    enum value_kind kind;
    struct str text; /* PostgreSQL's text output (bool: t/f, bytea: \x...), when VALUE_TEXT */
};

struct relation_column {
    struct str name;
    const struct type_info *type;
    bool primary_key;
    bool excluded;            /* nothing of it is in an event */
    uint16_t excluded_before; /* how many of the columns before it are */
    bool ignored;             /* an update of nothing but such columns is no event */
    struct str key;           /* `"name":` in relation->text, when that is kept */
};

struct relation {
    struct str schema;
    struct str table;
    uint16_t column_count;
    uint16_t excluded_count;
    bool has_ignored;
    struct relation_column *columns;
    /* What all its events have in common (event/relation_text.h); data NULL: not kept. */
    struct str text;
    struct str name;  /* the table, in quotes; in text */
    struct str index; /* of a whole event, without its values; behind text */
};

struct change {
    enum event_type type;
    const struct relation *relation; /* NULL for a message */
    const struct value *new_values;  /* column_count of them, or NULL */
    const struct value *old_values;  /* column_count of them, or NULL; VALUE_ABSENT where unknown */
    struct str prefix, content;      /* EVENT_MESSAGE only */
};

struct transaction {
    uint32_t xid; /* 0: a message outside of transactions, whose time is not known either */
    uint64_t commit_lsn;
    uint64_t end_lsn;    /* the position after the commit record: what may be confirmed */
    int64_t commit_time; /* microseconds since 1970-01-01 UTC */
    struct str tail;     /* what all its events end with (event/record.h); data NULL: not kept */
};

#endif
