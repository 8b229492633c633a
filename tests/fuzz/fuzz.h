/* fuzz.h - what the fuzz targets share: a promise that is broken stops the program, and input is
 * copied to memory of exactly its size, so that AddressSanitizer sees the first byte read past it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Called by libFuzzer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define promise(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* To be freed by the caller. */
static inline struct str exact_copy(const void *data, size_t size)
{
    char *copy = malloc(size);

    promise(copy != NULL || size == 0);
    if (size > 0)
        memcpy(copy, data, size);
    return (struct str){copy, size};
}

static inline void free_copy(struct str copy)
{
    free((char *)copy.data);
}

/* True when PART lies in WHOLE; NULL of no length lies everywhere. */
static inline bool is_inside(struct str part, struct str whole)
{
    if (part.data == NULL)
        return part.len == 0;
    uintptr_t start = (uintptr_t)whole.data, at = (uintptr_t)part.data;
    return at >= start && at - start <= whole.len && part.len <= whole.len - (at - start);
}

/* Reads every byte, for AddressSanitizer to judge. */
static inline void touch(struct str s)
{
    const volatile char *bytes = s.data;

    for (size_t i = 0; i < s.len; i++)
        (void)bytes[i];
}

#endif
