/* api/review.h - those of one loop that want to be looked at at the end of each turn, behind the
 * router. Nothing is done for one that is not among them. Owns its hook, no entry. */
#ifndef API_REVIEW_H
#define API_REVIEW_H

#include "loop/loop.h"

struct review_entry {
    void (*look)(struct review_entry *self); /* may remove itself, and no other */
    struct review_entry *prev, *next;
};

struct review {
    struct loop *loop;
    struct loop_hook hook;
    struct review_entry *entries;
};

/* After the router was started: its hook has the same place in a turn, and must run first. */
void review_start(struct review *review, struct loop *loop);
void review_stop(struct review *review); /* safe on one that is zero */

/* Looked at from the end of this turn on, until it is removed. Safe on one that is in. */
void review_add(struct review *review, struct review_entry *entry);
void review_remove(struct review *review, struct review_entry *entry); /* safe on one that is not */

#endif
