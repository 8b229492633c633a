/* decode/wal2json_message.h - one message of wal2json, format version 2, taken apart: the JSON text
 * becomes fields, nothing is compared with what came before. Private to decode/. Pure.
 *
 * Borrows from the message and from the reader. The JSON of wal2json 2.5, as these options give it:
 * include-transaction, include-xids, include-timestamp, include-lsn, include-type-oids, include-pk.
 */
#ifndef DECODE_WAL2JSON_MESSAGE_H
#define DECODE_WAL2JSON_MESSAGE_H

#include "base/error.h"
#include "decode/json_reader.h"

#include <stdint.h>

#define WAL2JSON_COLUMNS_MAX 1600 /* MaxHeapAttributeNumber */

struct wal2json_column {
    struct str name;
    uint32_t type_oid;
    struct scalar value; /* not in pk */
    uint16_t index;      /* in the relation; set by wal2json_relation() */
};

#define WAL2JSON_HEAD_KEPT 120

/* How name and type of a column stood in the message before: most say the same again. */
struct wal2json_head {
    char text[WAL2JSON_HEAD_KEPT]; /* from the brace to the end of the type */
    uint8_t len;                   /* 0: none is known */
    uint8_t name_at, name_len;
    uint32_t type_oid;
};

struct wal2json_columns {
    uint16_t count;
    struct wal2json_column items[WAL2JSON_COLUMNS_MAX];
    struct wal2json_head heads[WAL2JSON_COLUMNS_MAX]; /* by their place */
};

enum wal2json_field {
    WAL2JSON_ACTION = 1 << 0,
    WAL2JSON_XID = 1 << 1,
    WAL2JSON_TIMESTAMP = 1 << 2,
    WAL2JSON_LSN = 1 << 3,
    WAL2JSON_NEXTLSN = 1 << 4,
    WAL2JSON_SCHEMA = 1 << 5,
    WAL2JSON_TABLE = 1 << 6,
    WAL2JSON_COLUMNS = 1 << 7,
    WAL2JSON_IDENTITY = 1 << 8,
    WAL2JSON_PK = 1 << 9,
    WAL2JSON_TRANSACTIONAL = 1 << 10,
    WAL2JSON_PREFIX = 1 << 11,
    WAL2JSON_CONTENT = 1 << 12,
};

#define WAL2JSON_TIME_KEPT 40

/* Every message of a transaction says the same time: it is parsed once. */
struct wal2json_time {
    char text[WAL2JSON_TIME_KEPT];
    size_t len; /* 0: none is known */
    int64_t value;
};

struct wal2json_message {
    unsigned fields; /* which of the following are there; null counts as absent */
    char action;     /* one of B C I U D T M */
    uint32_t xid;
    int64_t timestamp; /* microseconds since 1970-01-01 UTC */
    uint64_t lsn;
    uint64_t nextlsn;
    struct str schema;
    struct str table;
    bool transactional;
    struct str prefix;
    struct str content;
    struct wal2json_columns columns;
    struct wal2json_columns identity;
    struct wal2json_columns pk;
    struct wal2json_time time; /* of the message before; zero at first */
};

/* Reads TEXT; every field that its action needs is there afterwards. Unknown members are passed
 * over. 0; -EBADMSG or -ENOMEM with the story in ERR; `fields` says what was read until then. */
int wal2json_message_read(struct wal2json_message *message, struct json_reader *reader,
                          struct str text, struct error *err);

#endif
