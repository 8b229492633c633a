/* base/backoff.h - how long to wait before the next try: exponential, bounded, jittered. Pure. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
    uint32_t min_ms;
    uint32_t max_ms;
    double multiplicator;
    uint32_t attempts; /* since the last reset */
};

/* The next wait in milliseconds, between half and all of the nominal one; RANDOM is any 32 random
 * bits. Counts the attempt. */
uint32_t backoff_next(struct backoff *b, uint32_t random);
void backoff_reset(struct backoff *b);

#endif
