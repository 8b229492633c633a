/* operator/id.h - the id of a target's row as one text, whatever columns it is made of: of one
 * column its text, of several a JSON array of their texts, ["1","2"]. The same id always has the
 * same text. Pure. */
#ifndef OPERATOR_ID_H
#define OPERATOR_ID_H

#include "base/buffer.h"
#include "config/config.h"

/* Appends the id of COUNT columns that have the texts PARTS. 0 or the buffer's failure. */
int id_join(struct buffer *out, const struct str *parts, size_t count);

/* The texts of the COUNT columns of ID, which id_join() made. They end in NUL and live in SCRATCH,
 * which is emptied first, or in ID. 0, -EINVAL when ID is no such id, or the buffer's failure. */
int id_split(struct buffer *scratch, const char *id, size_t count,
             const char *ret_parts[CONFIG_ID_COLUMNS_MAX]);

#endif
