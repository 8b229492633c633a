/* journal/internal.h - the journal itself, for journal.c, early.c, writer.c and cursor.c only.
 *
 * Locks, in the order in which they may be taken together: listeners_lock, lock. The store and the
 * ring have their own, taken with neither. */
#ifndef JOURNAL_INTERNAL_H
#define JOURNAL_INTERNAL_H

#include "journal/holds.h"
#include "journal/journal.h"
#include "journal/queue.h"
#include "journal/ring.h"
#include "journal/store.h"
#include <pthread.h>

/* A wish of journal_begin_epoch(), which the writer fulfils between two batches. Or, with an epoch
 * in IDENTITY, of journal_set_timeline(): all but the identity stays as it is. */
struct epoch_request {
    const struct journal_identity *identity;
    uint64_t start;
    struct error *err;
    int rc;
};

enum { EARLY_RECORDS = 256 };

/* Records that were appended since the last flush. When there are more, nobody notices the
 * milliseconds of the disk, and the writer hands them on at less cost. */
struct fresh {
    struct record records[EARLY_RECORDS]; /* references */
    size_t count;
    bool too_many;        /* since the last flush */
    struct position left; /* readers get the records up to there from the writer */
};

struct journal {
    struct journal_options options; /* without the path */
    int lock_fd;
    struct store *store;
    struct ring ring;
    _Atomic uint64_t durable;
    _Atomic uint64_t given;      /* of the extent */
    _Atomic bool turned_away;    /* a cursor could not read the disk: tell it when it can */
    _Atomic uint32_t generation; /* grows with each epoch: what a cursor compares */

    /* The appending thread's. */
    struct position last;
    uint64_t last_mark;
    struct fresh fresh;

    pthread_mutex_t lock;
    pthread_cond_t work;     /* the writer waits for it */
    pthread_cond_t gathered; /* and for this one while it lets a batch grow */
    pthread_cond_t answered; /* journal_begin_epoch() waits for it */
    struct queue queue;
    bool in_backlog; /* the last batch was large: the next one grows, whatever the haste */
    struct holds holds;
    bool holds_changed; /* to be written with the next batch */
    bool holds_due;     /* to be written even alone */
    struct epoch_request *request;
    bool stopping;
    struct store_extent extent;
    struct position newest;       /* that readers can have, on disk or not yet */
    struct position oldest_early; /* the oldest of those that are not on disk, if there are any */
    uint64_t given_before;        /* by an earlier run, in this epoch */
    struct journal_identity identity;
    struct error failure; /* code 0: the writer writes */
    uint64_t counted_ms;  /* monotonic: when the writer last counted what is held past its age */

    pthread_mutex_t listeners_lock;
    struct journal_listener *listeners;
    pthread_t thread;
};

/* A batch that follows a large one at once may grow up to so many bytes before it is written: each
 * commit costs two syncs, whatever its size. */
#define JOURNAL_GATHER_BYTES ((size_t)1 << 20)

/* With the lock held: what is due may grow. In a backlog also when there is haste: nobody notices
 * the milliseconds there. */
static inline bool journal_may_gather(const struct journal *journal)
{
    return journal->queue.waiting < JOURNAL_GATHER_BYTES &&
           (journal->in_backlog || !queue_in_haste(&journal->queue));
}

/* --- journal.c ---------------------------------------------------------------------------- */

void journal_tell_records(struct journal *journal);
void journal_tell_durable(struct journal *journal);

/* --- early.c ------------------------------------------------------------------------------ */

/* How far ahead of what is on disk readers may be, in the server's log: one segment of it. */
#define EARLY_AHEAD ((uint64_t)16 << 20)

void early_add(struct fresh *fresh, const struct record *record);
/* At a flush: readers get what is fresh. False when some of it must wait for the writer. */
bool early_give(struct journal *journal);
void early_forget(struct journal *journal);
/* Readers can have RECORDS. False when they could before. */
bool early_publish(struct journal *journal, const struct record *records, size_t count);
/* With the lock held: what "given" must be on disk beside BATCH; 0: as it is. */
uint64_t early_limit(const struct journal *journal, const struct batch *batch);

/* --- writer.c ---------------------------------------------------------------------------- */

int writer_start(struct journal *journal); /* 0 or a negative errno */
void writer_stop(struct journal *journal); /* writes what waits */

#endif
