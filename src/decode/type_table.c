#include "decode/type_table.h"

#include <errno.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define BYTEA_OID 17
#define INT2VECTOR_OID 22
#define OIDVECTOR_OID 30

struct type_table_entry {
    struct type_info type; /* keyed by type.oid */
    UT_hash_handle hh;
};

/* uthash's macros nest deeper than our own code may.
 * NOLINTBEGIN(readability-function-size) */
static struct type_table_entry *find_entry(const struct type_table *table, uint32_t oid)
{
    struct type_table_entry *entry;

    HASH_FIND(hh, table->by_oid, &oid, sizeof(oid), entry);
    return entry;
}

/* False when memory is out: uthash then leaves the entry out. */
static bool add_entry(struct type_table *table, struct type_table_entry *entry)
{
    HASH_ADD(hh, table->by_oid, type.oid, sizeof(entry->type.oid), entry);
    return entry->hh.tbl != NULL;
}
/* NOLINTEND(readability-function-size) */

const struct type_info *type_table_find(const struct type_table *table, uint32_t oid)
{
    const struct type_table_entry *entry = find_entry(table, oid);

    return entry == NULL ? NULL : &entry->type;
}

/* How values of the type become JSON: a domain's like those of its base, an array's by its element.
 * What refers to an unknown type is a plain string. */
static void set_kind(struct type_info *type, const struct type_table *table,
                     const struct type_row *row)
{
    const struct type_info *base = type_table_find(table, row->base);
    const struct type_info *element = type_table_find(table, row->element);

    type->kind = json_kind_of(row->oid);
    if (type->kind == JSON_KIND_NUMBER && row->as_string)
        type->kind = JSON_KIND_NUMERAL;
    type->element = NULL;
    type->base_oid = base != NULL ? base->base_oid : row->oid;
    if (row->base != 0) {
        type->kind = base != NULL ? base->kind : JSON_KIND_STRING;
        type->element = base != NULL ? base->element : NULL;
        type->delimiter = base != NULL ? base->delimiter : row->delimiter;
    } else if (row->element != 0) {
        type->kind = element != NULL ? JSON_KIND_ARRAY : JSON_KIND_STRING;
        type->element = element;
        if (row->oid == INT2VECTOR_OID || row->oid == OIDVECTOR_OID)
            type->delimiter = ' ';
    }
}

static struct type_info type_of_row(const struct type_table *table, const struct type_row *row)
{
    struct type_info type = {.oid = row->oid, .delimiter = row->delimiter};
    size_t len = row->name.len < sizeof(type.name) ? row->name.len : sizeof(type.name) - 1;

    if (len > 0)
        memcpy(type.name, row->name.data, len);
    set_kind(&type, table, row);
    /* By OID: of a domain over bytea or in an array of bytea wal2json leaves the \x alone. */
    type.is_bytea = row->oid == BYTEA_OID;
    type.is_bool = type.kind == JSON_KIND_BOOL;
    return type;
}

int type_table_put(struct type_table *table, const struct type_row *row)
{
    struct type_info type = type_of_row(table, row);
    struct type_table_entry *entry = find_entry(table, row->oid);

    if (entry != NULL) {
        entry->type = type;
        return 0;
    }
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return -ENOMEM;
    entry->type = type;
    if (!add_entry(table, entry)) {
        free(entry);
        return -ENOMEM;
    }
    return 0;
}

void type_table_release(struct type_table *table)
{
    struct type_table_entry *entry = table->by_oid;

    HASH_CLEAR(hh, table->by_oid);
    while (entry != NULL) {
        struct type_table_entry *next = entry->hh.next;
        free(entry);
        entry = next;
    }
}
