/* operator/anew.h - where an engine begins, and that it computes every id anew when it must, or was
 * asked to: a step of that at a time (operator/rebuild.h). A call has nothing to compute: it begins
 * with the next event when it never ran, and with the oldest when events are lost to it. */
#ifndef OPERATOR_ANEW_H
#define OPERATOR_ANEW_H

#include "operator/engine.h"

/* Compares the checkpoint with the journal. False while the journal has no epoch yet. */
bool anew_locate(struct engine *engine);
/* A new epoch is a reason to begin anew. */
void anew_notice_epoch(struct engine *engine);
/* For engine->begin, the reason. */
void anew_begin(struct engine *engine);
/* The next step. False when there is nothing to do. */
bool anew_next(struct engine *engine);

#endif
