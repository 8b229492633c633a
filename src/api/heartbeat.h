/* api/heartbeat.h - one timer for all streams of a loop. Every stream waits for the same interval,
 * so a list in the order of their last sign of life is in the order of what is due, and a sign of
 * life is a move to the end. Owns the timer, no stream. */
#ifndef API_HEARTBEAT_H
#define API_HEARTBEAT_H

#include "loop/loop.h"
#include <stdint.h>

struct heartbeat_entry {
    void (*on_due)(struct heartbeat_entry *self); /* may remove itself, and no other */
    uint64_t due_ms;
    struct heartbeat_entry *prev, *next;
};

struct heartbeat {
    struct loop *loop;
    ev_timer timer;
    unsigned interval_ms;
    struct heartbeat_entry *entries;
};

void heartbeat_start(struct heartbeat *heartbeat, struct loop *loop, unsigned interval_ms);
void heartbeat_stop(struct heartbeat *heartbeat);

/* Due after the interval from now. Adds ENTRY when it is not in. */
void heartbeat_touch(struct heartbeat *heartbeat, struct heartbeat_entry *entry);
void heartbeat_remove(struct heartbeat *heartbeat, struct heartbeat_entry *entry);

#endif
