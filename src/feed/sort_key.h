/* feed/sort_key.h - values of columns as bytes that compare like the values: two keys are equal
 * when PostgreSQL's = says so, and memcmp() of them orders as its < does. So a filter compares
 * bytes, whatever the type is, and equal values are found by a hash.
 *
 * Texts compare bytewise, as under the collation C. Pure. */
#ifndef FEED_SORT_KEY_H
#define FEED_SORT_KEY_H

#include "base/buffer.h"

/* How values of a type compare. */
enum value_class {
    CLASS_OTHER, /* without an order here: equal when their text is */
    CLASS_TEXT,
    CLASS_PADDED, /* char(n): spaces at the end do not count */
    CLASS_BYTEA,
    CLASS_NUMBER, /* decimals of any length */
    CLASS_FLOAT4,
    CLASS_FLOAT8,
    CLASS_BOOL,
    CLASS_DATE,
    CLASS_TIME,
    CLASS_TIMESTAMP,
    CLASS_TIMESTAMPTZ,
    CLASS_UUID,
};

/* By the OID of a base type. */
enum value_class value_class_of(uint32_t type_oid);
bool value_class_has_order(enum value_class value_class);

/* Appends the key of TEXT: what a value prints in an event, or what a client writes for it. 0;
 * -EINVAL when TEXT is no value of the class; or OUT's failure. */
int sort_key(struct buffer *out, enum value_class value_class, struct str text);

/* Less, equal or greater than zero, as A is than B. */
int sort_key_compare(struct str a, struct str b);

#endif
