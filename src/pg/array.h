/* pg/array.h - arrays as they are written in a parameter: {1,"a \"b\"",NULL}. Pure. */
#ifndef PG_ARRAY_H
#define PG_ARRAY_H

#include "base/buffer.h"

/* An array is written into an empty buffer: an item at a time (NULL: SQL NULL), then its end, which
 * is a NUL too. Each 0 or the buffer's failure. */
int pg_array_item(struct buffer *array, const char *text);
int pg_array_end(struct buffer *array);

#endif
