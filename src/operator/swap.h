/* operator/swap.h - a rebuild that swaps: it computes every id in a new table beside the target,
 * while live events are applied to both, and when all lanes are through, one of them gives the
 * target the rows of the new table, in one transaction (swap_exchange() in sql/state_swap.sql).
 *
 * Before a lane runs anything else it opens the new table; from then on its batches write there too
 * (operator/batch.h), those of the rebuild only there. What it applied to the target alone before,
 * its pages give again. The rebuild's number says which new table is meant: whoever knows another
 * one fails with FAILURE_SWAP_GONE and looks. A failure that is about no single id ends the swap:
 * the target goes on as it is. */
#ifndef OPERATOR_SWAP_H
#define OPERATOR_SWAP_H

#include "operator/engine.h"

/* The new table must be opened before anything else is done. */
bool swap_is_due(const struct engine *engine);
void swap_open(struct engine *engine);
/* Asks whether all lanes are through, and if so exchanges. False when it is not time to ask. */
bool swap_exchange(struct engine *engine, uint64_t now_ms);
/* True when ERR is about the swap: it is taken care of. */
bool swap_takes(struct engine *engine, const struct error *err);

#endif
