/* source/catalog.h - rows of pg_type and pg_attribute into the relation cache, and the list of
 * tables that wal2json takes. Reads PGresults, asks nothing itself. */
#ifndef SOURCE_CATALOG_H
#define SOURCE_CATALOG_H

#include "base/buffer.h"
#include "base/error.h"
#include "decode/relation_cache.h"
#include <libpq-fe.h>

extern const char catalog_types_sql[];
extern const char catalog_relations_sql[]; /* $1: the publication */

/* The result of catalog_types_sql. 0 or -ENOMEM. */
int catalog_read_types(struct relation_cache *cache, const PGresult *result);

/* The result of catalog_relations_sql. Appends to TABLES the names as wal2json's add-tables wants
 * them, with a NUL at the end. */
int catalog_read_relations(struct relation_cache *cache, const PGresult *result,
                           struct buffer *tables, size_t *ret_count, struct error *err);

extern const char catalog_tables_sql[]; /* $1: the publication; rows for catalog_read_tables() */
/* Fills TABLES, from empty, with the same list as catalog_read_relations() does, NUL included. */
int catalog_read_tables(const PGresult *result, struct buffer *tables);

/* Fills LIST, from empty, with the tables of catalog_relations_sql for marked_replace(). */
int catalog_read_marked(const PGresult *result, struct buffer *list);

/* Appends one element of an array literal, with its comma when it is not the first. */
int catalog_array_element(struct buffer *out, struct str text);

/* Appends NAME as wal2json's add-tables reads it (wal2json.c, string_to_SelectTable): a backslash
 * before space , . * ' and backslash. */
int catalog_wal2json_name(struct buffer *out, struct str name);

#endif
