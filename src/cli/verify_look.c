#include "cli/verify_look.h"
#include "cli/operator_statements.h"
#include "operator/apply.h"
#include "operator/bisect.h"
#include "operator/failure.h"
#include "operator/verify.h"
#include "pg/result.h"
#include <errno.h>

/* Less than the server's deadlock_timeout: the service never has to give way to us. */
static const char settings_sql[] =
    "SELECT " STATEMENT_SETTINGS ", set_config('lock_timeout', '300ms', false),"
    " set_config('client_min_messages', 'error', false)";

/* --- preparing -------------------------------------------------------------------------------- */

static int prepare(struct server *server, const char *name, struct buffer *sql, struct error *err)
{
    int rc = buffer_append_char(sql, '\0');
    if (rc < 0)
        return error_set(err, rc, "no memory for its statements");
    rc = server_take(server, PQprepare(server->pg, name, sql->data, 0, NULL), err);
    buffer_reset(sql);
    return rc;
}

static int prepare_ours(struct verify_look *look, const struct id_types *types, struct error *err)
{
    struct buffer sql;
    buffer_init(&sql, STATEMENT_MAX);
    statement_delete(&sql, look->op, types);
    int rc = prepare(look->server, STATEMENT_DELETE, &sql, err);
    if (rc == 0) {
        verify_rows(&sql, look->op, types);
        rc = prepare(look->server, VERIFY_ROWS, &sql, err);
    }
    if (rc == 0 && statement_has_orphans(look->op)) {
        statement_orphans(&sql, look->op);
        rc = prepare(look->sources, VERIFY_ORPHANS, &sql, err);
    }
    buffer_release(&sql);
    return rc;
}

int verify_look_prepare(struct verify_look *look, const struct id_types *types, struct error *err)
{
    struct server *server = look->server;
    int rc = server_query(server, settings_sql, 0, NULL, err);
    if (rc == 0 && look->sources != server)
        rc = server_query(look->sources, settings_sql, 0, NULL, err);
    if (rc == 0)
        rc = operator_prepare(server, look->op, types, STATEMENT_QUERY, err);
    if (rc == 0 && (size_t)PQnparams(server->result) != types->count)
        rc = error_set(err, -EINVAL,
                       "query: has %d parameters; it must have %zu, one for each column of "
                       "target_id",
                       PQnparams(server->result), types->count);
    return rc == 0 ? prepare_ours(look, types, err) : rc;
}

/* --- one transaction -------------------------------------------------------------------------- */

/* The ids of a transaction as the statements want them. */
struct work {
    struct verify_look *look;
    struct server *server; /* that runs the statements */
    struct dirty dirty;
    struct dirty_id *ids[VERIFY_SLICE];
    size_t count;
    struct error *err;
    int rc; /* of the statements */
};

static void run(void *owner, const char *statement, int count, const char *const *values)
{
    struct work *work = owner;
    struct server *server = work->server;
    if (work->rc < 0)
        return;
    work->rc = server_take(
        server, PQexecPrepared(server->pg, statement, count, values, NULL, NULL, 0), work->err);
}

/* As a rebuild touches them. */
static int touch(struct work *work, const struct verdict *ids, size_t count)
{
    int rc = 0;
    dirty_init(&work->dirty, count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (ids[i].orphan)
            rc = dirty_touch(&work->dirty, str_from(ids[i].text), DIRTY_DELETE);
        if (rc == 0)
            rc = dirty_touch(&work->dirty, str_from(ids[i].text), DIRTY_REFRESH);
    }
    for (struct dirty_id *id = dirty_first(&work->dirty); id && rc == 0; id = dirty_next(id))
        work->ids[work->count++] = id;
    if (rc < 0)
        return error_set(work->err, rc, "no memory for ids");
    if (work->count != count)
        return error_set(work->err, -EINVAL,
                         "target_id: two ids print alike; choose a column of another type");
    return 0;
}

/* STATEMENT about all ids. NULL: it failed; the caller clears the result. */
static PGresult *ask(struct work *work, const char *statement)
{
    const struct apply_to to = {work->look->op, run, work};
    int rc = apply_statement_to(&to, statement, work->ids, work->count);
    if (rc < 0)
        work->rc = error_set(work->err, rc, "no memory for ids");
    if (work->rc < 0)
        return NULL;
    PGresult *result = work->server->result;
    work->server->result = NULL;
    return result;
}

