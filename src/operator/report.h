/* operator/report.h - what the engines of one operator, its lanes, tell other threads
 * (operator/counters.h). */
#ifndef OPERATOR_REPORT_H
#define OPERATOR_REPORT_H

#include "operator/counters.h"
#include "operator/engine.h"

void report(const struct engine *lanes, size_t count, struct operator_counters *counters);

#endif
