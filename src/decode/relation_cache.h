/* decode/relation_cache.h - what is known of types and relations: rows of pg_type by OID, columns
 * of published tables by name. Filled from the catalog (by source/), kept true by the decoders.
 *
 * The catalog is of now and a message of before, by minutes when much has been written. Therefore a
 * relation that the stream has shown stays as it is when the catalog is read again, and what the
 * catalog says is kept beside it: for transactions of later, and for messages that show it.
 *
 * Owns all that it returns; what it returned lives until the relation is replaced or the cache is
 * freed. Pure. */
#ifndef DECODE_RELATION_CACHE_H
#define DECODE_RELATION_CACHE_H

#include "decode/column_rules.h"
#include "decode/relation_names.h"
#include "event/change.h"
#include "event/type.h"

struct relation_cache;

struct relation_cache *relation_cache_new(void); /* NULL when memory is out */
void relation_cache_free(struct relation_cache *cache);
/* For all types and relations to come. RULES (NULL: none) are sorted and borrowed. */
void relation_cache_set_rules(struct relation_cache *cache, const struct column_rules *rules);
/* The last step of making RELATION, here or in a decoder that keeps its own: the rules are applied,
 * and its text is kept. 0 or -ENOMEM. */
int relation_cache_complete(const struct relation_cache *cache, struct relation *relation);
void relation_cache_clear_relations(struct relation_cache *cache); /* keeps types */

/* A row of pg_type. BASE: typbasetype, 0 if no domain. ELEMENT: typelem when it is a true array
 * (typsubscript = array_subscript_handler with typlen -1), else 0. BASE and ELEMENT must be there
 * before (rows come ordered that way); unknown ones make it a plain string type. Replaces an entry
 * of the same OID in place, so that pointers stay good. 0 or -ENOMEM. */
int relation_cache_add_type(struct relation_cache *cache, uint32_t oid, struct str name,
                            uint32_t base, uint32_t element, char delimiter);
const struct type_info *relation_cache_type(const struct relation_cache *cache, uint32_t oid);

struct relation_cache_column {
    struct str name;
    uint32_t type_oid;
    bool primary_key;
    bool outside_identity; /* of the replica identity of a partitioned table; see below */
};

/* Adds or replaces the relation; copies names. 0; -ENOENT: a type is missing, its OID in
 * *ret_missing_type; -ENOMEM. *RET_RELATION is owned by the cache. */
int relation_cache_put(struct relation_cache *cache, struct str schema, struct str table,
                       const struct relation_cache_column *columns, uint16_t count,
                       const struct relation **ret_relation, uint32_t *ret_missing_type);
/* The newest that is known. */
const struct relation *relation_cache_find(const struct relation_cache *cache, struct str schema,
                                           struct str table);

/* What the catalog says of a relation. */
struct relation_cache_row {
    struct relation_name name;
    uint32_t oid;  /* pg_class.oid */
    bool full;     /* REPLICA IDENTITY FULL */
    int64_t since; /* the server's clock, microseconds: it counts for transactions from then on */
    const struct relation_cache_column *columns;
    uint16_t count;
};
/* Before the catalog is read: forgets tables by other names and the question to the catalog. */
void relation_cache_begin_reading(struct relation_cache *cache);
/* As relation_cache_put(), but a relation that is there stays beside it. */
int relation_cache_put_row(struct relation_cache *cache, const struct relation_cache_row *row,
                           uint32_t *ret_missing_type);
/* What is kept beside RELATION; NULL when nothing is. */
const struct relation *relation_cache_newer(const struct relation *relation);
/* Puts it in the place of RELATION, which is returned when nothing is kept or memory is out. */
const struct relation *relation_cache_renew(struct relation_cache *cache,
                                            const struct relation *relation);

/* The publication leaves COLUMN of a relation that is there out: a generated one (PostgreSQL before
 * 18), or one outside of the list of columns. pgoutput does not send it; wal2json, which knows no
 * publications, does, and its decoder passes it over, so that both give the same events. Such a
 * column is not among those of the relation. This outlives that the relation is replaced, not that
 * relations are cleared. 0, -ENOENT for an unknown relation, or -ENOMEM. */
int relation_cache_leave_out(struct relation_cache *cache, struct str schema, struct str table,
                             struct str column);
/* RELATION is one of a cache. */
bool relation_cache_leaves_out(const struct relation *relation, struct str column);
bool relation_cache_is_whole(const struct relation *relation); /* it leaves out nothing */

/* --- tables by other names --------------------------------------------------------------------
 *
 * wal2json names the table where a row is. With publish_via_partition_root the publication has the
 * root in place of its partitions; and tables get other names, new ones are made, while the stream
 * runs. */

enum relation_role {
    RELATION_UNKNOWN,
    RELATION_PUBLISHED,   /* under this name */
    RELATION_PARTITION,   /* its rows are those of a published root */
    RELATION_UNPUBLISHED, /* what it says is passed over */
};

/* Rows of PARTITION are those of ROOT. 0 or -ENOMEM. */
int relation_cache_add_partition(struct relation_cache *cache, struct relation_name partition,
                                 struct relation_name root);
int relation_cache_pass_over(struct relation_cache *cache, struct relation_name name);
/* What NAME stands for in a transaction of TIME. *RET_RELATION: the relation, the root's for a
 * partition; NULL for others. */
enum relation_role relation_cache_resolve(struct relation_cache *cache, struct relation_name name,
                                          int64_t time, const struct relation **ret_relation);
/* Column INDEX is outside of the replica identity of a partitioned table: pgoutput, which tells
 * partitions by the root's identity and not their own, gives no old value of it. */
bool relation_cache_hides_old(const struct relation *relation, uint16_t index);

bool relation_cache_is_full(const struct relation *relation);
bool relation_cache_has_oid(const struct relation_cache *cache, uint32_t oid);

/* --- questions to the catalog -----------------------------------------------------------------
 *
 * A message of wal2json does not tell all of a table: which columns are generated, whether one was
 * renamed, whether the table is published. Where there is a catalog, its decoder has it asked when
 * a message differs from what is known. One that differs still is then taken as it is. */

/* There is somebody who answers; without, messages are taken as they are. */
void relation_cache_set_catalog(struct relation_cache *cache);
/* The decoder asks about NAME: true when the caller must wait for the answer, false when there is
 * no catalog, or the decode() before this one has asked already and has the answer. */
bool relation_cache_ask(struct relation_cache *cache, struct relation_name name);
/* What is asked for; a name without a table: nothing. Borrowed until the answer. */
struct relation_name relation_cache_asked(const struct relation_cache *cache);
/* The answer is in the cache. It counts for the next decode(). */
void relation_cache_answered(struct relation_cache *cache);

/* Frees relations that were replaced or cleared. A decoder calls it at the start of decode(): what
 * the decode before it returned may borrow from them until then. */
void relation_cache_collect(struct relation_cache *cache);

#endif
