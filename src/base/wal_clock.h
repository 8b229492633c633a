/* base/wal_clock.h - which LSN the server had come to at which time of its clock: by looks at both,
 * first the time, then the end of its WAL. So what was committed before the time of a look lies
 * before its LSN. The capture loop looks; any thread may ask. Thread-safe. Zeroed it has no looks.
 * Owns nothing. */
#ifndef BASE_WAL_CLOCK_H
#define BASE_WAL_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define WAL_CLOCK_LOOKS 64 /* when there are more, every other one is forgotten */

struct wal_clock_look {
    int64_t time_us; /* of the server's clock, since 1970 */
    uint64_t lsn;
    uint64_t seen_ms; /* when this LSN was first seen, by clock_monotonic_ms() */
};

struct wal_clock {
    pthread_mutex_t lock;
    struct wal_clock_look looks[WAL_CLOCK_LOOKS]; /* in the order of time and of LSN */
    unsigned count;
};

/* An LSN below the last one is of another server, a time before it of a clock that was set back:
 * looks that do not fit before this one are forgotten. */
void wal_clock_look(struct wal_clock *clock, const struct wal_clock_look *look);
/* All that was committed at TIME_US or before lies before *RET_LSN: of the first look after that
 * time. False: there is none yet. */
bool wal_clock_find(struct wal_clock *clock, int64_t time_us, uint64_t *ret_lsn);
/* When the first LSN was seen that REACHED has not reached, by clock_monotonic_ms(); 0: it has
 * reached all. */
uint64_t wal_clock_behind_since(struct wal_clock *clock, uint64_t reached);

#endif
