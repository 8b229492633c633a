/* decode/decoder.h - bytes of an output plugin in, transactions and changes out.
 *
 * One ops table a plugin. A decoder is pure: it keeps the open transaction and scratch memory,
 * reads types and relations from a relation cache that it borrows, and does no I/O. A message that
 * breaks the format is one clear error with LSN and relation, never a guess. */
#ifndef DECODE_DECODER_H
#define DECODE_DECODER_H

#include "base/error.h"
#include "decode/relation_cache.h"
#include "event/change.h"

struct decoder;

enum decoded_kind {
    DECODED_NOTHING, /* a message without consequence for us */
    DECODED_BEGIN,   /* transaction is filled; end_lsn too if the plugin says it already */
    DECODED_CHANGE,  /* transaction and change are filled */
    DECODED_COMMIT,  /* transaction is filled */
};

/* Borrows from the message, the cache and the decoder; good until the next decode(). */
struct decoded {
    enum decoded_kind kind;
    struct transaction transaction;
    struct change change;
};

struct decoder_ops {
    const char *plugin; /* "wal2json", as in CREATE_REPLICATION_SLOT */
    /* A new decoder; NULL when memory is out. CACHE outlives it. */
    struct decoder *(*create)(struct relation_cache *cache);
    void (*destroy)(struct decoder *decoder);
    /* Forgets an open transaction: the stream starts again. */
    void (*reset)(struct decoder *decoder);
    /* Decodes one message (the payload of one XLogData). LSN is its position, for errors. 0;
     * -ENOENT: a type is not in the cache, *ret_missing_type is its OID: load it and decode the
     * same message again; -EBADMSG: the message breaks the format or the order B, changes, C;
     * -ENOMEM. */
    int (*decode)(struct decoder *decoder, struct str message, uint64_t lsn, struct decoded *ret,
                  uint32_t *ret_missing_type, struct error *err);
};

extern const struct decoder_ops wal2json_decoder;

#endif
