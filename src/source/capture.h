/* source/capture.h - messages of the slot into records of the journal: decode, give each change its
 * position, encode, append; and the one place that says what may be confirmed.
 *
 * What may be confirmed is a mark in the journal: the end of a transaction once all of it has been
 * appended, of a message outside of transactions, or the position of a keepalive that came while no
 * transaction was open (traps 7, 8).
 * The journal reports a mark as durable when everything before it is on disk; nothing else is
 * confirmed. No I/O of its own; runs on the capture loop. */
#ifndef SOURCE_CAPTURE_H
#define SOURCE_CAPTURE_H

#include "base/commits.h"
#include "config/config.h"
#include "decode/decoder.h"
#include "event/record.h"
#include "journal/journal.h"
#include "source/resent.h"
#include "source/spool.h"

struct capture {
    const struct decoder_ops *ops; /* NULL before the first stream */
    struct decoder *decoder;
    struct relation_cache *cache;
    struct journal *journal;
    const struct config *config;
    struct commits *commits; /* borrowed, set after capture_init(); NULL: nobody asks for them */
    struct event_origin origin;
    struct buffer record;   /* scratch, at most journal.max_event */
    struct buffer stripped; /* scratch, for events that have no room there */
    struct buffer tail;     /* of all events of the transaction below; empty: of none */
    struct transaction tail_of;
    bool in_transaction;
    uint32_t xid;       /* of the transaction that is or was decoded last; 0: none was */
    bool has_events;    /* the open transaction has given some */
    uint64_t marked;    /* the newest position that may be confirmed */
    uint32_t ordinal;   /* of the last change of the open transaction */
    struct spool spool; /* for plugins with peek(): the messages from B to C */
    bool draining;      /* C is here: what was kept is being decoded */
    struct str kept;    /* the message of the spool that is being decoded; data == NULL: none */
    uint64_t kept_lsn;
    uint64_t lsn; /* of the last message that had one: those that describe relations have none */
    struct resent resent;  /* the slot sends again what the journal has */
    uint64_t events;       /* appended, in the life of the process */
    uint64_t transactions; /* that had some */
    uint64_t slowest_ms;   /* that one message has held the loop, in the life of the process */
};

/* CACHE, JOURNAL and CONFIG are borrowed. */
void capture_init(struct capture *capture, struct relation_cache *cache, struct journal *journal,
                  const struct config *config);
void capture_release(struct capture *capture);

/* The stream starts (again) with the plugin of OPS: forgets an open transaction. ORIGIN is
 * borrowed. 0 or -ENOMEM. */
int capture_restart(struct capture *capture, const struct decoder_ops *ops,
                    const struct event_origin *origin);

/* One message. 0: done with. Else the same message again, after: -EAGAIN, the journal has room;
 * -EINPROGRESS, other work of the loop; -ENOENT, the type *ret_missing_type was loaded; -ENOSPC, a
 * while: the spool cannot be written, ERR says why; -ESTALE, never: the server has another history
 * than the journal. Others: ERR says why, the stream must start
 * again; after -EMSGSIZE, an event that is too large where journal.on_large_event says stop, only
 * once the configuration has changed. */
int capture_message(struct capture *capture, struct str message, uint64_t lsn,
                    uint32_t *ret_missing_type, struct error *err);

/* The server has sent all that it has up to LSN. URGENT: somebody waits for it to be on disk. 0;
 * -ESTALE as above. */
int capture_keepalive(struct capture *capture, uint64_t lsn, bool urgent);

/* The end of the stream is near: what may be confirmed is written at once. */
void capture_finish(struct capture *capture);

#endif
