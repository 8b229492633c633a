/* cli/operator.h - `walpiper operator list|show|retry|skip|pause|resume|rebuild|verify`: how read
 * models are, and what people ask of them, through the tables of state_schema. */
#ifndef CLI_OPERATOR_H
#define CLI_OPERATOR_H

#include "cli/cli.h"

extern const char cli_operator_help[];

enum cli_exit cli_operator(const struct cli_options *options);

#endif
