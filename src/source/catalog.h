/* source/catalog.h - what is asked of the catalog: types, tables of the publication, and which of
 * all tables wal2json is to send. Answers go into the relation cache. Reads PGresults, asks nothing
 * itself. */
#ifndef SOURCE_CATALOG_H
#define SOURCE_CATALOG_H

#include "base/buffer.h"
#include "base/error.h"
#include "decode/relation_cache.h"
#include <libpq-fe.h>

extern const char catalog_types_sql[];

/* The result of catalog_types_sql. 0 or -ENOMEM. */
int catalog_read_types(struct relation_cache *cache, const PGresult *result);

/* --- what the publication has; $1 is its name ------------------------------------------------- */

extern const char catalog_relations_sql[];
/* Tables and their columns. */
int catalog_read_relations(struct relation_cache *cache, const PGresult *result, size_t *ret_count,
                           struct error *err);

extern const char catalog_partitions_sql[];
/* Tables whose rows are published as those of their root. 0 or -ENOMEM. */
int catalog_read_partitions(struct relation_cache *cache, const PGresult *result);

extern const char catalog_partitioned_sql[]; /* partitioned tables of it and partitions, by name */

extern const char catalog_relation_sql[]; /* $2, $3: schema and table */
/* What NAME, for which the decoder asks, stands for. A table that was added to the publication
 * since the stream has begun counts from the next stream on; one that has another name now, or that
 * the publication has by its root, its schema or as one of all, counts at once. 0, -EAGAIN,
 * -ENOMEM. */
int catalog_read_relation(struct relation_cache *cache, const PGresult *result,
                          struct relation_name name, struct error *err);

/* Schema and name of each table with a row filter or a column list, which wal2json does not know.
 */
extern const char catalog_filtered_sql[];

/* One text that is another one as soon as a table comes to the publication or goes, or one of its
 * tables or their partitions gets another name, other columns or another identity. */
#define CATALOG_SHAPE_MAX 64 /* bytes: what it publishes, a count and an MD5 */
extern const char catalog_shape_sql[];
int catalog_read_shape(const PGresult *result, struct buffer *shape); /* from empty */

/* Fills LIST, from empty, with the tables of catalog_relations_sql, which CACHE has read, and their
 * columns, for marked_replace(). Excluded ones are none of ours. */
int catalog_read_marked(const struct relation_cache *cache, const PGresult *result,
                        struct buffer *list);

/* --- what wal2json is to send; $1 is the publication ------------------------------------------ */

/* wal2json is given, once for a stream, a list of tables to send or one of tables not to send. The
 * second is the better one, since it lets pass what is made or renamed later: about that the
 * decoder asks. But wal2json compares each row with the whole list. Above CATALOG_UNMARKED_MAX
 * names it gets the first, with all tables of the schemas where new ones may be ours. */
#define CATALOG_UNMARKED_MAX 250

extern const char catalog_unmarked_sql[]; /* not more than CATALOG_UNMARKED_MAX + 1 */
extern const char catalog_marked_sql[];
/* Fills LIST, from empty, with the names of either; a NUL follows. */
int catalog_read_list(const PGresult *result, struct buffer *list);

/* Appends one element of an array literal, with its comma when it is not the first. */
int catalog_array_element(struct buffer *out, struct str text);

/* Appends NAME as wal2json's add-tables reads it (wal2json.c, string_to_SelectTable): a backslash
 * before space , . * ' and backslash. */
int catalog_wal2json_name(struct buffer *out, struct str name);

#endif
