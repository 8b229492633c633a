/* base/marked.h - the tables whose changes are streamed right now, as the server's publication
 * says, and their columns. Replaced by the source at the start of each stream, asked by the serving
 * loops when somebody subscribes. Thread-safe. */
#ifndef BASE_MARKED_H
#define BASE_MARKED_H

#include "base/buffer.h"
#include <stdbool.h>

struct marked;

struct marked *marked_new(void);         /* no table is marked; NULL when memory is out */
void marked_free(struct marked *marked); /* NULL is fine */

/* Appends one table to a list for marked_replace(). 0 or the buffer's failure. */
int marked_list(struct buffer *list, struct str schema, struct str table);
/* Appends a column of the table that was appended last. TYPE_OID: pg_type.oid of its type, of a
 * domain that of the type below. */
int marked_column(struct buffer *list, struct str column, uint32_t type_oid);
/* Takes what LIST holds and leaves it empty. */
void marked_replace(struct marked *marked, struct buffer *list);
bool marked_has(struct marked *marked, struct str schema, struct str table);
/* 0 with the type of the column as marked_column() says; -ENOENT: the table has no such column;
 * -EAGAIN: nothing is known of the table's columns, or not yet. */
int marked_column_type(struct marked *marked, struct str schema, struct str table,
                       struct str column, uint32_t *ret_type_oid);

#endif
