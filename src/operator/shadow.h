/* operator/shadow.h - the new table that a rebuild fills while the target goes on
 * (operator/swap.h), as a session writes into it. It has the target's name, in a schema of its own
 * which is the first on the search_path while the operator's statements run for it: so a query
 * writes there when it names the target without a schema. Whether it does is found out by the rows
 * of the target that the session has written meanwhile, whatever the query calls (FAILURE_SWAP).
 * Embedded in its session. */
#ifndef OPERATOR_SHADOW_H
#define OPERATOR_SHADOW_H

#include "config/config.h"
#include "operator/dirty.h"
#include <libpq-fe.h>

struct session;

struct shadow {
    bool open;                 /* its statements are prepared: what goes to the target goes to it */
    char schema[64];           /* empty: not known */
    char *columns;             /* owned: of the table, as SQL has them; NULL: not known */
    struct config_operator op; /* as that of the session, with the new table for its target */
};

void shadow_init(struct shadow *shadow, const struct config_operator *op);
/* It is written no more, and forgotten. */
void shadow_close(struct shadow *shadow);

/* Where it is: the ROW of STATEMENT_SWAP_OPEN. 0 or -ENOMEM. */
int shadow_take(struct shadow *shadow, const PGresult *row);
/* Sends the preparation of its statements. Once it is done, set open. 0 or -ENOMEM. */
int shadow_prepare(struct session *session);

/* Sends the statements of apply_ids() for it. Behind the fence. */
void shadow_apply(struct session *session, struct dirty_id *const *ids, size_t count);

#endif
