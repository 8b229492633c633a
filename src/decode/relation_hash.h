/* decode/relation_hash.h - uthash for tables that are keyed by relation names, and for no others.
 * For .c files of decode/ alone. */
#ifndef DECODE_RELATION_HASH_H
#define DECODE_RELATION_HASH_H

#include "decode/relation_name.h"

static inline int relation_name_differ(const struct relation_name *a, const struct relation_name *b)
{
    return !relation_name_equal(*a, *b);
}

#define HASH_NONFATAL_OOM 1
#define HASH_KEYCMP(a, b, len) relation_name_differ((a), (b))
#include <uthash.h>

/* For uthash's functions that take a hash value. Its macros nest deeper than our own code may.
 * NOLINTNEXTLINE(readability-function-size) */
static inline unsigned relation_name_hash(const struct relation_name *name)
{
    unsigned schema, table;

    HASH_JEN(name->schema.data, name->schema.len, schema);
    HASH_JEN(name->table.data, name->table.len, table);
    return schema * 31 + table;
}

#endif
