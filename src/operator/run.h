/* operator/run.h - takes an engine's running batch to its end: whole, and when that fails
 * without the ids that fail. Logs what became of ids. */
#ifndef OPERATOR_RUN_H
#define OPERATOR_RUN_H

#include "operator/engine.h"

/* BATCH becomes the running one and begins. */
void run_start(struct engine *engine, struct op_batch *batch);
/* Goes on with the running batch, after a rest or on a new connection. */
void run_again(struct engine *engine);

/* What was asked failed with FAILURE_UNSEEN: tries again in a while. */
void run_wait_until_seen(struct engine *engine, const struct error *err);

#endif
