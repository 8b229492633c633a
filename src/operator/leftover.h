/* operator/leftover.h - drops the new tables (operator/swap.h) that operators left behind when they
 * were taken out of the configuration in the middle of a rebuild: once a start, in the database of
 * the sources and in those that operators have, on a connection of its own, so that nobody waits
 * for it. What another process still works for is left alone and looked at again a few times; the
 * next start does the rest. */
#ifndef OPERATOR_LEFTOVER_H
#define OPERATOR_LEFTOVER_H

#include "config/config.h"
#include "loop/loop.h"
#include "pg/conn.h"

struct leftover;

/* All borrowed. PARAMS lead to the sources; TARGETS, one an operator, are read of those that have a
 * database of their own. Begins in the next turn of the loop. NULL for want of memory. */
struct leftover *leftover_new(struct loop *loop, const struct config *config,
                              const struct pg_params *params, const struct pg_params *targets);
/* At any time. NULL is fine. */
void leftover_free(struct leftover *leftover);

#endif
