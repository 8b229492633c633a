/* event/type.h - PostgreSQL types as far as JSON is concerned: how the text output of a value
 * becomes what to_jsonb(value) gives in a UTC session. No function has the name of one of
 * jansson's, which other rooms link. Pure. */
#ifndef EVENT_TYPE_H
#define EVENT_TYPE_H

#include "base/buffer.h"
#include <stdbool.h>
#include <stdint.h>

enum json_kind {
    JSON_KIND_STRING =
        0, /* text as it is: text, uuid, date, time, interval, enum, range, composite... */
    JSON_KIND_NUMBER,  /* int2/4/8, float4/8, numeric; NaN/Infinity as strings. Not oid: to_jsonb
                          quotes it */
    JSON_KIND_NUMERAL, /* a number, written as a JSON string */
    JSON_KIND_BOOL,
    JSON_KIND_JSON,        /* json, jsonb: embedded, compact */
    JSON_KIND_TIMESTAMP,   /* "2020-01-01T00:00:00" */
    JSON_KIND_TIMESTAMPTZ, /* "2020-01-01T00:00:00+00:00" */
    JSON_KIND_ARRAY,       /* of element */
};

/* One row of pg_type, owned by the type catalog (decode/relation_cache.h). */
struct type_info {
    uint32_t oid;
    char name[64];                   /* pg_type.typname */
    enum json_kind kind;             /* of a domain: that of its base type */
    const struct type_info *element; /* JSON_KIND_ARRAY only */
    char delimiter;    /* of array elements, pg_type.typdelim; a space for int2vector and oidvector,
                        * which print as "1 2 3" */
    uint32_t base_oid; /* of a domain that of the type below all domains, else oid */
    bool is_bytea;     /* wal2json drops the leading \x: its decoder puts it back */
    bool is_bool;
};

/* The kind of a built-in base type by OID; JSON_KIND_STRING for all others. Arrays are recognized
 * by the catalog (typelem, typcategory 'A'), not here. */
enum json_kind json_kind_of(uint32_t type_oid);

/* Appends the JSON of TEXT, which is the text output of a value of TYPE. 0; -EINVAL when TEXT
 * cannot be such a value (malformed number, array, json...); or the buffer's failure. After -EINVAL
 * OUT is as it was, from any function here. */
int json_value(struct buffer *out, const struct type_info *type, struct str text);

/* Appends TEXT as a JSON string with quotes and escapes, as PostgreSQL's escape_json does. What is
 * not UTF-8 (of a SQL_ASCII database, or in a message of bytes) becomes U+FFFD: readers get valid
 * JSON whatever happens. */
int json_quote(struct buffer *out, struct str text);

/* Appends JSON text without insignificant white space, numbers as numeric prints them: without an
 * exponent (unless it is past 400) and without a negative zero. 0, -EINVAL when it is not
 * well-formed or nests deeper than 65536 levels, or the buffer's failure. */
int json_minify(struct buffer *out, struct str json);

/* Appends what a JSON scalar holds as plain text: a string without quotes and escapes, numbers and
 * true/false as they are. -ENODATA for null; -EINVAL for a broken string and for one that
 * PostgreSQL could not hold as text (U+0000, half a surrogate pair); objects and arrays as their
 * JSON text. */
int json_scalar_text(struct buffer *out, struct str json);

/* The same without a copy, of nearly all scalars: 1 with the text where it stands in JSON; 0 for a
 * string that has escapes, which is for json_scalar_text(); -ENODATA and -EINVAL as above. */
int json_scalar_plain(struct str json, struct str *ret_text);

#endif
