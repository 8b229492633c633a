#include "base/wal_clock.h"
#include "base/lsn.h"

static void thin_out(struct wal_clock *clock)
{
    for (unsigned i = 0; i < WAL_CLOCK_LOOKS / 2; i++)
        clock->looks[i] = clock->looks[2 * i];
    clock->count = WAL_CLOCK_LOOKS / 2;
}

static struct wal_clock_look *last(struct wal_clock *clock)
{
    return clock->count > 0 ? &clock->looks[clock->count - 1] : NULL;
}

/* Where nothing happens, one look at an LSN is as good as many. */
static void add(struct wal_clock *clock, const struct wal_clock_look *look)
{
    if (last(clock) && look->lsn < last(clock)->lsn)
        clock->count = 0;
    while (last(clock) && look->time_us < last(clock)->time_us)
        clock->count--;
    if (last(clock) && look->lsn == last(clock)->lsn) {
        last(clock)->time_us = look->time_us;
        return;
    }
    if (clock->count == WAL_CLOCK_LOOKS)
        thin_out(clock);
    clock->looks[clock->count++] = *look;
}

void wal_clock_look(struct wal_clock *clock, const struct wal_clock_look *look)
{
    pthread_mutex_lock(&clock->lock);
    add(clock, look);
    pthread_mutex_unlock(&clock->lock);
}

bool wal_clock_find(struct wal_clock *clock, int64_t time_us, uint64_t *ret_lsn)
{
    bool found = false;

    pthread_mutex_lock(&clock->lock);
    for (unsigned i = 0; i < clock->count && !found; i++) {
        found = clock->looks[i].time_us > time_us;
        if (found)
            *ret_lsn = clock->looks[i].lsn;
    }
    pthread_mutex_unlock(&clock->lock);
    return found;
}

uint64_t wal_clock_behind_since(struct wal_clock *clock, uint64_t reached)
{
    uint64_t since = 0;

    pthread_mutex_lock(&clock->lock);
    for (unsigned i = 0; i < clock->count && since == 0; i++)
        if (!lsn_reached(reached, clock->looks[i].lsn))
            since = clock->looks[i].seen_ms;
    pthread_mutex_unlock(&clock->lock);
    return since;
}
