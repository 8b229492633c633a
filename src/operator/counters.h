/* operator/counters.h - how an operator is, with all its lanes: written by the capture loop, read
 * by any thread. Zeroed it is an operator that has not started. Owns nothing. */
#ifndef OPERATOR_COUNTERS_H
#define OPERATOR_COUNTERS_H

#include "base/counter.h"
#include <pthread.h>
#include <stdbool.h>

#define OPERATOR_ERROR_MAX 512

struct operator_counters {
    _Atomic(const char *) state; /* a name of enum engine_state; NULL: not started */
    /* All that was committed up to there and touches an id is in the read model, but for parked ids
     * and while it is rebuilding; 0: not known yet. */
    _Atomic uint64_t applied_lsn;
    /* The same, but 0 while it is rebuilding, and while it knows less than the journal of a new
     * epoch: who reads it here reads it in the read model. */
    _Atomic uint64_t settled_lsn;
    _Atomic uint64_t events;       /* read for it from the journal */
    _Atomic uint64_t batches;      /* stored */
    _Atomic uint64_t failures;     /* of a batch, or of a part of it, for its data */
    _Atomic uint64_t nulls;        /* events whose id is NULL */
    _Atomic uint64_t dirty;        /* ids that are read and not applied yet */
    _Atomic uint64_t parked;       /* ids that are set aside */
    _Atomic uint64_t rebuilding;   /* 1: computes every id anew, */
    _Atomic uint64_t rebuild_step; /* from 0, the target's ids, to the number of sources */
    pthread_mutex_t lock;
    char error[OPERATOR_ERROR_MAX]; /* what is wrong now; empty: nothing is; under the lock */
};

/* For the one that writes: TEXT is cut. */
void operator_counters_set_error(struct operator_counters *counters, const char *text);
/* Copies it. False when nothing is wrong. */
bool operator_counters_error(struct operator_counters *counters, char text[OPERATOR_ERROR_MAX]);

#endif
