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
    DECODED_CHANGE,  /* transaction, change and more are filled */
    DECODED_COMMIT,  /* transaction is filled */
    /* A message outside of transactions: change is filled, and transaction as if it were one of its
     * own, with the end of the message's record as end_lsn and nothing else. The server decodes a
     * message where it stands in the log and a transaction at its commit, so that this never comes
     * between B and C. */
    DECODED_MESSAGE,
};

/* Borrows from the message, the cache and the decoder; good until the next decode() or take(). */
struct decoded {
    enum decoded_kind kind;
    struct transaction transaction;
    struct change change;
    bool more; /* the message holds further changes (a TRUNCATE of several tables): see take() */
};

struct decoder_ops {
    const char *plugin; /* "wal2json", as in CREATE_REPLICATION_SLOT */
    /* A new decoder; NULL when memory is out. CACHE outlives it. */
    struct decoder *(*create)(struct relation_cache *cache);
    void (*destroy)(struct decoder *decoder);
    /* Forgets an open transaction: the stream starts again. */
    void (*reset)(struct decoder *decoder);
    /* Decodes one message (the payload of one XLogData). LSN is its position, for errors. 0;
     * -ENOENT: a type is not in the cache, *ret_missing_type is its OID, or the catalog is to be
     * asked about a relation and it is 0: load it and decode the same message again; -EBADMSG: the
     * message breaks the format or the order B, changes, C; -ENOMEM. */
    int (*decode)(struct decoder *decoder, struct str message, uint64_t lsn, struct decoded *ret,
                  uint32_t *ret_missing_type, struct error *err);

    /* The rest is NULL for a plugin that needs it not. */

    /* The caller is done with the change that decode() gave last. Until then decode() of the same
     * message gives the same change, so that it can be tried again; afterwards, where `more` was
     * set, decode() of the same message gives its next change. */
    void (*take)(struct decoder *decoder);
    /* For a plugin that says the end of a transaction with its C alone, while every event id needs
     * it. The caller keeps the messages from B to C, finds both by peek(), which decodes nothing
     * else, and then gives them to decode(), from B to C, after set_end() with the end that peek()
     * of C gave. decode() refuses a B before which no end was set, and a C with another end.
     *
     * 0: *RET_KIND is DECODED_BEGIN (*RET: xid, commit_lsn, commit_time), DECODED_COMMIT (*RET:
     * commit_lsn, end_lsn, commit_time) or, for all other messages and without a look into them,
     * DECODED_NOTHING. -EBADMSG: a B or C that breaks the format. LSN is for errors. */
    int (*peek)(struct str message, uint64_t lsn, enum decoded_kind *ret_kind,
                struct transaction *ret, struct error *err);
    void (*set_end)(struct decoder *decoder, uint64_t end_lsn);
};

extern const struct decoder_ops wal2json_decoder;
extern const struct decoder_ops pgoutput_decoder;

#endif
