/* tests/bench/tally.h - what came of what was sent: which of the numbered events each subscriber
 * has, what is missing, came twice or out of order, and how late. An event says its number and when
 * it was made in a stamp, "#NUMBER@MICROSECONDS#", wherever in its text. Pure. Owns its counts. */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include "base/error.h"
#include "base/str.h"
#include "histogram.h"

struct stamp {
    uint64_t number;
    int64_t at_us; /* CLOCK_REALTIME */
};

/* Finds the first stamp in *TEXT, and leaves in *TEXT what follows it. */
bool stamp_find(struct str *text, struct stamp *ret_stamp);

/* Subscribers 0 to RECEIVERS - 1 must get the events FIRST to FIRST + COUNT - 1, in this order,
 * each once; nobody anything else. */
struct tally_plan {
    unsigned receivers;
    uint64_t first;
    uint64_t count;
};

struct tally {
    struct tally_plan plan;
    uint8_t *seen;     /* a bit for each receiver and event */
    uint64_t *highest; /* number each receiver has, 0: none */
    struct tally_event *events;
    uint64_t received; /* each event of each receiver once */
    uint64_t deliveries;
    uint64_t repeated;
    uint64_t disordered; /* came after a later one */
    uint64_t stray;      /* not asked for */
    int64_t first_us, last_us;
    double spread_seconds; /* the sum over all events: from its first receiver to its last */
    struct histogram latency;
    struct histogram everybody; /* how long until the last receiver had an event */
};

int tally_init(struct tally *t, const struct tally_plan *plan, struct error *err);
void tally_release(struct tally *t);

/* SUBSCRIBER has got STAMP. True when this made its event complete: every receiver has it now. */
bool tally_add(struct tally *t, unsigned subscriber, struct stamp stamp, int64_t now_us);

uint64_t tally_missing(const struct tally *t);

#endif
