#include "operator/rebuild.h"
#include "operator/id.h"
#include "operator/statements.h"
#include "pg/array.h"
#include "pg/result.h"
#include <errno.h>
#include <stdlib.h>

/* A column without an index is read whole for every page. */
#define PAGE_IDS 5000
#define ASK_AGAIN_MS 200
/* An id of a table's index has at most 2704 bytes, which escapes may double. */
#define ORPHANS_TEXT_MAX (PAGE_IDS * 2 * 2704)

static int set_text(char **to, const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        return -ENOMEM;
    free(*to);
    *to = copy;
    return 0;
}

void rebuild_release(struct rebuild *r)
{
    page_drop(&r->page);
    free(r->after);
    free(r->where);
    free(r->writers);
    *r = (struct rebuild){.step = -1, .rate = r->rate};
}

int rebuild_restart(struct rebuild *r, int step, const char *after, const char *where)
{
    int rc = set_text(&r->after, after);
    if (rc == 0)
        rc = set_text(&r->where, where);
    if (rc < 0)
        return rc;
    page_drop(&r->page);
    free(r->writers);
    r->writers = NULL;
    r->next_ms = 0;
    r->settled = false;
    r->step = step;
    r->swap = false;
    return 0;
}

int rebuild_resume(struct rebuild *r, const struct session_checkpoint *found)
{
    int rc = rebuild_restart(r, found->rebuild_step, found->rebuild_after, found->rebuild_where);
    r->swap = rc == 0 && found->rebuild_swap;
    return rc;
}

bool rebuild_under_way(const struct rebuild *r)
{
    return r->step >= 0;
}

bool rebuild_awaits_exchange(const struct rebuild *r, const struct config_operator *op)
{
    return r->swap && r->step > (int)op->source_count;
}

enum rebuild_need rebuild_need(const struct rebuild *r, uint64_t now_ms)
{
    if (!rebuild_under_way(r) || now_ms < r->next_ms)
        return REBUILD_NOTHING;
    if (!r->settled)
        return REBUILD_SETTLE;
    if (!r->page.rows)
        return REBUILD_PAGE;
    return r->unsorted ? REBUILD_ORPHANS : REBUILD_BATCH;
}

unsigned rebuild_wait_ms(const struct rebuild *r, uint64_t now_ms)
{
    return rebuild_under_way(r) && now_ms < r->next_ms ? (unsigned)(r->next_ms - now_ms) : 0;
}

/* --- waiting for writers --------------------------------------------------------------------- */

void rebuild_send_settle(struct rebuild *r, uint64_t now_ms, struct session *session,
                         pg_on_result on_result, pg_on_done on_done)
{
    const char *values[] = {session->sources.data, r->writers};
    struct pg_statement ask = {
        .name = r->writers ? STATEMENT_WRITE_STILL : STATEMENT_WRITERS,
        .parameter_count = r->writers ? 2 : 1,
        .values = values,
        .on_result = on_result,
    };
    r->next_ms = now_ms + ASK_AGAIN_MS;
    (void)pg_conn_send(session_sources(session), &ask);
    session_sync_sources(session, on_done);
}

void rebuild_take_settle(struct rebuild *r, const PGresult *result)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return;
    const char *answer = PQgetvalue(result, 0, 0);
    if (r->writers)
        r->settled = strcmp(answer, "f") == 0;
    else if (strcmp(answer, "{}") == 0)
        r->settled = true;
    else
        r->writers = strdup(answer); /* without memory it asks for all anew */
    if (r->settled)
        r->next_ms = 0;
}

/* --- pages and batches ----------------------------------------------------------------------- */

/* What the page begins behind. An id of another shape than the operator's is of a former
 * configuration: false, and the step begins anew. */
static bool split_after(const struct rebuild *r, const struct config_operator *op,
                        struct buffer *scratch, const char *ret_values[CONFIG_ID_COLUMNS_MAX])
{
    return r->after && id_split(scratch, r->after, op->target_id.count, ret_values) == 0;
}

