/* cli/tail.h - `walpiper tail`: prints events as the journal gets them. It reads the journal's
 * files as another process: beside the service, or without it. */
#ifndef CLI_TAIL_H
#define CLI_TAIL_H

#include "cli/cli.h"

extern const char cli_tail_help[];
enum cli_exit cli_tail(const struct cli_options *options);

#endif
