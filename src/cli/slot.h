/* cli/slot.h - `walpiper slot drop`: gives the configured slot up. */
#ifndef CLI_SLOT_H
#define CLI_SLOT_H

#include "cli/cli.h"

extern const char cli_slot_help[];

enum cli_exit cli_slot(const struct cli_options *options);

#endif