static void apply(struct work *work)
{
    const struct apply_to to = {work->look->op, run, work};
    int rc = work->rc == 0 ? apply_ids_to(&to, work->ids, work->count) : 0;
    if (rc < 0)
        work->rc = error_set(work->err, rc, "no memory for ids");
}

static void note_position(struct work *work)
{
    struct server *server = work->look->sources;
    if (work->rc < 0)
        return;
    work->rc = server_query(server, "SELECT pg_current_wal_insert_lsn()", 0, NULL, work->err);
    if (work->rc == 0)
        snprintf(work->look->lsn, sizeof(work->look->lsn), "%s", server_cell(server, 0, 0));
}

/* Also after a failure, which stays the one that is told. */
static void roll_back(struct work *work)
{
    struct error err = {0};
    int rc = server_query(work->look->server, "ROLLBACK", 0, NULL, &err);
    if (rc == 0 || work->rc < 0)
        return;
    *work->err = err;
    work->rc = rc;
}

static int look_once(struct verify_look *look, struct verdict *ids, size_t count, struct error *err)
{
    struct work work = {.look = look, .server = look->server, .err = err};
    PGresult *before = NULL, *after = NULL;
    work.rc = touch(&work, ids, count);
    if (work.rc == 0)
        work.rc = server_query(look->server, "BEGIN ISOLATION LEVEL READ COMMITTED", 0, NULL, err);
    if (work.rc == 0) {
        before = ask(&work, VERIFY_ROWS);
        apply(&work);
        after = ask(&work, VERIFY_ROWS);
        note_position(&work);
        roll_back(&work);
    }
    if (work.rc == 0 && verdict_judge(ids, count, before, after) < 0)
        work.rc = error_set(err, -ENOMEM, "no memory for rows");
    PQclear(before);
    PQclear(after);
    dirty_release(&work.dirty);
    return work.rc;
}

/* --- ids that fail ---------------------------------------------------------------------------- */

static bool is_of_ids(const struct error *err)
{
    return failure_of(err) == FAILURE_DATA || failure_of(err) == FAILURE_TRANSIENT;
}

static int look_at_all(struct verify_look *look, struct verdict *ids, size_t count,
                       struct error *err)
{
    struct bisect bisect;
    struct error failure = {0};
    bisect_start(&bisect, count);
    while (bisect.begin < bisect.end) {
        struct verdict *first = &ids[bisect.begin];
        if (bisect_want(&bisect) == BISECT_BAD) {
            if (verdict_fail(first, failure_of(&failure) == FAILURE_DATA, failure.text) < 0)
                return error_set(err, -ENOMEM, "no memory for a failure");
            bisect_drop(&bisect);
            continue;
        }
        int rc = look_once(look, first, bisect_until(&bisect) - bisect.begin, &failure);
        if (rc < 0 && !is_of_ids(&failure)) {
            *err = failure;
            return rc;
        }
        bisect_tell(&bisect, rc < 0);
    }
    return 0;
}

static int ask_for_orphans(struct verify_look *look, struct verdict *ids, size_t count,
                           struct error *err)
{
    struct work work = {.look = look, .server = look->sources, .err = err};
    int column = (int)look->op->target_id.count;
    if (count == 0 || !statement_has_orphans(look->op))
        return 0;
    work.rc = touch(&work, ids, count);
    PGresult *rows = work.rc == 0 ? ask(&work, VERIFY_ORPHANS) : NULL;
    for (size_t i = 0; rows && i < count; i++)
        ids[i].orphan = pg_true(rows, (int)i, column);
    PQclear(rows);
    dirty_release(&work.dirty);
    return work.rc;
}

int verify_look(struct verify_look *look, struct verdict *ids, size_t count, bool ask_first,
                struct error *err)
{
    int rc = ask_first ? ask_for_orphans(look, ids, count, err) : 0;
    return rc == 0 ? look_at_all(look, ids, count, err) : rc;
}
