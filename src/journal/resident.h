/* journal/resident.h - keeps the pages of a mapped file from counting as this process's memory.
 *
 * LMDB reads through one large mapping; every page that was touched stays in the resident set, so
 * that reading the journal once would show as gigabytes. The pages belong to the kernel's cache:
 * they can be let go at any time at the price of a minor fault. Thread-safe after resident_init().
 * Owns nothing. */
#ifndef JOURNAL_RESIDENT_H
#define JOURNAL_RESIDENT_H

#include <stdatomic.h>
#include <stddef.h>

struct resident {
    void *start; /* NULL: the mapping was not found, nothing is let go */
    size_t len;
    atomic_size_t touched; /* bytes, since they were last let go */
};

/* Finds the mapping that ADDRESS lies in. */
void resident_init(struct resident *resident, const void *address);
/* Some BYTES of the mapping were read: lets all go once it is much. */
void resident_touched(struct resident *resident, size_t bytes);

#endif
