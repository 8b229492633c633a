/* operator/state_sql.h - sql/state.sql, compiled in. Pure. */
#ifndef OPERATOR_STATE_SQL_H
#define OPERATOR_STATE_SQL_H

/* The comment on schema walpiper that state.sql ends with: it is there, all of that version is. */
#define STATE_SQL_VERSION "walpiper operator state, version 4"

/* For the schema walpiper (pg/state_text.h). */
const char *state_sql(void);

#endif
