/* journal/holds.h - which reader still needs what: names and positions. Pure, not thread-safe. Owns
 * the names. Its coded form lies in the store, so that a hold outlives the process: without that,
 * the first trim after a restart could remove what an operator that has not connected yet had not
 * read. */
#ifndef JOURNAL_HOLDS_H
#define JOURNAL_HOLDS_H

#include "base/buffer.h"
#include "base/position.h"

#define HOLDS_MAX 4096
#define HOLD_NAME_MAX 255
#define HOLDS_CODED_MAX ((size_t)HOLDS_MAX * (1 + HOLD_NAME_MAX + POSITION_BYTES))

struct hold {
    char *name;
    struct position position;
};

struct holds {
    struct hold *items;
    size_t count;
    size_t capacity;
};

void holds_release(struct holds *holds);

/* 1 when the name is new, 0 when it was there (and moved forward, or stayed); -EINVAL name empty or
 * too long, -ENOSPC too many, -ENOMEM. */
int holds_set(struct holds *holds, struct str name, struct position position);
bool holds_remove(struct holds *holds, struct str name); /* true when it was there */
/* Removes all but those in NAMES; true when that removed any. */
bool holds_keep(struct holds *holds, const char *const *names, size_t count);
/* The smallest position held; false when there is none. */
bool holds_oldest(const struct holds *holds, struct position *ret_position);

/* Each: length of the name (1 byte), name, position (12 bytes). */
int holds_encode(const struct holds *holds, struct buffer *buffer);
/* HOLDS must be empty. 0, -EIO or -ENOMEM. */
int holds_decode(struct holds *holds, struct str coded);

#endif
