/* feed/router_internal.h - what router.c, pass.c, subscriber.c and catch_up.c share, and nobody
 * else. */
#ifndef FEED_ROUTER_INTERNAL_H
#define FEED_ROUTER_INTERNAL_H

#include "feed/audience.h"
#include "feed/filter_index.h"
#include "feed/hash.h"
#include "feed/match.h"
#include "feed/pass.h"
#include "feed/router.h"

/* Exists while somebody subscribes to it, in whatever mode; that of a whole table also while there
 * are others below it: an event of a table without one concerns nobody. */
struct router_topic {
    UT_hash_handle hh;
    struct audience all;          /* who wants every event of it */
    struct filter_index *filters; /* who wants some; NULL: nobody */
    struct router_topic *table;   /* that it is below; NULL: it is a whole table */
    struct topics_below below;
    bool in_hash;
    bool held; /* it is being looked at, and stays */
    uint16_t key_len;
    char key[];
};

struct router {
    struct loop *loop;
    struct journal *journal;
    const struct feed_tables *tables;
    void (*on_trouble)(void *owner, const struct error *why);
    void (*on_damage)(void *owner, const struct error *what);
    void *owner;
    struct journal_listener listener;
    struct loop_wakeup wakeup;
    struct loop_hook hook;
    ev_timer retry; /* runs while in trouble */

    struct router_topic *topics;
    bool keeps_topics; /* also those that nobody needs */
    size_t subscriber_count;
    struct pass passes[PASSES]; /* the live one is closed while in trouble */
    char epoch[9];
    uint64_t records_read;
    uint64_t deliveries;
    struct feed_counters counters; /* of all this, at the end of the last turn */
    bool behind;                   /* the journal may hold more than the live pass has read */
    bool troubled;                 /* and has said so */
    struct position damaged;       /* what was last told of */

    struct subscriber *pending; /* those that catch up and wait for a pass, in order of arrival */
    unsigned turn;              /* the pass whose slice is next */
    struct buffer scratch;
};

/* The position of the newest record that there is or was in the journal; zero: none yet. */
struct position router_newest(const struct router *router);
/* All up to there has been handed to the live ones. */
struct position router_position(const struct router *router);
bool router_epoch_changed(const struct router *router);
/* Moves all live ones to the new epoch if there is one. All passes are closed then, and their
 * riders pending. */
void router_check_epoch(struct router *router);
/* Says once that the records after POSITION are damaged. */
void router_tell_damage(struct router *router, struct position position);

/* --- topics.c --------------------------------------------------------------------------------- */

/* The topic with KEY, if anybody subscribes to it or below it; else NULL. */
struct router_topic *router_find(const struct router *router, struct str key);
/* A reference to the audience of WANTED. 0, -ENOMEM or -EMSGSIZE. */
int router_join(struct router *router, const struct subscription *wanted,
                struct audience **ret_audience);
void router_leave(struct router *router, struct audience *audience);
/* Until the release the topic stays, whoever leaves. */
void router_topic_hold(struct router_topic *topic);
void router_topic_release(struct router *router, struct router_topic *topic);
/* Frees those that were kept. */
void router_tidy_topics(struct router *router);
struct router_topic *router_topic_of(struct audience *audience);

/* --- subscriber.c: changes of mode -------------------------------------------------------- */

/* The record of a new position and epoch is the caller's business. */
void subscriber_ride(struct subscriber *subscriber, struct pass *pass);
/* Waits for a pass to ride on. */
void subscriber_queue(struct subscriber *subscriber);
/* Waits until there is room. */
void subscriber_wait(struct subscriber *subscriber);
/* Live from now, and tells the sink. */
void subscriber_reset(struct subscriber *subscriber, enum reset_reason reason);

/* --- catch_up.c --------------------------------------------------------------------------- */

/* What is left of a turn, for those who catch up; true when there is more to do at once. */
bool catch_up_turn(struct router *router);
/* Closes PASS; its riders are pending. */
void catch_up_dissolve(struct pass *pass);

#endif
