/* pg/identifier.h - names and text as they are written in SQL. Pure. */
#ifndef PG_IDENTIFIER_H
#define PG_IDENTIFIER_H

#include "base/buffer.h"

/* Appends "name" with quotes doubled. */
int pg_identifier(struct buffer *out, struct str name);
/* Appends "schema"."table". */
int pg_qualified(struct buffer *out, struct str schema, struct str table);
/* Appends 'text' with quotes doubled: a literal of the replication grammar, and of SQL with
 * standard_conforming_strings on. */
int pg_literal(struct buffer *out, struct str text);

#endif
