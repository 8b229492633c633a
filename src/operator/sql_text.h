/* operator/sql_text.h - the user's SQL cut into tokens where PostgreSQL cuts it, as far as it takes
 * to tell parameters from what only looks like one: in strings, quoted names, comments and names.
 * It judges nothing: the server has accepted the text already. Pure. */
#ifndef OPERATOR_SQL_TEXT_H
#define OPERATOR_SQL_TEXT_H

#include "base/buffer.h"

/* Appends SQL, in which each parameter $N has become (RELATION.cN), up to its last token: without
 * closing semicolons and what follows them. 0 or the buffer's failure. */
int sql_text_bind(struct buffer *out, struct str sql, const char *relation);

#endif
