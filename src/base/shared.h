/* base/shared.h - immutable bytes with a reference count, shared between threads. */
#ifndef BASE_SHARED_H
#define BASE_SHARED_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

struct shared {
    atomic_uint references;
    size_t len;
    char data[];
};

/* A copy of DATA with one reference; NULL when memory is out. DATA may be NULL: the caller then
 * fills shared->data before anyone else sees it. */
struct shared *shared_new(const void *data, size_t len);

/* In the header because each delivery of an event takes a reference and gives it back. */
static inline struct shared *shared_ref(struct shared *s)
{
    /* Whoever calls this has a reference already, so nothing needs to be ordered. */
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

/* NULL is fine; the last one frees. */
static inline void shared_unref(struct shared *s)
{
    if (s == NULL)
        return;
    /* Release: our reads come before the free; acquire: the others' reads do too. */
    if (atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1)
        free(s);
}

#endif
