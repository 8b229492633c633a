#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

static struct timespec now(clockid_t clock)
{
    struct timespec t;
    int failed = clock_gettime(clock, &t);

    assert(failed == 0); /* both clocks exist on every Linux */
    (void)failed;
    return t;
}

uint64_t clock_monotonic_ms(void)
{
    struct timespec t = now(CLOCK_MONOTONIC);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int64_t clock_wall_us(void)
{
    struct timespec t = now(CLOCK_REALTIME);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

uint32_t random_u32(void)
{
    return arc4random();
}
