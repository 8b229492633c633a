/* base/cleanup.h - scope cleanup for what a function owns until it hands it on. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>

#define cleanup_with(function) __attribute__((cleanup(function)))

static inline void cleanup_free_pointer(void *pointer)
{
    free(*(void **)pointer);
}
#define cleanup_free cleanup_with(cleanup_free_pointer)

#endif
