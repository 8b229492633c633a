/* feed/router_internal.h - what router.c, subscriber.c and catch_up.c share, and nobody else. */
#ifndef FEED_ROUTER_INTERNAL_H
#define FEED_ROUTER_INTERNAL_H

#include "feed/router.h"

/* Out of memory is an answer, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->in_hash = false)
#include <uthash.h>
#include <utlist.h>

/* Exists while somebody subscribes to it, in whatever mode. */
struct router_topic {
    UT_hash_handle hh;
    bool in_hash;
    size_t references;
    struct subscriber *live;
    size_t key_len;
    char key[];
};

struct router {
    struct loop *loop;
    struct journal *journal;
    const struct feed_tables *tables;
    void (*on_trouble)(void *owner, const struct error *why);
    void *owner;
    struct journal_listener listener;
    struct loop_wakeup wakeup;
    struct loop_hook hook;
    ev_timer retry; /* runs while in trouble */

    struct router_topic *topics;
    size_t subscriber_count;
    struct journal_cursor *cursor; /* NULL while in trouble */
    char epoch[9];
    struct position position; /* all up to there has been handed to the live ones */
    uint64_t records_read;
    bool behind;   /* the journal may hold more than the router has read */
    bool troubled; /* and has said so */

    struct subscriber *catching_up;
    struct buffer scratch;
};

/* The position of the newest record that there is or was in the journal; zero: none yet. */
struct position router_newest(const struct router *router);
/* Moves all live ones to the new epoch if there is one. */
void router_check_epoch(struct router *router);

/* Changes the mode and with it the list that SUBSCRIBER is in. Its cursor stays open only while it
 * catches up: a slow reader must not hold on to a snapshot of the disk. */
void subscriber_set_mode(struct subscriber *subscriber, enum subscriber_mode mode);
/* Live from now, and tells the sink. */
void subscriber_reset(struct subscriber *subscriber, enum reset_reason reason);
/* Nothing more is pushed after POSITION until there is room. */
void subscriber_wait(struct subscriber *subscriber, struct position position);

/* One slice for each that catches up, as far as the turn's budget goes; true when there is more. */
bool catch_up_turn(struct router *router);

#endif
