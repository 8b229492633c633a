/* config/normalise.h - from what a user may write to the one shape that the schema knows.
 *
 * In this order: keys without a value go; ${VAR} is expanded; keys whose feature is not there yet
 * are refused unless they have their default; a single value becomes a list where a list is wanted;
 * maps with free keys (operators[].tables, scopes) become lists; what was not said gets its
 * default. Reads the environment, nothing else. */
#ifndef CONFIG_NORMALISE_H
#define CONFIG_NORMALISE_H

#include "config/node.h"

/* 0, -ENOMEM, or -EINVAL with file, line and key in ERR. TREE stays releasable in any case. */
int normalise(struct tree *tree, struct error *err);

#endif
