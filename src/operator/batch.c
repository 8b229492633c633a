#include "operator/batch.h"
#include "base/buffer.h"
#include "base/lsn.h"
#include "base/planted_bug.h"
#include "event/id.h"
#include "operator/apply.h"
#include "operator/statements.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define GUARD_XIDS 1000                      /* in one statement */
#define GUARD_TEXT_MAX (GUARD_XIDS * 11 + 3) /* "4294967295," each, braces, NUL */

void op_batch_init(struct op_batch *batch, enum op_batch_kind kind, size_t ids_max)
{
    *batch = (struct op_batch){.kind = kind};
    dirty_init(&batch->dirty, ids_max);
}

void op_batch_clear(struct op_batch *batch)
{
    dirty_clear(&batch->dirty);
    keys_clear(&batch->keys);
    batch->rebuild = batch->seen = false;
    batch->work_count = 0;
}

void op_batch_release(struct op_batch *batch)
{
    dirty_release(&batch->dirty);
    keys_clear(&batch->keys);
    free(batch->after);
    batch->after = NULL;
    free(batch->work);
    batch->work = NULL;
}

bool op_batch_full(const struct op_batch *batch)
{
    return dirty_full(&batch->dirty) || keys_full(&batch->keys, batch->dirty.ids_max);
}

bool op_batch_is_empty(const struct op_batch *batch)
{
    return batch->dirty.count == 0 && batch->keys.count == 0 && !batch->rebuild;
}

static struct str text_of(const struct dirty_id *id)
{
    return str_from(dirty_text(id));
}

static bool is_touched_only(const struct op_batch *batch, const struct parked *parked,
                            const struct dirty_id *id)
{
    return batch->kind != BATCH_PARKED && parked_has(parked, text_of(id));
}

int op_batch_arrange(struct op_batch *batch, const struct parked *parked)
{
    struct dirty_id **work =
        reallocarray(batch->work, batch->dirty.count + 1, sizeof(struct dirty_id *));
    if (!work)
        return -ENOMEM;
    batch->work = work;
    batch->work_count = 0;
    for (struct dirty_id *id = dirty_first(&batch->dirty); id; id = dirty_next(id))
        if (!is_touched_only(batch, parked, id))
            batch->work[batch->work_count++] = id;
    bisect_start(&batch->bisect, batch->work_count);
    batch->stored = 0;
    return 0;
}

/* --- the parts of a transaction -------------------------------------------------------------- */

static void send_position(const char *statement, const char *epoch, struct position position,
                          struct session *session)
{
    char lsn[LSN_TEXT_MAX], ordinal[16];
    snprintf(ordinal, sizeof(ordinal), "%u", position.ordinal);
    session_run(session, statement, 6,
                (const char *[]){session->op->name, session->lane_number, session->generation,
                                 epoch, lsn_format(position.lsn, lsn), ordinal});
}

static void send_fence(struct session *session)
{
    session_run(session, STATEMENT_FENCE, 3,
                (const char *[]){session->op->name, session->lane_number, session->generation});
}

static void send_head(const struct op_batch *batch, struct session *session)
{
    char step[16];
    switch (batch->kind) {
    case BATCH_LIVE:
        send_position(batch->rebuild ? STATEMENT_REBUILD_BEGIN : STATEMENT_ADVANCE, batch->epoch,
                      batch->position, session);
        break;
    case BATCH_REBUILD:
        snprintf(step, sizeof(step), "%d", batch->step);
        session_run(session, STATEMENT_REBUILD_ADVANCE, 6,
                    (const char *[]){session->op->name, session->lane_number, session->generation,
                                     session->found.rebuild, batch->step < 0 ? NULL : step,
                                     batch->after});
        break;
    case BATCH_PARKED:
    case BATCH_KEYS:
        send_fence(session);
        break;
    }
}

static void send_xids(const uint32_t *xids, size_t count, struct pg_conn *conn,
                      const struct pg_statement *question)
{
    struct pg_statement send = *question;
    char text[GUARD_TEXT_MAX];
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len, "%c%u", i == 0 ? '{' : ',', xids[i]);
    snprintf(text + len, sizeof(text) - len, "}");
    send.parameter_count = 1;
    send.values = (const char *[]){text};
    (void)pg_conn_send(conn, &send);
}

static void send_all_xids(const struct op_batch *batch, struct pg_conn *conn,
                          const struct pg_statement *question)
{
    size_t left = batch->dirty.xid_count;
    for (const uint32_t *xids = batch->dirty.xids; left > 0;) {
        size_t count = left < GUARD_XIDS ? left : GUARD_XIDS;
        send_xids(xids, count, conn, question);
        xids += count;
        left -= count;
    }
}

void op_batch_send_guard(const struct op_batch *batch, struct session *session)
{
    if (!planted_bug(PLANTED_NO_VISIBILITY_GUARD) && !session_is_apart(session))
        send_all_xids(batch, session->conn, &(struct pg_statement){.name = STATEMENT_VISIBLE});
}

void op_batch_ask_unseen(const struct op_batch *batch, struct session *session,
                         pg_on_result on_result)
{
    send_all_xids(batch, session_sources(session),
                  &(struct pg_statement){.name = STATEMENT_UNSEEN, .on_result = on_result});
}

static void send_unpark(const struct dirty_id *id, struct session *session)
{
    session_run(session, STATEMENT_UNPARK, 2, (const char *[]){session->op->name, dirty_text(id)});
}

/* A rebuild while there is a new table is one into that. */
static bool is_of_swap(const struct op_batch *batch, const struct session *session)
{
    return batch->kind == BATCH_REBUILD && session->shadow.open;
}

