/* operator/due.h - tries again the parked ids of an engine that are due, a few at a time. */
#ifndef OPERATOR_DUE_H
#define OPERATOR_DUE_H

#include "operator/engine.h"

/* In one batch: few, as each may fail and live ids wait for it. */
#define DUE_IDS_MAX 20

/* One has failed, and is due after DELAY_MS. */
void due_note(struct engine *engine, uint64_t delay_ms);
/* In how many milliseconds a parked id is due; 0: none that is known. Notes what is due now. */
unsigned due_wait_ms(struct engine *engine, uint64_t now_ms);
/* Asks which are due and runs them; else goes on with the engine's turn. */
void due_look(struct engine *engine);

#endif
