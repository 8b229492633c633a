/* operator/definition.h - the rules that operators must keep before a server is asked, and the way
 * from an event's table to the source that names it. Pure; owns nothing: an operator's definition
 * is its struct config_operator. Must not include anything of pg/. */
#ifndef OPERATOR_DEFINITION_H
#define OPERATOR_DEFINITION_H

#include "base/error.h"
#include "base/str.h"
#include "config/config.h"

/* 0, or -EINVAL: no source, no query, a name twice, a table twice in one operator, or operators
 * that feed each other in a circle, which would never come to rest. */
int definition_check(const struct config_operator *operators, size_t count, struct error *err);

/* NULL when the operator does not listen to that table. */
const struct config_operator_source *definition_source(const struct config_operator *op,
                                                       struct str schema, struct str table);

/* 0, or -EINVAL: another operator writes the target of OP, and a rebuild into a new table would
 * undo its work. */
int definition_may_swap(const struct config_operator *operators, size_t count,
                        const struct config_operator *op, struct error *err);

/* True when old values of the mapped columns are needed, and so must be in the replica identity. */
bool definition_needs_identity(const struct config_operator *op);

#endif
