/* decode/type_table.h - rows of pg_type by OID, each a struct type_info that stays at its address
 * for as long as the table lives. Owns them. Private to decode/: others ask relation_cache.h. Pure.
 */
#ifndef DECODE_TYPE_TABLE_H
#define DECODE_TYPE_TABLE_H

#include "base/str.h"
#include "event/type.h"

struct type_table_entry;

struct type_table {
    struct type_table_entry *by_oid;
};

/* What pg_type says of one type; see relation_cache_add_type(). */
struct type_row {
    uint32_t oid;
    struct str name;
    uint32_t base;
    uint32_t element;
    char delimiter;
    bool as_string; /* if its values are numbers, they become strings */
};

int type_table_put(struct type_table *table, const struct type_row *row); /* 0 or -ENOMEM */
const struct type_info *type_table_find(const struct type_table *table, uint32_t oid);
void type_table_release(struct type_table *table);

#endif
