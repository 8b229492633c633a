/* operator/state_sql.h - sql/state.sql and sql/state_swap.sql, one after the other, compiled in.
 * Pure. */
#ifndef OPERATOR_STATE_SQL_H
#define OPERATOR_STATE_SQL_H

/* The comment on schema walpiper that they end with: it is there, all of that version is. */
#define STATE_SQL_VERSION "walpiper operator state, version 5"

/* For the schema walpiper (pg/state_text.h). */
const char *state_sql(void);

#endif
