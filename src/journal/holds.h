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
    bool given_up; /* what it held is gone: it counts for nothing until it moves to what is there */
    bool told;
};

struct holds {
    struct hold *items;
    size_t count;
    size_t capacity;
    struct position trimmed; /* set by the owner: nothing at or before it is there any more */
};

void holds_release(struct holds *holds);

/* 1 when the name is new, 0 when it was there (and moved forward, or stayed); -EINVAL name empty or
 * too long, -ENOSPC too many, -ENOMEM. */
int holds_set(struct holds *holds, struct str name, struct position position);
bool holds_remove(struct holds *holds, struct str name); /* true when it was there */
/* Removes all but those in NAMES; true when that removed any. */
bool holds_keep(struct holds *holds, const char *const *names, size_t count);
/* The smallest position held, of holds that were not given up; false when there is none. */
bool holds_oldest(const struct holds *holds, struct position *ret_position);

/* Gives up all whose records are not there: the position is before holds->trimmed. */
void holds_give_up(struct holds *holds);
/* One that was given up and not handed out here before; NULL when there is none. */
const struct hold *holds_next_given_up(struct holds *holds);

/* Each: length of the name (1 byte), name, position (12 bytes). */
int holds_encode(const struct holds *holds, struct buffer *buffer);
/* HOLDS must be empty. 0, -EIO or -ENOMEM. */
int holds_decode(struct holds *holds, struct str coded);

#endif
