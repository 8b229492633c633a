/* feed/router.h - hands each new record of the journal to the subscribers whose topics it belongs
 * to.
 *
 * One router a serving loop. It reads each record once, looks up the record's topic keys in a hash,
 * and so its work grows with those who get the record, not with those who are there. Subscribers
 * that catch up share a few passes over the journal (pass.h), which get what is left of a turn, in
 * slices, so that a replay does not delay the live ones. Owns its passes and its hash; borrows
 * loop, journal and tables. Logs nothing. */
#ifndef FEED_ROUTER_H
#define FEED_ROUTER_H

#include "feed/counters.h"
#include "feed/subscriber.h"
#include "feed/tables.h"
#include "loop/loop.h"

struct router;

struct router_context { /* all borrowed, must outlive the router */
    struct loop *loop;
    struct journal *journal;
    const struct feed_tables *tables;
    /* The router itself cannot read the journal: WHY names the cause. It tries again by and by, and
     * says NULL when it goes on. Meanwhile nothing is lost: subscribers stay where they are. */
    void (*on_trouble)(void *owner, const struct error *why);
    /* Some records are damaged: WHAT names them and the mend. Who might have got one of them is
     * reset with RESET_DAMAGED, and all goes on behind them. */
    void (*on_damage)(void *owner, const struct error *what);
    void *owner;
};

int router_new(struct router **ret_router, const struct router_context *context, struct error *err);
/* All subscribers must be closed before. NULL is fine. */
void router_free(struct router *router);

/* How many records it has read: by its growth one sees how far a position moved. */
uint64_t router_records_read(const struct router *router);
size_t router_subscribers(const struct router *router);
const struct feed_counters *router_counters(const struct router *router); /* any thread */

#endif
