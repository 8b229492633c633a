/* api/counters.h - what a serving loop has done so far: written by its thread, read by any. Owns
 * nothing. */
#ifndef API_COUNTERS_H
#define API_COUNTERS_H

#include "base/counter.h"
#include "feed/counters.h"
#include "feed/subscriber.h"
#include "http/counters.h"

struct api_counters {
    _Atomic uint64_t resets[RESET_REASONS]; /* told to clients whose id cannot be served */
    _Atomic uint64_t published_events;      /* inserted */
    _Atomic uint64_t publish_answers[HTTP_STATUS_COUNT]; /* of POST /events, past the doors */
};

/* All of one serving loop; borrowed. */
struct serving_counters {
    const struct http_counters *http;
    const struct feed_counters *feed;
    const struct api_counters *api;
};

#endif
