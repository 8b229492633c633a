#include "operator/anew.h"
#include "base/clock.h"
#include "base/log.h"
#include "operator/failure.h"
#include "operator/run.h"
#include "operator/swap.h"
#include <errno.h>

/* --- where to begin -------------------------------------------------------------------------- */

/* Until now they have held what the lanes of today begin with. */
static void release_former_lanes(const struct engine *e)
{
    char hold[LANE_HOLD_MAX];
    for (unsigned n = e->session.lane.count; e->session.lane.number == 0 && n < LANES_MAX; n++)
        journal_release(e->context->journal, lane_hold_name(hold, e->op->name, n));
}

static bool is_call(const struct engine *e)
{
    return e->op->form == CONFIG_CALL;
}

static bool never_ran(const struct engine *e)
{
    return e->session.found.epoch[0] == '\0';
}

/* A call has no ids; a rebuild may be left from what the operator was before. */
static int resume_rebuild(struct engine *e)
{
    const struct session_checkpoint *found = &e->session.found;
    if (is_call(e))
        return rebuild_restart(&e->rebuild, -1, NULL, NULL);
    return rebuild_resume(&e->rebuild, found);
}

/* Compares the checkpoint with the journal. False while the journal has no epoch yet. */
bool anew_locate(struct engine *e)
{
    const struct session_checkpoint *found = &e->session.found;
    journal_epoch(e->context->journal, e->live.epoch);
    if (e->live.epoch[0] == '\0')
        return false;
    e->located = true;
    if (never_ran(e)) {
        e->begin = "it has not run before";
    } else if (strcmp(found->epoch, e->live.epoch) != 0) {
        e->begin = "the journal is not the one it knew";
    } else if (resume_rebuild(e) < 0) {
        e->begin = "no memory for where a rebuild stood";
    } else {
        e->live.position = e->checkpoint = found->position;
        (void)journal_hold(e->context->journal, e->hold, e->checkpoint);
    }
    release_former_lanes(e);
    return true;
}

/* A new epoch begins while we run: nothing that was read or is still to be read says what happened
 * between the two. The cursor would tell, but it is open only at times. */
void anew_notice_epoch(struct engine *e)
{
    char epoch[9];
    journal_epoch(e->context->journal, epoch);
    if (strcmp(epoch, e->live.epoch) != 0)
        e->begin = "the journal has begun a new epoch";
}

static void tell_begin(struct engine *e)
{
    char part[sizeof(e->name) + sizeof(" events")], why[200];
    if (!is_call(e)) {
        log_info(e->name, "computes every id anew: %s", e->begin);
    } else if (never_ran(e)) {
        log_info(e->name, "gets the events from now on: %s", e->begin);
    } else {
        snprintf(part, sizeof(part), "%s events", e->name);
        snprintf(why, sizeof(why),
                 "events may be lost to it: %s; it goes on with the oldest there is", e->begin);
        log_error(e->name, "%s", why);
        health_down(e->context->health, part, why);
    }
}

static void on_begun(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (err) {
        engine_trouble(e, err);
        return;
    }
    tell_begin(e);
    e->begin = NULL;
    e->checkpoint = e->live.position;
    (void)journal_hold(e->context->journal, e->hold, e->checkpoint);
    memcpy(e->session.found.epoch, e->live.epoch, sizeof(e->live.epoch));
    /* Cannot fail: it has nothing to copy. */
    (void)rebuild_restart(&e->rebuild, is_call(e) ? -1 : 0, NULL, NULL);
    e->look = true; /* one that swaps has begun again */
    engine_turn(e);
}

/* All before the newest event is in the tables, from which ids are computed. A call has nothing to
 * compute: when events are lost to it, it goes on with the oldest that are left. */
static struct position place_to_begin(const struct engine *e)
{
    struct journal *journal = e->context->journal;
    struct position oldest, newest;
    if (!journal_bounds(journal, &oldest, &newest))
        return (struct position){.lsn = journal_durable_lsn(journal)};
    if (!is_call(e) || never_ran(e))
        return newest;
    return (struct position){oldest.lsn, oldest.ordinal - 1};
}

void anew_begin(struct engine *e)
{
    journal_epoch(e->context->journal, e->live.epoch);
    reader_close(&e->reader);
    op_batch_clear(&e->live);
    e->live.position = place_to_begin(e);
    e->complete_lsn = 0;
    engine_set_state(e, ENGINE_BUSY);
    op_batch_send_begin(e->live.epoch, e->live.position, &e->session, on_begun);
}

/* --- rebuild --------------------------------------------------------------------------------- */

static void on_settle_answer(void *owner, const PGresult *result)
{
    rebuild_take_settle(&engine_of(owner)->rebuild, result);
}

static void on_page(void *owner, const PGresult *result)
{
    struct engine *e = engine_of(owner);
    if (rebuild_take_page(&e->rebuild, result) < 0)
        log_warn(e->name, "no memory for a page of ids; reads it again");
}

static void on_orphans(void *owner, const PGresult *result)
{
    struct engine *e = engine_of(owner);
    if (rebuild_take_orphans(&e->rebuild, result) < 0)
        log_warn(e->name, "no memory for a page of ids; reads it again");
}

static bool is_of_statement(const struct error *err)
{
    return failure_of(err) == FAILURE_SYSTEMIC || failure_of(err) == FAILURE_DATA;
}

/* A condition that the server does not take would fail for ever. */
static void give_up_rebuild(struct engine *e, const struct error *err)
{
    log_error(e->name, "gives up the rebuild of the ids where %s: %s", e->rebuild.where, err->text);
    op_batch_clear(&e->rebuild_batch);
    rebuild_give_up(&e->rebuild, &e->rebuild_batch);
    run_start(e, &e->rebuild_batch);
}

static void on_rebuild_answer(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (err && e->rebuild.where && is_of_statement(err))
        give_up_rebuild(e, err);
    else if (err)
        engine_trouble(e, err);
    else
        engine_turn(e);
}

static void no_memory(struct engine *e)
{
    engine_trouble(e, &(struct error){.code = -ENOMEM, .text = "no memory for its ids"});
}

/* False when there is nothing to do for a rebuild. */
bool anew_next(struct engine *e)
{
    uint64_t now = clock_monotonic_ms();
    if (rebuild_awaits_exchange(&e->rebuild, e->op))
        return swap_exchange(e, now);
    switch (rebuild_need(&e->rebuild, now)) {
    case REBUILD_NOTHING:
        return false;
    case REBUILD_SETTLE:
        engine_set_state(e, ENGINE_BUSY);
        rebuild_send_settle(&e->rebuild, now, &e->session, on_settle_answer, on_rebuild_answer);
        break;
    case REBUILD_PAGE:
        engine_set_state(e, ENGINE_BUSY);
        if (rebuild_send_page(&e->rebuild, &e->session, on_page, on_rebuild_answer) < 0)
            no_memory(e);
        break;
    case REBUILD_ORPHANS:
        engine_set_state(e, ENGINE_BUSY);
        if (rebuild_send_orphans(&e->rebuild, &e->session, on_orphans, on_rebuild_answer) < 0)
            no_memory(e);
        break;
    case REBUILD_BATCH:
        op_batch_clear(&e->rebuild_batch);
        if (rebuild_fill(&e->rebuild, e->op, &e->rebuild_batch) < 0)
            no_memory(e);
        else
            run_start(e, &e->rebuild_batch);
        break;
    }
    return true;
}
