/* operator/command.h - an engine learns what was asked of it (operator/control.h) and obeys: pause,
 * resume, rebuild, other parked ids; and whether it has been replaced. */
#ifndef OPERATOR_COMMAND_H
#define OPERATOR_COMMAND_H

#include "operator/engine.h"

/* Asks, obeys, and goes on with the engine's turn. */
void command_look(struct engine *engine);

/* The engine finds that another process has the operator. True when it is to claim it anew. */
bool command_takes_back(struct engine *engine);

#endif
