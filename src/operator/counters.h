/* operator/counters.h - how an operator is: written by the capture loop, read by any thread. Owns
 * nothing. */
#ifndef OPERATOR_COUNTERS_H
#define OPERATOR_COUNTERS_H

#include "base/counter.h"

struct operator_counters {
    _Atomic(const char *) state;  /* a name of enum engine_state; NULL: not started */
    _Atomic uint64_t applied_lsn; /* of the stored checkpoint; 0: not known yet */
    _Atomic uint64_t events;      /* read for it from the journal */
    _Atomic uint64_t batches;     /* stored */
    _Atomic uint64_t failures;    /* of a batch, or of a single id, for its data */
    _Atomic uint64_t parked;      /* ids that are set aside */
    _Atomic uint64_t rebuilding;  /* 1: computes every id anew */
};

#endif
