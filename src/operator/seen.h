/* operator/seen.h - the visibility guard of an operator whose target is in another database than
 * its sources: before its own transaction begins, the sources' database is asked whether others see
 * the transactions of a live batch there. Who sees them once sees them from then on, so that what
 * the transaction reads from there, by whatever way, is not older. */
#ifndef OPERATOR_SEEN_H
#define OPERATOR_SEEN_H

#include "operator/engine.h"

/* Of the live batch. True: it asks; the engine goes on when it is seen. False: it is seen, or the
 * guard is part of the transaction. */
bool seen_ask(struct engine *engine);

#endif
