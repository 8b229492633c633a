/* base/failing_memory.h - for programs linked with `wrapped_memory` (tests/unit/base/meson.build):
 * allocations fail once memory_left of them were given; -1 is without end. Set it back before a
 * ck_assert: Check allocates too. */
#ifndef BASE_FAILING_MEMORY_H
#define BASE_FAILING_MEMORY_H

#include <stddef.h>

static int memory_left = -1;

static int memory_is_out(void)
{
    if (memory_left < 0)
        return 0;
    return memory_left == 0 || memory_left-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return memory_is_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return memory_is_out() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return memory_is_out() ? NULL : __real_realloc(old, size);
}

#endif
