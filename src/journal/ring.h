/* journal/ring.h - the newest records in memory, for readers that keep up. Any thread; those that
 * push have the same records in the same order. Owns references to what it holds, bounded by bytes.
 *
 * The ring holds every record after its floor up to the newest, on disk or not yet. A reader that
 * stands at the floor or behind it in the log's order (position >= floor) is served from here, any
 * other from disk; both go by the position of the last record read, so the seam has no gap and no
 * duplicate. */
#ifndef JOURNAL_RING_H
#define JOURNAL_RING_H

#include "journal/record.h"
#include <pthread.h>

struct ring_slot {
    struct position position;
    struct shared *bytes;
};

struct ring {
    pthread_mutex_t lock;
    size_t bytes_max;
    size_t bytes;
    struct ring_slot *slots; /* a power of two; slot of record number N is N & (capacity - 1) */
    size_t capacity;
    uint64_t first;       /* number of the oldest record held */
    _Atomic uint64_t end; /* number that the next record gets; counts from 1 for ever */
    struct position floor;
    struct position newest; /* of all that was pushed; the floor at first */
};

int ring_init(struct ring *ring, size_t bytes_max, struct position floor);
void ring_release(struct ring *ring);

/* Takes references to those after the newest; the positions grow. False when there was none. Out of
 * memory is no failure: the ring then holds less. */
bool ring_push(struct ring *ring, const struct record *records, size_t count);
struct position ring_floor(struct ring *ring);
/* Drops all records at or before POSITION: they are not on disk any more. */
void ring_drop(struct ring *ring, struct position position);
/* Drops everything; what comes next comes after FLOOR, which may be before the old one. */
void ring_clear(struct ring *ring, struct position floor);

enum ring_answer {
    RING_RECORD,  /* a record, with a reference for the caller */
    RING_AT_END,  /* nothing newer */
    RING_TOO_OLD, /* read from disk */
};

/* The first record after AFTER. *NUMBER is the caller's bookmark: 0 at first and whenever it has
 * read from elsewhere; with it the answer needs no search, and at the end no lock. */
enum ring_answer ring_read(struct ring *ring, struct position after, uint64_t *number,
                           struct ring_slot *ret_slot);

#define RING_AHEAD_BYTES (64u << 10)

/* What follows a record that ring_read() gave, under one lock: up to MAX records that together have
 * no more than RING_AHEAD_BYTES, each with a reference for the caller. Returns how many. */
size_t ring_read_ahead(struct ring *ring, uint64_t *number, struct ring_slot *slots, size_t max);

#endif
