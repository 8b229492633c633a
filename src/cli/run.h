/* cli/run.h - `walpiper run`: the service. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/cli.h"

extern const char cli_run_help[];

/* Reads the configuration and runs the daemon until it ends. */
enum cli_exit cli_run(const struct cli_options *options);

#endif
