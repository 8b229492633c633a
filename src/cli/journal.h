/* cli/journal.h - `walpiper journal info` and `walpiper journal verify`. Beside a running service
 * too. */
#ifndef CLI_JOURNAL_H
#define CLI_JOURNAL_H

#include "cli/cli.h"
#include "config/config.h"

extern const char cli_journal_help[];
enum cli_exit cli_journal(const struct cli_options *options);

/* journal_info.c. The names of holds are not escaped: they are names of operators, of letters. */
enum cli_exit journal_info(const struct config *config, bool json);

#endif
