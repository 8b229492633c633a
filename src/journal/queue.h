/* journal/queue.h - what waits for the disk: records in batches, and marks that ride on them. Owns
 * the records until a batch is taken. Not thread-safe: its user has a lock. Must not include
 * store.h.
 *
 * A batch is due (may be written) when it has reached batch_bytes, when it was flushed, when it
 * holds an urgent mark, or when its mark is QUEUE_LAZY_MS old: a mark that is not urgent is not
 * worth an fsync of its own each time, and yet must not wait for ever. */
#ifndef JOURNAL_QUEUE_H
#define JOURNAL_QUEUE_H

#include "journal/record.h"

#define QUEUE_LAZY_MS 1000

struct batch {
    struct record *records;
    size_t count;
    size_t capacity;
    size_t bytes;        /* in memory */
    uint64_t mark;       /* 0: none */
    uint64_t mark_since; /* monotonic ms, when the first mark came */
    bool due;
    struct batch *next;
};

void queue_batch_release(struct batch *batch);

struct queue {
    size_t batch_bytes;
    size_t ahead_bytes;
    struct batch *full; /* in order; all due */
    struct batch **full_tail;
    struct batch open;
    size_t waiting; /* bytes, with those of batches that were taken and are not done yet */
    size_t taken;   /* batches that are not done yet */
};

void queue_init(struct queue *queue, size_t batch_bytes, size_t ahead_bytes);
void queue_release(struct queue *queue);

/* 0: the queue takes the record's reference. -EAGAIN when too much waits, which makes all of it
 * due; a single record is always taken when nothing waits, whatever its size. -ENOMEM. */
int queue_append(struct queue *queue, const struct record *record);
/* True when the writer has to be woken: the mark is due at once, or its time begins to run. */
bool queue_mark(struct queue *queue, uint64_t lsn, bool urgent, uint64_t now_ms);
void queue_flush(struct queue *queue);

/* Milliseconds until a lazy mark is due; UINT64_MAX when none waits. */
uint64_t queue_due_in(const struct queue *queue, uint64_t now_ms);
bool queue_empty(const struct queue *queue); /* nothing waits and nothing is taken */

/* Hands out the oldest batch, due or not; false when there is none. The caller owns it. */
bool queue_take(struct queue *queue, struct batch *ret_batch);
/* The batch that was taken is on disk: its bytes wait no more. */
void queue_done(struct queue *queue, const struct batch *batch);

#endif
