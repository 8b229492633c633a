/* decode/pgoutput_relation.h - the relations of a pgoutput stream, by OID, each as its newest
 * Relation message shows it. Owns them. Private to decode/. Pure.
 *
 * Such a message lists names, types and which columns are the replica identity, but not which are
 * the primary key. With REPLICA IDENTITY DEFAULT the two are the same. Else the primary key is what
 * was known before, by name: of this relation, or from the catalog (the relation cache) when it is
 * new. A key column whose name is gone was renamed when a column of the same type and a new name is
 * in its place; otherwise it was dropped, and the primary key with it. A primary key that is made
 * or moved while the identity is FULL, NOTHING or another index is therefore not noticed before the
 * stream starts again and the catalog is read anew.
 *
 * Columns are those that the publication publishes: generated ones are not among them (before 18).
 */
#ifndef DECODE_PGOUTPUT_RELATION_H
#define DECODE_PGOUTPUT_RELATION_H

#include "base/error.h"
#include "decode/byte_reader.h"
#include "decode/relation_cache.h"

#include <uthash.h>

#define PGOUTPUT_COLUMNS_MAX 1600     /* MaxHeapAttributeNumber */
#define PGOUTPUT_RELATIONS_MAX 500000 /* then the stream must start again */

/* One block of memory: this, its columns, their identity flags, its names. */
struct pgoutput_relation {
    uint32_t oid;
    struct relation relation;
    char identity;           /* pg_class.relreplident: d, i, f or n */
    const bool *in_identity; /* one for each column */
    uint32_t root;           /* its rows are sent as those of this partitioned table; 0: of none */
    /* Of a root with FULL: a partition has another identity, so that a null in an old row may be a
     * value that was not logged. The row does not tell of which partition it is. */
    bool old_nulls_unknown;
    UT_hash_handle hh;
    struct relation_column columns[];
};

struct pgoutput_column {
    struct str name;
    uint32_t type_oid;
    bool in_identity;
    bool primary_key;
};

/* A Relation message, taken apart. */
struct pgoutput_draft {
    uint32_t oid;
    struct str schema;
    struct str table;
    char identity;
    uint16_t count;
    struct pgoutput_column columns[PGOUTPUT_COLUMNS_MAX];
};

struct pgoutput_relations {
    struct pgoutput_relation *by_oid;
    const struct pgoutput_relation *last; /* found: rows of one relation come in runs */
    uint32_t
        shown[2]; /* the last two relations that were put, with no other message since; 0: none */
    struct pgoutput_draft draft;
};

void pgoutput_relations_clear(struct pgoutput_relations *relations);

/* NULL when no message has shown it. Good until the relation is replaced or cleared. */
const struct pgoutput_relation *pgoutput_relations_find(struct pgoutput_relations *relations,
                                                        uint32_t oid);

/* Before a row of the relation OID. A partition that is published as its root comes behind it, R of
 * the root and R of the partition, and then a row of the root. */
void pgoutput_relations_before_row(struct pgoutput_relations *relations, uint32_t oid);
/* Another message came. */
void pgoutput_relations_pass(struct pgoutput_relations *relations);

/* Reads what follows the R of a Relation message; the relation replaces the one of its OID. 0;
 * -ENOENT: *ret_missing_type is not in the cache; -EBADMSG; -ENOMEM. After a failure relations are
 * as before, and draft.schema and draft.table are set as far as they were read. */
int pgoutput_relations_put(struct pgoutput_relations *relations, const struct relation_cache *cache,
                           struct byte_reader *reader, uint32_t *ret_missing_type,
                           struct error *err);

#endif
