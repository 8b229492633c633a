/* cli/escape.h - text from the database on a terminal: nothing in it can end the line, move the
 * cursor or turn the direction of what follows. Pure. */
#ifndef CLI_ESCAPE_H
#define CLI_ESCAPE_H

#include "base/buffer.h"

/* Appends TEXT; what could do harm, and what is not UTF-8, as \xNN. */
void escape_append(struct buffer *out, struct str text);
/* Cuts what was appended since START to WIDTH characters, the last of which says so. */
void escape_cut(struct buffer *out, size_t start, size_t width);

#endif
