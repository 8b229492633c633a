/* feed/audience.h - those who get the same events, by the pass that they ride on. Private to the
 * room. */
#ifndef FEED_AUDIENCE_H
#define FEED_AUDIENCE_H

#include <stdbool.h>
#include <stdint.h>

/* The live pass and those for subscribers that catch up: so many readings of the journal at a time,
 * and so many of its blocks in memory, however many catch up. */
enum { PASS_LIVE, PASSES = 5 };

struct rider;

struct audience {
    struct rider *riders[PASSES]; /* of each pass */
    uint32_t references;          /* riders, whether they ride or not */
    bool is_filtered;             /* that of a filter_node, else of a router_topic */
};

#endif
