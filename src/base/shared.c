#include "base/shared.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct shared *shared_new(const void *data, size_t len)
{
    if (len > SIZE_MAX - sizeof(struct shared))
        return NULL;
    struct shared *s = malloc(sizeof(*s) + len);
    if (s == NULL)
        return NULL;
    atomic_init(&s->references, 1);
    s->len = len;
    if (data != NULL && len > 0)
        memcpy(s->data, data, len);
    return s;
}

struct shared *shared_ref(struct shared *s)
{
    /* Whoever calls this has a reference already, so nothing needs to be ordered. */
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

void shared_unref(struct shared *s)
{
    if (s == NULL)
        return;
    /* Release: our reads come before the free; acquire: the others' reads do too. */
    if (atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1)
        free(s);
}
