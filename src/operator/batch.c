#include "operator/batch.h"
#include "base/buffer.h"
#include "base/lsn.h"
#include "operator/apply.h"
#include "operator/statements.h"
#include <errno.h>
#include <stdlib.h>

#define XIDS_TEXT_MAX (DIRTY_XIDS_MAX * 11 + 3) /* "4294967295," each, braces, NUL */

void op_batch_init(struct op_batch *batch, enum op_batch_kind kind)
{
    *batch = (struct op_batch){.kind = kind};
    dirty_init(&batch->dirty);
}

void op_batch_clear(struct op_batch *batch)
{
    dirty_clear(&batch->dirty);
    batch->rebuild = false;
    batch->single = NULL;
    batch->work_count = 0;
}

void op_batch_release(struct op_batch *batch)
{
    dirty_release(&batch->dirty);
    free(batch->after);
    batch->after = NULL;
    free(batch->work);
    batch->work = NULL;
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
    struct dirty_id **work = reallocarray(batch->work, batch->dirty.count + 1, sizeof(*work));
    if (!work)
        return -ENOMEM;
    batch->work = work;
    batch->work_count = 0;
    for (struct dirty_id *id = dirty_first(&batch->dirty); id; id = dirty_next(id))
        if (!is_touched_only(batch, parked, id))
            batch->work[batch->work_count++] = id;
    return 0;
}

/* --- the parts of a transaction -------------------------------------------------------------- */

static void send_position(const char *statement, const char *epoch, struct position position,
                          struct session *session)
{
    char lsn[LSN_TEXT_MAX], ordinal[16];
    snprintf(ordinal, sizeof(ordinal), "%u", position.ordinal);
    session_run(session, statement, 5,
                (const char *[]){session->op->name, session->generation, epoch,
                                 lsn_format(position.lsn, lsn), ordinal});
}

static void send_fence(struct session *session)
{
    session_run(session, STATEMENT_FENCE, 2,
                (const char *[]){session->op->name, session->generation});
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
        session_run(session, STATEMENT_REBUILD_ADVANCE, 4,
                    (const char *[]){session->op->name, session->generation,
                                     batch->step < 0 ? NULL : step, batch->after});
        break;
    case BATCH_PARKED:
        send_fence(session);
        break;
    }
}

static void send_guard(const struct op_batch *batch, struct session *session)
{
    if (batch->dirty.xid_count == 0)
        return;
    char xids[XIDS_TEXT_MAX];
    size_t len = 0;
    for (size_t i = 0; i < batch->dirty.xid_count; i++)
        len += (size_t)snprintf(xids + len, sizeof(xids) - len, "%c%u", i == 0 ? '{' : ',',
                                batch->dirty.xids[i]);
    snprintf(xids + len, sizeof(xids) - len, "}");
    session_run(session, STATEMENT_VISIBLE, 1, (const char *[]){xids});
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

/* --- transactions ---------------------------------------------------------------------------- */

void op_batch_send_whole(const struct op_batch *batch, const struct parked *parked,
                         struct session *session, pg_on_done on_done)
{
    send_head(batch, session);
    send_guard(batch, session);
    apply_ids(session, batch->work, batch->work_count);
    send_touches(batch, parked, session);
    session_sync(session, on_done);
}

void op_batch_send_single(const struct op_batch *batch, struct session *session, pg_on_done on_done)
{
    struct dirty_id *id = batch->single;
    send_fence(session);
    send_guard(batch, session);
    apply_ids(session, &id, 1);
    if (batch->kind == BATCH_PARKED)
        session_run(session, STATEMENT_UNPARK, 2,
                    (const char *[]){session->op->name, dirty_text(id)});
    session_sync(session, on_done);
}

void op_batch_send_outcome(const struct op_batch *batch, const struct parked *parked, bool park,
                           unsigned delay_ms, struct session *session, pg_on_done on_done)
{
    char delay[16];
    snprintf(delay, sizeof(delay), "%u", delay_ms);
    send_head(batch, session);
    send_touches(batch, parked, session);
    for (struct dirty_id *id = dirty_first(&batch->dirty); park && id; id = dirty_next(id))
        if (dirty_failure_text(id))
            session_run(session, STATEMENT_PARK, 6,
                        (const char *[]){session->op->name, dirty_text(id),
                                         dirty_wants_delete(id) ? "t" : "f", dirty_failure_text(id),
                                         dirty_failure_sqlstate(id), delay});
    session_sync(session, on_done);
}

struct dirty_id *op_batch_next_single(const struct op_batch *batch, const struct parked *parked,
                                      struct dirty_id *id)
{
    while (id && is_touched_only(batch, parked, id))
        id = dirty_next(id);
    return id;
}

void op_batch_send_rebuild_begin(const char *epoch, struct position position,
                                 struct session *session, pg_on_done on_done)
{
    send_position(STATEMENT_REBUILD_BEGIN, epoch, position, session);
    session_sync(session, on_done);
}
