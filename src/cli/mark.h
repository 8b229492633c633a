/* cli/mark.h - `walpiper mark TABLE` and `unmark TABLE`: which tables are streamed. */
#ifndef CLI_MARK_H
#define CLI_MARK_H

#include "cli/cli.h"

extern const char cli_mark_help[];
extern const char cli_unmark_help[];

enum cli_exit cli_mark(const struct cli_options *options);
enum cli_exit cli_unmark(const struct cli_options *options);

#endif
