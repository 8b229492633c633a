/* feed/counters.h - what a router has done so far, and for how many: written by its thread, read by
 * any. Owns nothing. */
#ifndef FEED_COUNTERS_H
#define FEED_COUNTERS_H

#include "base/counter.h"

struct feed_counters {
    _Atomic uint64_t subscribers; /* that are there now */
    _Atomic uint64_t records;     /* read for those that are live */
    _Atomic uint64_t deliveries;  /* of events to subscribers */
};

#endif
