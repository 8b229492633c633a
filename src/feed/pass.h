/* feed/pass.h - one reading of the journal for all who ride on it: a cursor, and the subscribers
 * that get what it reads.
 *
 * A pass looks up the keys of each record once, however many ride. A rider may be ahead of its
 * pass: it gets nothing that is not after its own position. One whose sink has no room gets off, so
 * a pass waits for nobody. Owns its cursor and what that has read, one block of the journal; its
 * riders are the sinks'. Belongs to a router. */
#ifndef FEED_PASS_H
#define FEED_PASS_H

#include "base/error.h"
#include "journal/journal.h"

struct router;
struct subscriber;

struct pass {
    struct router *router;
    unsigned index;                /* among the riders of a topic */
    struct journal_cursor *cursor; /* NULL: closed, and without riders */
    struct position position;      /* all up to there has been handed to the riders */
    struct subscriber *riders;
    struct journal_entry entry; /* which was read, but nobody was left to take it */
    bool holds_entry;
    bool at_end; /* and not where it should end: goes on with the journal's next progress */
    size_t used; /* units since it was opened */
};

/* Opens PASS, which has no riders, or opens it again. 0 or -ENOMEM. */
int pass_open(struct pass *pass, struct position after, struct error *err);
void pass_close(struct pass *pass);

/* The record that comes next. As journal_cursor_next(). */
int pass_next(struct pass *pass, struct journal_entry *ret_entry);
/* Hands ENTRY, which came next, to the riders. The units of work that it took: what a turn costs
 * must depend neither on how large records are nor on how many get one. */
size_t pass_deliver(struct pass *pass, const struct journal_entry *entry);

#endif
