/* operator/lane.h - one of the ways that the ids of an operator are spread over: an id always goes
 * through the same one, so that no two transactions ever work on it at once. Pure. */
#ifndef OPERATOR_LANE_H
#define OPERATOR_LANE_H

#include "base/str.h"
#include <stdint.h>

#define LANES_MAX 16
#define LANE_HOLD_MAX 80

struct notify;
struct pg_params;

/* What the lanes of one operator have in common in this process. */
struct lane_group {
    char process[17];   /* names the process; 16 hex digits */
    const char *schema; /* borrowed: of the state tables */
    /* Borrowed: how to reach target and state tables; NULL: they are where the sources are. */
    const struct pg_params *target;
    const char *slot;               /* borrowed: which the process reads, */
    const _Atomic uint64_t *reader; /* borrowed: through this process of the server; NULL or 0: it
                                       is not known */
    char generation[24];   /* that the process was given; empty: it has not claimed the operator */
    uint64_t taken_back;   /* the reader with which it was claimed again; 0: never was */
    struct notify *notify; /* of the operators; NULL: nobody wants to know */
};

struct lane {
    unsigned number, count;
    struct lane_group *group; /* borrowed */
};

/* Is ID one of this lane's? The hash is that of walpiper.hash() in sql/state.sql. */
bool lane_has(const struct lane *lane, struct str id);

/* The name under which a lane holds records in the journal, in TO, which has LANE_HOLD_MAX bytes.
 */
const char *lane_hold_name(char *to, const char *op, unsigned number);

#endif
