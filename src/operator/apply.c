#include "operator/apply.h"
#include "operator/statements.h"

void apply_ids(struct session *session, struct dirty_id *const *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (dirty_wants_delete(ids[i]))
            session_run(session, STATEMENT_DELETE, 1, (const char *[]){dirty_text(ids[i])});
    for (size_t i = 0; i < count; i++)
        if (dirty_wants_query(ids[i]))
            session_run(session, STATEMENT_QUERY, 1, (const char *[]){dirty_text(ids[i])});
}
