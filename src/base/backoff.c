#include "base/backoff.h"

uint32_t backoff_next(struct backoff *b, uint32_t random)
{
    double nominal = b->min_ms;

    for (uint32_t i = 0; i < b->attempts && nominal < b->max_ms && b->multiplicator > 1; i++)
        nominal *= b->multiplicator;
    if (nominal > b->max_ms)
        nominal = b->max_ms;
    if (b->attempts < UINT32_MAX)
        b->attempts++;
    /* Half is certain, half is the dice's: those who failed together don't come back together. */
    uint64_t half = (uint64_t)nominal / 2;
    uint64_t span = (uint64_t)nominal - half;
    return (uint32_t)(half + (((uint64_t)random * (span + 1)) >> 32));
}

void backoff_reset(struct backoff *b)
{
    b->attempts = 0;
}
