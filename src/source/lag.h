/* source/lag.h - since when the journal is behind the server: by looks at the end of the server's
 * WAL, each with its time, that the journal has not reached yet. A constant delay gives a constant
 * answer, as far as the looks are dense. Pure. Owns nothing. */
#ifndef SOURCE_LAG_H
#define SOURCE_LAG_H

#include <stdint.h>

#define LAG_LOOKS 64 /* when there are more, every other one is forgotten */

struct lag_look {
    uint64_t lsn;
    uint64_t at_ms;
};

/* Zero: nothing was looked at, nothing is behind. */
struct lag {
    struct lag_look looks[LAG_LOOKS]; /* in order */
    unsigned count;
    uint64_t blind_since_ms; /* no more looks; 0: there are */
};

/* The server was at LSN. */
void lag_look(struct lag *lag, uint64_t lsn, uint64_t now_ms);
/* Nobody knows where the server is: behind from now on, until the next look was reached. */
void lag_lose_sight(struct lag *lag, uint64_t now_ms);
/* All up to LSN is here. */
void lag_reach(struct lag *lag, uint64_t lsn);
/* Since when it is behind; 0: it is not. */
uint64_t lag_since(const struct lag *lag);

#endif
