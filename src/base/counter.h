/* base/counter.h - a number, or a literal, that one thread writes and any may read, each for
 * itself: no lock, no fence, a plain store for the writer. Pure. */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

static inline uint64_t counter_read(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* For tables of counters: the one at OFFSET in COUNTERS, a struct that has it there. */
static inline uint64_t counter_read_at(const void *counters, size_t offset)
{
    const void *counter = (const char *)counters + offset;
    return counter_read((const _Atomic uint64_t *)counter);
}

static inline void counter_set(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

/* Only its writer may: no other can have written between the two. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t more)
{
    counter_set(counter, counter_read(counter) + more);
}

#endif
