/* daemon.h - `walpiper run`: wires the rooms together and runs them until a signal or a refusal. */
#ifndef DAEMON_H
#define DAEMON_H

#include "config/config.h"

/* Returns the exit code: 0 after SIGTERM or SIGINT, 1 when the service cannot run (it was logged).
 */
int daemon_run(const struct config *config);

#endif