int rebuild_send_page(struct rebuild *r, struct session *session, pg_on_result on_result,
                      pg_on_done on_done)
{
    const struct config_operator *op = r->swap ? &session->shadow.op : session->op;
    struct buffer sql, scratch;
    const char *values[CONFIG_ID_COLUMNS_MAX];
    buffer_init(&sql, STATEMENT_MAX);
    buffer_init(&scratch, DIRTY_BYTES_MAX);
    bool after = split_after(r, op, &scratch, values);
    statement_page(&sql, op, r->step, after, r->where, PAGE_IDS);
    int rc = buffer_append_char(&sql, '\0');
    if (rc == 0) {
        struct pg_statement ask = {.sql = sql.data,
                                   .parameter_count = after ? (int)op->target_id.count : 0,
                                   .values = values,
                                   .on_result = on_result};
        struct pg_conn *conn = r->step == 0 ? session->conn : session_sources(session);
        (void)pg_conn_send(conn, &ask);
        (void)pg_conn_sync(conn, on_done);
    }
    buffer_release(&sql);
    buffer_release(&scratch);
    r->unsorted = r->step == 0 && session_is_apart(session) && statement_has_orphans(session->op);
    return rc;
}

int rebuild_take_page(struct rebuild *r, const PGresult *result)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return 0;
    return page_take(&r->page, result);
}

/* The ids of the page, a column of them. */
static int column_array(const PGresult *rows, int column, struct buffer *array)
{
    for (int row = 0; row < PQntuples(rows); row++)
        pg_array_item(array, PQgetvalue(rows, row, column));
    return pg_array_end(array);
}

int rebuild_send_orphans(struct rebuild *r, struct session *session, pg_on_result on_result,
                         pg_on_done on_done)
{
    struct buffer sql, arrays[CONFIG_ID_COLUMNS_MAX];
    const char *values[CONFIG_ID_COLUMNS_MAX];
    size_t columns = session->op->target_id.count;
    buffer_init(&sql, STATEMENT_MAX);
    statement_orphans(&sql, session->op);
    int rc = buffer_append_char(&sql, '\0');
    for (size_t i = 0; i < columns; i++) {
        buffer_init(&arrays[i], ORPHANS_TEXT_MAX);
        if (rc == 0)
            rc = column_array(r->page.rows, (int)i, &arrays[i]);
        values[i] = arrays[i].data;
    }
    if (rc == 0) {
        (void)pg_conn_send(session_sources(session),
                           &(struct pg_statement){.sql = sql.data,
                                                  .parameter_count = (int)columns,
                                                  .values = values,
                                                  .on_result = on_result});
        session_sync_sources(session, on_done);
    }
    buffer_release(&sql);
    for (size_t i = 0; i < columns; i++)
        buffer_release(&arrays[i]);
    return rc;
}

int rebuild_take_orphans(struct rebuild *r, const PGresult *result)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return 0;
    int rc = page_take(&r->page, result);
    r->unsorted = rc < 0;
    return rc;
}

static int fill_ids(struct page *page, size_t columns, struct buffer *scratch,
                    struct op_batch *batch)
{
    for (; !page_is_spent(page) && !dirty_full(&batch->dirty); page->next++) {
        int rc = page_id(page, columns, scratch);
        if (rc == 0 && pg_true(page->rows, page->next, (int)columns))
            rc = dirty_touch(&batch->dirty, buffer_str(scratch), DIRTY_DELETE);
        if (rc == 0)
            rc = dirty_touch(&batch->dirty, buffer_str(scratch), DIRTY_REFRESH);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int rebuild_fill(struct rebuild *r, const struct config_operator *op, struct op_batch *batch)
{
    int row = r->page.next;
    struct buffer scratch; /* behind the last one it has the last id */
    buffer_init(&scratch, DIRTY_BYTES_MAX);
    int rc = fill_ids(&r->page, op->target_id.count, &scratch, batch);
    bool complete = page_is_spent(&r->page) && PQntuples(r->page.rows) < PAGE_IDS;
    char *after = NULL;
    if (rc == 0 && !complete) {
        after = str_dup(buffer_str(&scratch));
        rc = after ? 0 : -ENOMEM;
    }
    buffer_release(&scratch);
    if (rc < 0) {
        r->page.next = row;
        return rc;
    }
    free(batch->after);
    batch->after = after;
    batch->step = r->step;
    if (complete)
        batch->step = statement_next_step(op, r->step);
    if (batch->step < 0 && r->swap)
        batch->step = (int)op->source_count + 1;
    return 0;
}

void rebuild_give_up(struct rebuild *r, struct op_batch *batch)
{
    page_drop(&r->page);
    free(batch->after);
    batch->after = NULL;
    batch->step = -1;
}

int rebuild_stored(struct rebuild *r, const struct op_batch *batch, uint64_t now_ms)
{
    bool spent = r->page.rows && page_is_spent(&r->page);
    int rc = set_text(&r->after, batch->after);
    if (r->rate > 0)
        r->next_ms = now_ms + batch->dirty.count * 1000 / r->rate;
    r->step = batch->step;
    if (spent || batch->step < 0)
        page_drop(&r->page);
    return rc;
}
