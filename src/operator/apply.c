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
static int parts_of(const struct session *session, const struct dirty_id *id,
                    struct buffer *scratch, const char *ret_parts[CONFIG_ID_COLUMNS_MAX])
{
    size_t columns = session->op->target_id.count;
    int rc = id_split(scratch, dirty_text(id), columns, ret_parts);
    if (rc != -EINVAL)
        return rc;
    for (size_t i = 0; i < columns; i++)
        ret_parts[i] = NULL;
    return 0;
}

static void fail(struct session *session, int code)
{
    struct error err = {0};
    error_set(&err, code, "no memory for the ids of a batch");
    pg_conn_fail(session->conn, &err);
}

/* --- one statement for each id --------------------------------------------------------------- */

static void run_each(struct session *session, const char *statement, struct dirty_id *const *ids,
                     size_t count)
{
    const char *parts[CONFIG_ID_COLUMNS_MAX];
    struct buffer scratch;
    int rc = 0;
    buffer_init(&scratch, 2 * DIRTY_BYTES_MAX);
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (!dirty_wants_query(ids[i]))
            continue;
        rc = parts_of(session, ids[i], &scratch, parts);
        if (rc == 0)
            session_run(session, statement, (int)session->op->target_id.count, parts);
    }
    buffer_release(&scratch);
    if (rc < 0)
        fail(session, rc);
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

static int arrays_add(struct arrays *arrays, const struct session *session,
                      const struct dirty_id *id)
{
    const char *parts[CONFIG_ID_COLUMNS_MAX];
    int rc = parts_of(session, id, &arrays->scratch, parts);
    for (size_t i = 0; i < arrays->count && rc == 0; i++)
        rc = pg_array_item(&arrays->columns[i], parts[i]);
    return rc;
}

static int arrays_send(struct arrays *arrays, struct session *session, const char *statement)
{
    const char *values[CONFIG_ID_COLUMNS_MAX];
    for (size_t i = 0; i < arrays->count; i++) {
        int rc = pg_array_end(&arrays->columns[i]);
        if (rc < 0)
            return rc;
        values[i] = arrays->columns[i].data;
    }
    session_run(session, statement, (int)arrays->count, values);
    return 0;
}

static void run_set(struct session *session, const char *statement, wish_check wants,
                    struct dirty_id *const *ids, size_t count)
{
    struct arrays arrays;
    bool any = false;
    int rc = 0;
    arrays_init(&arrays, session->op->target_id.count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (!wants(ids[i]))
            continue;
        any = true;
        rc = arrays_add(&arrays, session, ids[i]);
    }
    if (any && rc == 0)
        rc = arrays_send(&arrays, session, statement);
    arrays_release(&arrays);
    if (rc < 0)
        fail(session, rc);
}

static void run_queries(struct session *session, const char *statement, struct dirty_id *const *ids,
                        size_t count)
{
    if (session->op->form == CONFIG_QUERY)
        run_each(session, statement, ids, count);
    else
        run_set(session, statement, dirty_wants_query, ids, count);
}

/* --- one call for each event ------------------------------------------------------------------ */

static void run_calls(struct session *session, struct dirty_id *const *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (dirty_json(ids[i]))
            session_run(session, STATEMENT_QUERY, 1, (const char *[]){dirty_json(ids[i])});
}

void apply_ids(struct session *session, struct dirty_id *const *ids, size_t count)
{
    if (session->op->form == CONFIG_CALL) {
        run_calls(session, ids, count);
        return;
    }
    run_set(session, STATEMENT_DELETE, dirty_wants_delete, ids, count);
    run_queries(session, STATEMENT_QUERY, ids, count);
}

/* --- the new table of a swap -------------------------------------------------------------------
 */

void apply_ids_to_shadow(struct session *session, struct dirty_id *const *ids, size_t count)
{
    run_set(session, STATEMENT_SWAP_DELETE, dirty_wants_delete, ids, count);
    run_queries(session, STATEMENT_SWAP_QUERY, ids, count);
}

static bool wants_any(const struct dirty_id *id)
{
    return true;
}

void apply_keep(struct session *session, struct dirty_id *id)
{
    run_set(session, STATEMENT_SWAP_KEEP, wants_any, &id, 1);
}
