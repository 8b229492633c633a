/* api/rate.h - how many requests a second each client may send: a bucket of tokens a client, over
 * all serving loops of the process. Any thread. What it holds is bounded: a bucket that is full
 * again is forgotten, and with RATE_CLIENTS_MAX that are not, further clients wait. */
#ifndef API_RATE_H
#define API_RATE_H

#include "base/str.h"

#define RATE_CLIENTS_MAX 65536

struct rate;

/* PER_SECOND for each client, at least 1; so many may also come at once. NULL when memory is out.
 */
struct rate *rate_new(unsigned per_second);
void rate_free(struct rate *rate); /* NULL is fine */

/* Takes a token of CLIENT, any bytes that tell it from others. NOW is clock_monotonic_ms(). 0, or
 * how many milliseconds it has to wait; then nothing was taken. */
uint64_t rate_take(struct rate *rate, struct str client, uint64_t now_ms);

#endif
