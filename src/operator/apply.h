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

/* Another one than a session that takes the prepared statements (operator/statements.h), in order.
 */
struct apply_to {
    const struct config_operator *op;
    void (*run)(void *owner, const char *statement, int count, const char *const *values);
    void *owner;
};

/* apply_ids() for it. 0 or a buffer's failure; then not all was sent. */
int apply_ids_to(const struct apply_to *to, struct dirty_id *const *ids, size_t count);
/* STATEMENT about all ids, whose parameters are arrays, one for each column of the id. */
int apply_statement_to(const struct apply_to *to, const char *statement,
                       struct dirty_id *const *ids, size_t count);

#endif
