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
