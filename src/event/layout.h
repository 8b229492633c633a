/* event/layout.h - the bytes of a record, private to the room: encode.c writes them, record.c
 * reads.
 *
 *     record_header | record_column * column_count | names: schema, table, columns | SSE frame
 *
 * and of an event that was too large, without its records:
 *
 *     record_header | record_column * column_count | record_slice of its error | names |
 *     small values that topics and operators go by | SSE frame
 *
 * Offsets count from the record's first byte. Integers are in the machine's order, like the pages
 * of the journal that keeps them; the magic number refuses a record of the other order. A change of
 * these structs is a new version. They are packed because a record need not be aligned: they are
 * read where they lie. */
#ifndef EVENT_LAYOUT_H
#define EVENT_LAYOUT_H

#include <assert.h>
#include <stdint.h>

#define RECORD_MAGIC UINT32_C(0x77706531)

enum record_version { RECORD_WHOLE = 1, RECORD_STRIPPED = 2 };

struct record_header {
    uint32_t magic;
    uint16_t version; /* enum record_version */
    uint16_t type;    /* enum event_type */
    uint32_t length;  /* of the whole record */
    uint32_t xid;
    int64_t commit_time;
    uint32_t frame_at; /* up to the record's end */
    uint32_t json_at;  /* up to the frame's blank line */
    uint16_t column_count;
    uint16_t schema_len; /* the schema is the first name, the table the second */
    uint16_t table_len;
    uint16_t id_len; /* the id follows "id: " in the frame */
} __attribute__((packed, may_alias));

enum record_column_flags {
    RECORD_PRIMARY_KEY = 1,
    RECORD_HAS_NEW = 2,
    RECORD_HAS_OLD = 4,
    RECORD_LEFT_OUT = 8, /* of a stripped event: a value that was known is not in the record */
};

struct record_slice {
    uint32_t at, len;
} __attribute__((packed, may_alias));

struct record_column {
    struct record_slice new_value, old_value; /* inside the json or the values; as flags say */
    uint32_t name_at;
    uint16_t name_len;
    uint16_t flags;
} __attribute__((packed, may_alias));

/* No padding: every byte of a record is written on purpose. */
static_assert(sizeof(struct record_header) == 40, "padding in record_header");
static_assert(sizeof(struct record_column) == 24, "padding in record_column");

#define FRAME_ID "id: "
#define FRAME_EVENT "\nevent: "
#define FRAME_DATA "\ndata: "
#define FRAME_END "\n\n"

#endif
