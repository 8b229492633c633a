/* operator/apply.h - brings ids up to date: the statements of one operator for a run of ids, by the
 * form of its query. Keeps nothing. */
#ifndef OPERATOR_APPLY_H
#define OPERATOR_APPLY_H

#include "operator/dirty.h"
#include "operator/session.h"

/* Sends the deletes of the ids that want one, then the queries of those that want one: one
 * transaction with what was sent before. An id is one text, whatever it is made of. For a call: one
 * statement an event, in order. */
void apply_ids(struct session *session, struct dirty_id *const *ids, size_t count);
/* The same in the new table of a swap (operator/shadow.h). */
void apply_ids_to_shadow(struct session *session, struct dirty_id *const *ids, size_t count);
/* Sends the copy of the rows of ID into the new table. */
void apply_keep(struct session *session, struct dirty_id *id);

#endif
