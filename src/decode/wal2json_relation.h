/* decode/wal2json_relation.h - which relation a message of wal2json is about. Its messages carry
 * the columns, not a number of a relation: this compares them with the relation cache and replaces
 * the cached relation when a message shows that the table was altered. Private to decode/. Pure.
 *
 * What a message cannot show: which columns are generated; and an update leaves out large values
 * that it did not touch, so a column that is dropped, or renamed, looks untouched until the next
 * insert, unless its type is of fixed length and hence always sent. Therefore the catalog is asked,
 * where there is one, when a message differs from what is known. (wal2json's positions of columns
 * tell neither, and add a fifth to each message.) */
#ifndef DECODE_WAL2JSON_RELATION_H
#define DECODE_WAL2JSON_RELATION_H

#include "decode/relation_cache.h"
#include "decode/wal2json_message.h"

/* Memory that is needed for a while. */
struct wal2json_draft {
    uint16_t count;
    struct relation_cache_column columns[WAL2JSON_COLUMNS_MAX];
};

/* The relation of an I, U, D or T, from the cache or put into it; of a partition its root; NULL for
 * a message to be passed over. Takes out of MESSAGE what the publication leaves out and sets
 * `index` of each that stays in `columns` and `identity`. 0; -ENOENT: *ret_missing_type is not in
 * the cache, which is as before, or it is 0 and the catalog is to be asked about a relation
 * (relation_cache_asked()); -EBADMSG: the message contradicts itself, ERR says how; -ENOMEM. */
int wal2json_relation(struct relation_cache *cache, struct wal2json_message *message,
                      struct wal2json_draft *draft, const struct relation **ret_relation,
                      uint32_t *ret_missing_type, struct error *err);

#endif
