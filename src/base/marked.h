/* base/marked.h - the tables whose changes are streamed right now, as the server's publication
 * says. Replaced by the source at the start of each stream, asked by the serving loops when
 * somebody subscribes. Thread-safe. */
#ifndef BASE_MARKED_H
#define BASE_MARKED_H

#include "base/buffer.h"
#include <stdbool.h>

struct marked;

struct marked *marked_new(void);         /* no table is marked; NULL when memory is out */
void marked_free(struct marked *marked); /* NULL is fine */

/* Appends one table to a list for marked_replace(). 0 or the buffer's failure. */
int marked_list(struct buffer *list, struct str schema, struct str table);
/* Takes what LIST holds and leaves it empty. */
void marked_replace(struct marked *marked, struct buffer *list);
bool marked_has(struct marked *marked, struct str schema, struct str table);

#endif
