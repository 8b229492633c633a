/* config/emit.h - a tree as plain block YAML: every text in double quotes and ASCII, so that a
 * value is read back as exactly what it is, whatever it holds. Pure. */
#ifndef CONFIG_EMIT_H
#define CONFIG_EMIT_H

#include "base/buffer.h"
#include "config/node.h"

#define EMIT_MAX (32u << 20) /* a file of 1 MiB, each byte escaped, and some indentation */

/* 0, or the buffer's failure. */
int emit(const struct node *root, struct buffer *out);

#endif