/* Those of a parked batch are taken from the parked ones in the same transaction. */
static void send_work(const struct op_batch *batch, size_t begin, size_t end,
                      struct session *session)
{
    if (!is_of_swap(batch, session))
        apply_ids(session, batch->work + begin, end - begin);
    /* Behind its head a batch that computes every id anew has no new table any more. */
    if (session->shadow.open && !batch->rebuild)
        shadow_apply(session, batch->work + begin, end - begin);
    for (size_t i = begin; batch->kind == BATCH_PARKED && i < end; i++)
        send_unpark(batch->work[i], session);
}

static void send_touches(const struct op_batch *batch, const struct parked *parked,
                         struct session *session)
{
    for (struct dirty_id *id = dirty_first(&batch->dirty); id; id = dirty_next(id))
        if (is_touched_only(batch, parked, id))
            session_run(session, STATEMENT_TOUCH_PARKED, 3,
                        (const char *[]){session->op->name, dirty_text(id),
                                         dirty_wants_delete(id) ? "t" : "f"});
}

/* What is parked stays in the read model as it is: so it must be in the new table too. */
static void send_keeps(const struct op_batch *batch, const struct parked *parked,
                       struct session *session)
{
    if (!is_of_swap(batch, session))
        return;
    for (struct dirty_id *id = dirty_first(&batch->dirty); id; id = dirty_next(id))
        if (is_touched_only(batch, parked, id) || dirty_failure_text(id))
            apply_keep(session, id);
}

/* --- what failed ----------------------------------------------------------------------------- */

static void send_park(const struct op_batch *batch, const struct dirty_id *id, uint64_t delay_ms,
                      struct session *session)
{
    char failures[16], delay[24];
    const char *name = session->op->name, *text = dirty_text(id);
    const char *why = dirty_failure_text(id), *sqlstate = dirty_failure_sqlstate(id);
    snprintf(failures, sizeof(failures), "%u", dirty_failures(id));
    snprintf(delay, sizeof(delay), "%" PRIu64, delay_ms);
    if (batch->kind == BATCH_PARKED)
        session_run(session, STATEMENT_PARK_AGAIN, 6,
                    (const char *[]){name, text, why, sqlstate, failures, delay});
    else
        session_run(session, STATEMENT_PARK, 8,
                    (const char *[]){name, text, dirty_wants_delete(id) ? "t" : "f", why, sqlstate,
                                     failures, delay, dirty_json(id)});
}

static void send_fate(const struct op_batch *batch, const struct dirty_id *id,
                      const struct config *config, struct session *session)
{
    char why[ERROR_TEXT_MAX + 100];
    switch (parked_fate(config, session->op, dirty_failures(id))) {
    case PARKED_STOPS:
        snprintf(why, sizeof(why), "id %s failed %u times: %s", dirty_text(id), dirty_failures(id),
                 dirty_failure_text(id));
        session_run(session, STATEMENT_HALT, 3,
                    (const char *[]){session->op->name, session->generation, why});
        /* fall through */
    case PARKED_AGAIN:
        send_park(batch, id, parked_delay_ms(config, dirty_failures(id)), session);
        break;
    case PARKED_DROPPED:
        if (batch->kind == BATCH_PARKED)
            send_unpark(id, session);
        break;
    }
}

/* Of what failed and is not set aside yet. */
static void send_fates(const struct op_batch *batch, const struct config *config,
                       struct session *session)
{
    for (size_t i = batch->stored; i < batch->bisect.begin; i++)
        if (dirty_failure_text(batch->work[i]))
            send_fate(batch, batch->work[i], config, session);
}

/* --- transactions ---------------------------------------------------------------------------- */

void op_batch_send_rest(const struct op_batch *batch, const struct parked *parked,
                        const struct config *config, struct session *session, pg_on_done on_done)
{
    if (!planted_bug(PLANTED_NO_FENCE))
        send_head(batch, session);
    op_batch_send_guard(batch, session);
    send_work(batch, batch->bisect.begin, batch->bisect.end, session);
    send_touches(batch, parked, session);
    send_keeps(batch, parked, session);
    send_fates(batch, config, session);
    if (planted_bug(PLANTED_NO_FENCE))
        send_head(batch, session);
    session_sync(session, on_done);
}

static bool part_is_stored(const struct op_batch *batch, const struct config_operator *op)
{
    return op->form == CONFIG_CALL && batch->kind == BATCH_LIVE;
}

void op_batch_send_part(const struct op_batch *batch, const struct config *config,
                        struct session *session, pg_on_done on_done)
{
    size_t until = bisect_until(&batch->bisect);
    struct event_id last;
    bool stored = part_is_stored(batch, session->op) &&
                  event_id_parse(&last, text_of(batch->work[until - 1])) == 0;
    if (stored)
        send_position(STATEMENT_ADVANCE, last.epoch, last.position, session);
    else if (!planted_bug(PLANTED_NO_FENCE))
        send_fence(session);
    op_batch_send_guard(batch, session);
    send_work(batch, batch->bisect.begin, until, session);
    if (stored)
        send_fates(batch, config, session);
    session_sync(session, on_done);
}

void op_batch_part_done(struct op_batch *batch, const struct config_operator *op)
{
    bisect_tell(&batch->bisect, false);
    if (part_is_stored(batch, op))
        batch->stored = batch->bisect.begin;
}

void op_batch_send_begin(const char *epoch, struct position position, struct session *session,
                         pg_on_done on_done)
{
    bool rebuilds = session->op->form != CONFIG_CALL;
    send_position(rebuilds ? STATEMENT_REBUILD_BEGIN : STATEMENT_ADVANCE, epoch, position, session);
    session_sync(session, on_done);
}
