/* api/retry.h - when a client that is sent away comes back: at a random time, for all at once would
 * be a storm. */
#ifndef API_RETRY_H
#define API_RETRY_H

#include "base/clock.h"
#include "http/sse.h"

#define RETRY_ENDED_MS 1000   /* at least, when its stream ended */
#define RETRY_REFUSED_MS 5000 /* when it was over a limit */
#define RETRY_SPREAD_MS 4001

static inline int retry_append(struct buffer *out, unsigned least_ms)
{
    return sse_retry(out, least_ms + random_u32() % RETRY_SPREAD_MS);
}

#endif
