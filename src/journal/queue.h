/* journal/queue.h - what waits for the disk: records in batches, and marks that ride on them. Owns
 * the records until a batch is taken. Not thread-safe: its user has a lock. Must not include
 * store.h.
 *
 * A batch is due when it was flushed, from the time on that was said then; from that of an urgent
 * mark on; else when its mark is QUEUE_LAZY_MS old: a mark that is not urgent is not worth an fsync
 * of its own each time, and yet must not wait for ever. Who writes may let it grow a little, unless
 * there is haste: it has reached batch_bytes, there is no room for more, or the flush said so.
 * Times are monotonic milliseconds. */
#ifndef JOURNAL_QUEUE_H
#define JOURNAL_QUEUE_H

#include "journal/record.h"

#define QUEUE_LAZY_MS 1000
#define QUEUE_AT_ONCE 0
#define QUEUE_NEVER UINT64_MAX

struct batch {
    struct record *records;
    size_t count;
    size_t capacity;
    size_t bytes;    /* in memory */
    uint64_t mark;   /* 0: none */
    uint64_t due_ms; /* QUEUE_NEVER: nothing asks for it yet */
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
/* Both say true when the batch is due earlier by it: the writer has to be told. */
bool queue_mark(struct queue *queue, uint64_t lsn, bool urgent, uint64_t now_ms);
bool queue_flush(struct queue *queue, uint64_t due_ms); /* what was appended; or QUEUE_AT_ONCE */

bool queue_in_haste(const struct queue *queue);
/* Milliseconds until a batch is due, or QUEUE_NEVER. */
uint64_t queue_due_in(const struct queue *queue, uint64_t now_ms);
bool queue_empty(const struct queue *queue); /* nothing waits and nothing is taken */

/* Hands out the oldest batch, due or not; false when there is none. The caller owns it. */
bool queue_take(struct queue *queue, struct batch *ret_batch);
/* The batch that was taken is on disk: its bytes wait no more. */
void queue_done(struct queue *queue, const struct batch *batch);

#endif
