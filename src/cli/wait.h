/* cli/wait.h - `walpiper wait`: returns once the operators of the running service have applied all
 * up to an LSN. It asks the service on its admin listener: only that knows how far an operator is
 * that had nothing to write, whose checkpoint in the database follows seconds later. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "cli/cli.h"

extern const char cli_wait_help[];
enum cli_exit cli_wait(const struct cli_options *options);

#endif
