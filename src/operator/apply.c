#include "operator/apply.h"
#include "operator/id.h"
#include "operator/statements.h"
#include "pg/array.h"
#include <errno.h>

/* An id of a batch has at most DIRTY_BYTES_MAX bytes, which escapes may double, and many are short.
 */
#define ARRAY_MAX (8 * DIRTY_BYTES_MAX)

typedef bool (*wish_check)(const struct dirty_id *id);

/* The texts of the columns of ID. What is no id of this operator's shape, as former configurations
 * may have left in the state tables, is the id of no row: NULLs. 0 or a buffer's failure. */
static int parts_of(const struct apply_to *to, const struct dirty_id *id, struct buffer *scratch,
                    const char *ret_parts[CONFIG_ID_COLUMNS_MAX])
{
    size_t columns = to->op->target_id.count;
    int rc = id_split(scratch, dirty_text(id), columns, ret_parts);
    if (rc != -EINVAL)
        return rc;
    for (size_t i = 0; i < columns; i++)
        ret_parts[i] = NULL;
    return 0;
}

/* --- one statement for each id --------------------------------------------------------------- */

static int run_each(const struct apply_to *to, const char *statement, struct dirty_id *const *ids,
                    size_t count)
{
    const char *parts[CONFIG_ID_COLUMNS_MAX];
    struct buffer scratch;
    int rc = 0;
    buffer_init(&scratch, 2 * DIRTY_BYTES_MAX);
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (!dirty_wants_query(ids[i]))
            continue;
        rc = parts_of(to, ids[i], &scratch, parts);
        if (rc == 0)
            to->run(to->owner, statement, (int)to->op->target_id.count, parts);
    }
    buffer_release(&scratch);
    return rc;
}

/* --- one statement for all of them ----------------------------------------------------------- */

struct arrays {
    size_t count; /* one for each column of the id */
    struct buffer columns[CONFIG_ID_COLUMNS_MAX];
    struct buffer scratch;
};

static void arrays_init(struct arrays *arrays, size_t count)
{
    arrays->count = count;
    for (size_t i = 0; i < count; i++)
        buffer_init(&arrays->columns[i], ARRAY_MAX);
    buffer_init(&arrays->scratch, 2 * DIRTY_BYTES_MAX);
}

static void arrays_release(struct arrays *arrays)
{
    for (size_t i = 0; i < arrays->count; i++)
        buffer_release(&arrays->columns[i]);
    buffer_release(&arrays->scratch);
}

static int arrays_add(struct arrays *arrays, const struct apply_to *to, const struct dirty_id *id)
{
    const char *parts[CONFIG_ID_COLUMNS_MAX];
    int rc = parts_of(to, id, &arrays->scratch, parts);
    for (size_t i = 0; i < arrays->count && rc == 0; i++)
        rc = pg_array_item(&arrays->columns[i], parts[i]);
    return rc;
}

static int arrays_send(struct arrays *arrays, const struct apply_to *to, const char *statement)
{
    const char *values[CONFIG_ID_COLUMNS_MAX];
    for (size_t i = 0; i < arrays->count; i++) {
        int rc = pg_array_end(&arrays->columns[i]);
        if (rc < 0)
            return rc;
        values[i] = arrays->columns[i].data;
    }
    to->run(to->owner, statement, (int)arrays->count, values);
    return 0;
}

/* For the ids of which WANTS is true; NULL: all. */
static int run_set(const struct apply_to *to, const char *statement, wish_check wants,
                   struct dirty_id *const *ids, size_t count)
{
    struct arrays arrays;
    bool any = false;
    int rc = 0;
    arrays_init(&arrays, to->op->target_id.count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (wants && !wants(ids[i]))
            continue;
        any = true;
        rc = arrays_add(&arrays, to, ids[i]);
    }
    if (any && rc == 0)
        rc = arrays_send(&arrays, to, statement);
    arrays_release(&arrays);
    return rc;
}

static int run_queries(const struct apply_to *to, const char *statement,
                       struct dirty_id *const *ids, size_t count)
{
    if (to->op->form == CONFIG_QUERY)
        return run_each(to, statement, ids, count);
    return run_set(to, statement, dirty_wants_query, ids, count);
}

/* --- one call for each event ------------------------------------------------------------------ */

static void run_calls(const struct apply_to *to, struct dirty_id *const *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (dirty_json(ids[i]))
            to->run(to->owner, STATEMENT_QUERY, 1, (const char *[]){dirty_json(ids[i])});
}

/* --- to whomever ------------------------------------------------------------------------------ */

int apply_ids_to(const struct apply_to *to, struct dirty_id *const *ids, size_t count)
{
    if (to->op->form == CONFIG_CALL) {
        run_calls(to, ids, count);
        return 0;
    }
    int rc = run_set(to, STATEMENT_DELETE, dirty_wants_delete, ids, count);
    return rc == 0 ? run_queries(to, STATEMENT_QUERY, ids, count) : rc;
}

int apply_statement_to(const struct apply_to *to, const char *statement,
                       struct dirty_id *const *ids, size_t count)
{
    return run_set(to, statement, NULL, ids, count);
}

/* --- to a session ----------------------------------------------------------------------------- */

static void run_in_session(void *owner, const char *statement, int count, const char *const *values)
{
    session_run(owner, statement, count, values);
}

static struct apply_to to_session(struct session *session)
{
    return (struct apply_to){session->op, run_in_session, session};
}

static void note(struct session *session, int rc)
{
    struct error err = {0};
    if (rc == 0)
        return;
    error_set(&err, rc, "no memory for the ids of a batch");
    pg_conn_fail(session->conn, &err);
}

void apply_ids(struct session *session, struct dirty_id *const *ids, size_t count)
{
    const struct apply_to to = to_session(session);
    note(session, apply_ids_to(&to, ids, count));
}

void apply_ids_to_shadow(struct session *session, struct dirty_id *const *ids, size_t count)
{
    const struct apply_to to = to_session(session);
    int rc = run_set(&to, STATEMENT_SWAP_DELETE, dirty_wants_delete, ids, count);
    note(session, rc == 0 ? run_queries(&to, STATEMENT_SWAP_QUERY, ids, count) : rc);
}

void apply_keep(struct session *session, struct dirty_id *id)
{
    const struct apply_to to = to_session(session);
    note(session, run_set(&to, STATEMENT_SWAP_KEEP, NULL, &id, 1));
}
