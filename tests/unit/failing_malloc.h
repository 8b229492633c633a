/* failing_malloc.h - lets the Nth allocation of what is tested fail, counts them, and counts what
 * was not freed. The program is linked with -Wl,--wrap=malloc and so on (meson.build). Check
 * allocates too: only what runs inside WATCHED() counts. For programs of one file: it defines the
 * wrappers. */
#ifndef FAILING_MALLOC_H
#define FAILING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

static _Atomic bool watching;           /* what threads of the test share */
static _Atomic long allocations;        /* since allocations_start() */
static _Atomic long live_allocations;   /* allocated less freed, since then */
static _Atomic long failing_allocation; /* counted from 1; 0: none fails */

#define WATCHED(statement)                                                                         \
    do {                                                                                           \
        watching = true;                                                                           \
        statement;                                                                                 \
        watching = false;                                                                          \
    } while (0)

static inline void allocations_start(long failing)
{
    allocations = 0;
    live_allocations = 0;
    failing_allocation = failing;
}

/* True when the allocation that was to fail was asked for; then none fails any more. */
static inline bool allocations_failed(void)
{
    bool failed = failing_allocation != 0 && allocations >= failing_allocation;

    failing_allocation = 0;
    return failed;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *memory);

static inline bool allocation_fails(void)
{
    return watching && ++allocations == failing_allocation;
}

void *__wrap_malloc(size_t size)
{
    if (allocation_fails())
        return NULL;
    live_allocations += watching;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (allocation_fails())
        return NULL;
    live_allocations += watching;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    if (allocation_fails())
        return NULL;
    live_allocations += watching && old == NULL;
    return __real_realloc(old, size);
}

void __wrap_free(void *memory)
{
    live_allocations -= watching && memory != NULL;
    __real_free(memory);
}

#endif
