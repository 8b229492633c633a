/* cli/operator_statements.h - the statements of an operator, prepared on a command's connection as
 * the service prepares them on its own (operator/prepare.h). Keeps nothing. */
#ifndef CLI_OPERATOR_STATEMENTS_H
#define CLI_OPERATOR_STATEMENTS_H

#include "cli/server.h"
#include "operator/statements.h"

/* Reads the types of the target's id. 0, the server's error, or -EINVAL with the mend. */
int operator_types(struct server *server, const struct config_operator *op,
                   struct id_types *ret_types, struct error *err);

/* Prepares the query of an operator that is no call as NAME; the server's last result describes it.
 * 0 or the failure, which has an SQLSTATE when it is the server's. */
int operator_prepare(struct server *server, const struct config_operator *op,
                     const struct id_types *types, const char *name, struct error *err);

#endif
