/* base/shared.h - immutable bytes with a reference count, shared between threads. */
#ifndef BASE_SHARED_H
#define BASE_SHARED_H

#include <stdatomic.h>
#include <stddef.h>

struct shared {
    atomic_uint references;
    size_t len;
    char data[];
};

/* A copy of DATA with one reference; NULL when memory is out. DATA may be NULL: the caller then
 * fills shared->data before anyone else sees it. */
struct shared *shared_new(const void *data, size_t len);
struct shared *shared_ref(struct shared *s);
void shared_unref(struct shared *s); /* NULL is fine; the last one frees */

#endif
