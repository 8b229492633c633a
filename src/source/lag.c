#include "source/lag.h"
#include <string.h>

static void thin_out(struct lag *lag)
{
    for (unsigned i = 0; i < LAG_LOOKS / 2; i++)
        lag->looks[i] = lag->looks[2 * i];
    lag->count = LAG_LOOKS / 2;
}

void lag_look(struct lag *lag, uint64_t lsn, uint64_t now_ms)
{
    uint64_t at = lag->blind_since_ms ? lag->blind_since_ms : now_ms;
    uint64_t last = lag->count > 0 ? lag->looks[lag->count - 1].lsn : 0;
    lag->blind_since_ms = 0;
    if (lsn < last)
        lag->count = 0; /* another server, or another history of it */
    else if (lsn == last && lag->count > 0)
        return;
    if (lag->count == LAG_LOOKS)
        thin_out(lag);
    lag->looks[lag->count++] = (struct lag_look){lsn, at};
}

void lag_lose_sight(struct lag *lag, uint64_t now_ms)
{
    if (lag->blind_since_ms == 0)
        lag->blind_since_ms = lag->count > 0 ? lag->looks[0].at_ms : now_ms;
}

void lag_reach(struct lag *lag, uint64_t lsn)
{
    unsigned reached = 0;
    while (reached < lag->count && lag->looks[reached].lsn <= lsn)
        reached++;
    if (reached == 0)
        return;
    lag->count -= reached;
    memmove(lag->looks, lag->looks + reached, lag->count * sizeof(lag->looks[0]));
}

uint64_t lag_since(const struct lag *lag)
{
    if (lag->blind_since_ms)
        return lag->blind_since_ms;
    return lag->count > 0 ? lag->looks[0].at_ms : 0;
}
