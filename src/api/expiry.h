/* api/expiry.h - the end of a token's time while a stream lasts. By the clock on the wall, which
 * may be set. */
#ifndef API_EXPIRY_H
#define API_EXPIRY_H

#include "loop/loop.h"
#include <stdint.h>

struct expiry;

/* Calls ON_EXPIRED once, from the loop, at AT, seconds since 1970 UTC. The caller stops it. NULL
 * when the memory is out. */
struct expiry *expiry_start(struct loop *loop, int64_t at, void (*on_expired)(void *owner),
                            void *owner);
void expiry_stop(struct expiry *expiry); /* NULL is fine; so is one that was over */

#endif
