/* operator/expand.h - an engine's way from the keys of a live batch (operator/keys.h) to batches of
 * the ids that they stand for, one step at a time, before the live batch itself is run. */
#ifndef OPERATOR_EXPAND_H
#define OPERATOR_EXPAND_H

#include "operator/engine.h"

/* The next step. False when nothing is left but the live batch itself. */
bool expand_next(struct engine *engine);

#endif
