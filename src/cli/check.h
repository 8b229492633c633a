/* cli/check.h - `walpiper check`: would the service start, and what would mend it? Changes nothing:
 * its session is read-only. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/cli.h"

extern const char cli_check_help[];

enum cli_exit cli_check(const struct cli_options *options);

#endif
