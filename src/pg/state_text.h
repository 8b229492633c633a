/* pg/state_text.h - SQL about walpiper's own tables, written for the schema walpiper, as it is for
 * the one that was configured (state_schema). Pure. */
#ifndef PG_STATE_TEXT_H
#define PG_STATE_TEXT_H

#include "base/buffer.h"

/* Appends SQL with SCHEMA in place of each walpiper that is a schema: before a dot, and behind
 * SCHEMA, EXISTS and regnamespace('. SCHEMA is of lower case letters, digits and _. */
int pg_state_text(struct buffer *out, const char *schema, const char *sql);

#endif
