/* cli/token.h - `walpiper token`: signs a JSON Web Token for development. */
#ifndef CLI_TOKEN_H
#define CLI_TOKEN_H

#include "cli/cli.h"

extern const char cli_token_help[];
enum cli_exit cli_token(const struct cli_options *options);

#endif
