/* journal/follow.h - reads a journal from another process than the service, and goes on reading as
 * it grows. Takes no lock, its read transactions are short: the service does not notice. The
 * service may stop, come back, begin a new epoch, or make a new journal in the same place. One
 * thread. */
#ifndef JOURNAL_FOLLOW_H
#define JOURNAL_FOLLOW_H

#include "base/error.h"
#include "journal/journal.h"

struct follower;

struct follower_view {
    char epoch[9];           /* empty: nothing was captured yet */
    struct position trimmed; /* retention has removed all up to here */
    struct position newest;
    uint64_t given; /* readers of the service may have had records up to this LSN already */
};

/* 0; -ENOENT there is no journal at PATH; others as journal_open(). */
int follower_open(struct follower **ret_follower, const char *path, struct error *err);
void follower_close(struct follower *follower);

/* What there is now. When another journal was put in the place of this one it is read from now on.
 * 0, or what a read says. */
int follower_look(struct follower *follower, struct follower_view *ret_view, struct error *err);
/* From now on what comes after AFTER, of EPOCH. */
void follower_seek(struct follower *follower, const char *epoch, struct position after);
/* 1 with the next record (borrowed until the next call); 0: no more for now; -ESTALE: retention has
 * removed what follows, or this is another epoch: look. Others with the story in ERR. */
int follower_next(struct follower *follower, struct journal_entry *ret, struct error *err);
struct position follower_position(const struct follower *follower);

/* Readable when something happens to the files: clear it, then read. Not every file system tells:
 * do not rely on it alone. -1: there is none. */
int follower_descriptor(const struct follower *follower);
void follower_clear(struct follower *follower);

#endif
