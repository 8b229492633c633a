/* operator/report.h - what the engines of one operator, its lanes, tell other threads
 * (operator/counters.h). */
#ifndef OPERATOR_REPORT_H
#define OPERATOR_REPORT_H

#include "operator/counters.h"
#include "operator/engine.h"

/* EPOCH: the journal's. True when it is settled up to another LSN than before. */
bool report(struct engine *lanes, size_t count, const char *epoch,
            struct operator_counters *counters);

#endif
