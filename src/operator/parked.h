/* operator/parked.h - the ids of one operator that are set aside, as the engine remembers them:
 * their statements are not run with a batch, where they would fail again and hold up the others.
 * The truth is in walpiper.parked; an id that is remembered but no longer there does no harm. Pure.
 * Owns the texts. Bounded: past PARKED_MAX the operator pauses. */
#ifndef OPERATOR_PARKED_H
#define OPERATOR_PARKED_H

#include "base/str.h"
#include "config/config.h"
#include <stdbool.h>

#define PARKED_MAX 10000

struct parked_id;

struct parked {
    struct parked_id *ids;
    size_t count;
};

int parked_add(struct parked *parked, struct str id); /* 0 or -ENOMEM */
void parked_remove(struct parked *parked, struct str id);
bool parked_has(const struct parked *parked, struct str id);
void parked_clear(struct parked *parked);

/* What becomes of an id that has failed so often. */
enum parked_fate {
    PARKED_AGAIN, /* it is tried again after parked_delay_ms() */
    PARKED_STOPS, /* the same, but its operator halts */
    PARKED_DROPPED,
};
enum parked_fate parked_fate(const struct config *config, const struct config_operator *op,
                             unsigned failures);
/* As retry says while there are retries; then twice as long each time, up to an hour. */
uint64_t parked_delay_ms(const struct config *config, unsigned failures);

#endif
