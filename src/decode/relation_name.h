/* decode/relation_name.h - a table by schema and name. Borrows both. Pure. */
#ifndef DECODE_RELATION_NAME_H
#define DECODE_RELATION_NAME_H

#include "base/str.h"

struct relation_name {
    struct str schema;
    struct str table;
};

static inline bool relation_name_equal(struct relation_name a, struct relation_name b)
{
    return str_equal(a.table, b.table) && str_equal(a.schema, b.schema);
}

#endif
