/* config/expand.h - ${NAME} and ${NAME:-default} inside one value, from the environment.
 * The result stays one value: it is never read as YAML again. Owns nothing. */
#ifndef CONFIG_EXPAND_H
#define CONFIG_EXPAND_H

#include "base/error.h"

#define EXPAND_MAX (1u << 20)

/* NAME: unset is an error. The default (up to the next '}') stands for unset or empty, as in sh.
 * "$${" is a literal "${". 0 with a heap copy; -ENOMEM, or -EINVAL with "cause; mend" that names
 * the variable and never shows its value. */
int expand(char **ret_text, const char *text, struct error *err);

#endif
