#include "operator/due.h"
#include "base/clock.h"
#include "operator/run.h"
#include "pg/result.h"

static int take_due_id(struct engine *e, const PGresult *result, int row)
{
    struct dirty *dirty = &e->parked_batch.dirty;
    struct str id = pg_cell(result, row, 0);
    int64_t failures = 0;
    int rc = 0;
    if (pg_true(result, row, 1))
        rc = dirty_touch(dirty, id, DIRTY_DELETE);
    if (rc == 0)
        rc = PQgetisnull(result, row, 3) ? dirty_touch(dirty, id, DIRTY_REFRESH)
                                         : dirty_add_event(dirty, id, pg_cell(result, row, 3));
    if (rc == 0 && str_to_int64(pg_cell(result, row, 2), &failures) == 0)
        dirty_set_failures(dirty_find(dirty, id), (unsigned)failures);
    return rc;
}

static void on_due_ids(void *owner, const PGresult *result)
{
    struct engine *e = engine_of(owner);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return;
    op_batch_clear(&e->parked_batch);
    for (int i = 0; i < PQntuples(result); i++)
        if (take_due_id(e, result, i) < 0)
            return; /* what did not fit is still due */
}

static void on_due_ids_done(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (err)
        engine_trouble(e, err);
    else if (e->parked_batch.dirty.count > 0 && !e->stopping)
        run_start(e, &e->parked_batch);
    else
        engine_turn(e);
}

void due_look(struct engine *e)
{
    char count[12], limit[12];
    snprintf(count, sizeof(count), "%u", e->session.lane.count);
    snprintf(limit, sizeof(limit), "%d", DUE_IDS_MAX);
    const char *values[] = {e->op->name, count, e->session.lane_number, limit};
    e->look_for_parked = false;
    e->parked_turn = true;
    engine_set_state(e, ENGINE_BUSY);
    (void)pg_conn_send(e->session.conn, &(struct pg_statement){.name = STATEMENT_DUE,
                                                               .parameter_count = 4,
                                                               .values = values,
                                                               .on_result = on_due_ids});
    session_sync(&e->session, on_due_ids_done);
}

/* Many that fail wait for the tick, so that they take few transactions a second, whatever the
 * delays are. */
void due_note(struct engine *e, uint64_t delay_ms)
{
    uint64_t due = clock_monotonic_ms() + delay_ms;
    if (e->parked.count < DUE_IDS_MAX && (e->parked_ms == 0 || due < e->parked_ms))
        e->parked_ms = due;
}

unsigned due_wait_ms(struct engine *e, uint64_t now_ms)
{
    if (e->parked_ms == 0 || e->parked_ms > now_ms)
        return e->parked_ms == 0 ? 0 : (unsigned)(e->parked_ms - now_ms);
    e->parked_ms = 0;
    e->look_for_parked = true;
    return 0;
}
