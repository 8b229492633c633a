/* api/awaiting.h - answers whether operators have applied all up to a place in the server's WAL, so
 * that who writes can read what it wrote; now, or as soon as they have. One for each loop with a
 * listener. Owns what waits; one wake a turn of the capture loop, and none while nobody waits.
 *
 * The place is an LSN, or a time of the server's clock: then it is where the WAL ended when the
 * clock was first seen past that time (base/wal_clock.h). */
#ifndef API_AWAITING_H
#define API_AWAITING_H

#include "base/progress.h"
#include "base/wal_clock.h"
#include "config/config.h"
#include "http/server.h"
#include "journal/journal.h"
#include "operator/counters.h"

/* All borrowed; any thread. */
struct awaiting_context {
    const struct config *config;
    struct journal *journal;
    const struct operator_counters *operators; /* as many as config->operators, in their order */
    struct progress *progress;
    struct wal_clock *wal_clock;
    /* Ask the capture loop, with OWNER, to have the server say how far it is, so that the journal's
     * durable position advances; and to look at its clock. */
    void (*poke)(void *owner);
    void (*look)(void *owner);
    void *owner;
};

struct awaiting_entry;

struct awaiting {
    const struct awaiting_context *context;
    struct loop *loop;
    struct awaiting_entry *entries;
    size_t count;
    struct progress_listener listener; /* listens while there are entries */
    struct loop_wakeup wakeup;
    ev_timer ask; /* poke and look may come too early: again */
};

struct awaiting_question {
    struct str table; /* for the answer; data == NULL: it names none */
    /* Which operators; at least one. */
    bool (*concerns)(const struct config_operator *op, const void *what);
    const void *what;
    bool by_lsn; /* else by the time */
    uint64_t lsn;
    int64_t time_us;  /* of the server's clock, since 1970 */
    unsigned wait_ms; /* how long the client will wait. What the server must be asked for takes a
                         moment all the same */
    int64_t expires;  /* no longer, in seconds since 1970; 0: never */
};

void awaiting_start(struct awaiting *awaiting, struct loop *loop,
                    const struct awaiting_context *context);
/* The http server must be free already. Safe on one that is zero. */
void awaiting_stop(struct awaiting *awaiting);

/* From inside a http_handle: answers, now or later, 200 or 425. False: nothing was answered, it
 * concerns no operator. */
bool awaiting_ask(struct awaiting *awaiting, struct http_exchange *exchange,
                  const struct awaiting_question *question);

#endif
