#include "operator/engine.h"
#include "base/clock.h"
#include "base/log.h"
#include "operator/command.h"
#include "operator/due.h"
#include "operator/failure.h"
#include "operator/run.h"
#include "pg/result.h"
#include <assert.h>
#include <errno.h>
#include <stddef.h>

#define TICK_S 1.
/* How often the checkpoint follows events that touch nothing: often enough that the journal is not
 * held, rarely enough that an idle operator costs nothing. */
#define STORE_AFTER_MS 5000
#define STORE_AFTER_EVENTS 20000
struct engine *engine_of(void *owner)
{
    return (struct engine *)((char *)owner - offsetof(struct engine, session));
}

const char *engine_state_name(enum engine_state state)
{
    static const char *const names[] = {"waiting", "opening", "ready",  "busy",
                                        "resting", "paused",  "halted", "closed"};
    return names[state];
}

void engine_set_state(struct engine *e, enum engine_state state)
{
    assert(e->state != ENGINE_CLOSED);
    if (e->state != state)
        log_trace(e->name, "%s, was %s", engine_state_name(state), engine_state_name(e->state));
    e->state = state;
}

static void set_timer(struct engine *e, unsigned delay_ms)
{
    ev_timer_stop(e->loop->ev, &e->timer);
    ev_timer_set(&e->timer, delay_ms / 1000., 0.);
    ev_timer_start(e->loop->ev, &e->timer);
}

static void engine_close(struct engine *e)
{
    if (e->state == ENGINE_CLOSED)
        return;
    ev_timer_stop(e->loop->ev, &e->timer);
    ev_timer_stop(e->loop->ev, &e->tick);
    session_close(&e->session);
    reader_close(&e->reader);
    engine_set_state(e, ENGINE_CLOSED);
    if (e->on_closed)
        e->on_closed(e->owner);
}

/* --- trouble --------------------------------------------------------------------------------- */

unsigned engine_backoff(struct engine *e)
{
    return backoff_next(&e->backoff, random_u32());
}

void engine_tell(struct engine *e, const struct error *err, bool health)
{
    if (strcmp(err->text, e->trouble.text) != 0)
        log_warn(e->name, "%s", err->text);
    e->trouble = *err;
    if (health)
        health_down(e->context->health, e->name, err->text);
}

void engine_recovered(struct engine *e)
{
    backoff_reset(&e->backoff);
    e->unseen_since = 0;
    e->unseen_tries = 0;
    if (e->trouble.text[0] == '\0')
        return;
    log_info(e->name, "works again");
    error_clear(&e->trouble);
    health_up(e->context->health, e->name);
}

void engine_rest(struct engine *e, unsigned delay_ms)
{
    if (e->stopping) {
        engine_close(e);
        return;
    }
    engine_set_state(e, ENGINE_RESTING);
    set_timer(e, delay_ms);
}

static void wait_for_connection(struct engine *e, unsigned delay_ms)
{
    session_close(&e->session);
    engine_set_state(e, ENGINE_WAITING);
    set_timer(e, delay_ms);
}

void engine_halt(struct engine *e, const struct error *err)
{
    if (e->stopping) {
        engine_close(e);
        return;
    }
    if (strcmp(err->text, e->trouble.text) != 0)
        log_error(e->name, "%s", err->text);
    e->trouble = *err;
    e->halted = true;
    health_down(e->context->health, e->name, err->text);
    ev_timer_stop(e->loop->ev, &e->timer);
    reader_close(&e->reader);
    if (e->session.conn)
        engine_set_state(e, ENGINE_HALTED);
    else
        wait_for_connection(e, e->context->config->retry.max_restart_ms);
}

void engine_restart(struct engine *e)
{
    session_forget(&e->session);
    reader_close(&e->reader);
    rebuild_release(&e->rebuild);
    op_batch_clear(&e->live);
    op_batch_clear(&e->rebuild_batch);
    op_batch_clear(&e->parked_batch);
    e->running = NULL;
    e->located = e->halted = false;
    e->begin = NULL;
    wait_for_connection(e, 0);
}

void engine_trouble(struct engine *e, const struct error *why)
{
    struct error err = *why; /* closing the session may end its life */
    if (e->stopping) {
        engine_close(e);
        return;
    }
    switch (failure_of(&err)) {
    case FAILURE_FENCED:
        journal_release(e->context->journal, e->op->name);
        engine_halt(e, &err);
        break;
    case FAILURE_SYSTEMIC:
    case FAILURE_DATA: /* not of an id: of a statement of our own */
        engine_tell(e, &err, true);
        wait_for_connection(e, e->context->config->retry.max_restart_ms);
        break;
    case FAILURE_LOST:
    case FAILURE_TRANSIENT:
    case FAILURE_UNSEEN:
        engine_tell(e, &err, e->backoff.attempts >= e->context->config->retry.max_retries);
        if (failure_of(&err) == FAILURE_LOST || !e->session.conn)
            wait_for_connection(e, engine_backoff(e));
        else
            engine_rest(e, engine_backoff(e));
        break;
    }
}

/* --- the session ----------------------------------------------------------------------------- */

static void engine_open(struct engine *e)
{
    struct error err = {0};
    parked_clear(&e->parked);
    engine_set_state(e, ENGINE_OPENING);
    if (session_open(&e->session, &err) < 0)
        engine_trouble(e, &err);
}

static void on_session_parked(struct session *session, struct str id)
{
    struct engine *e = engine_of(session);
    if (parked_add(&e->parked, id) < 0)
        log_warn(e->name, "no memory to remember parked id %.*s", STR_ARG(id));
}

static void on_session_ready(struct session *session)
{
    struct engine *e = engine_of(session);
    if (e->parked.count > PARKED_MAX) {
        struct error err = {0};
        error_set(&err, -EINVAL,
                  "more than %d ids are parked: mend the cause and delete rows of walpiper.parked",
                  PARKED_MAX);
        engine_trouble(e, &err);
        return;
    }
    e->look = true;
    engine_turn(e);
}

static void on_session_failed(struct session *session, const struct error *why)
{
    engine_trouble(engine_of(session), why);
}

/* Has something to do at once when it is idle, else when what is under way is done. */
static void look_soon(struct engine *e)
{
    e->look = true;
    if (e->state == ENGINE_READY || e->state == ENGINE_PAUSED || e->state == ENGINE_HALTED)
        engine_turn(e);
}

static void on_command(struct session *session)
{
    look_soon(engine_of(session));
}

static const struct session_events session_events = {
    .on_ready = on_session_ready,
    .on_failed = on_session_failed,
    .on_parked = on_session_parked,
    .on_command = on_command,
};

/* --- where to begin -------------------------------------------------------------------------- */

/* Compares the checkpoint with the journal. False while the journal has no epoch yet. */
static bool engine_locate(struct engine *e)
{
    const struct session_checkpoint *found = &e->session.found;
    journal_epoch(e->context->journal, e->live.epoch);
    if (e->live.epoch[0] == '\0')
        return false;
    e->located = true;
    if (found->epoch[0] == '\0') {
        e->begin = "it has not run before";
    } else if (strcmp(found->epoch, e->live.epoch) != 0) {
        e->begin = "the journal is not the one it knew";
    } else if (rebuild_restart(&e->rebuild, found->rebuild_step, found->rebuild_after,
                               found->rebuild_where) < 0) {
        e->begin = "no memory for where a rebuild stood";
    } else {
        e->live.position = e->checkpoint = found->position;
        (void)journal_hold(e->context->journal, e->op->name, e->checkpoint);
    }
    return true;
}

/* A new epoch begins while we run: nothing that was read or is still to be read says what happened
 * between the two. The cursor would tell, but it is open only at times. */
static void notice_epoch(struct engine *e)
{
    char epoch[9];
    journal_epoch(e->context->journal, epoch);
    if (strcmp(epoch, e->live.epoch) != 0)
        e->begin = "the journal has begun a new epoch";
}

static void on_begun(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (err) {
        engine_trouble(e, err);
        return;
    }
    log_info(e->name, "computes every id anew: %s", e->begin);
    e->begin = NULL;
    e->checkpoint = e->live.position;
    (void)journal_hold(e->context->journal, e->op->name, e->checkpoint);
    (void)rebuild_restart(&e->rebuild, 0, NULL, NULL); /* cannot fail: it has nothing to copy */
    engine_turn(e);
}

/* Live events are read from the newest position there is; all before it is in the tables. */
static bool engine_begin(struct engine *e)
{
    struct journal *journal = e->context->journal;
    struct position oldest, newest;
    journal_epoch(journal, e->live.epoch);
    if (e->live.epoch[0] == '\0')
        return false;
    if (!journal_bounds(journal, &oldest, &newest))
        newest = (struct position){.lsn = journal_durable_lsn(journal)};
    reader_close(&e->reader);
    op_batch_clear(&e->live);
    e->live.position = newest;
    engine_set_state(e, ENGINE_BUSY);
    op_batch_send_rebuild_begin(e->live.epoch, newest, &e->session, on_begun);
    return true;
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
static bool rebuild_next(struct engine *e)
{
    uint64_t now = clock_monotonic_ms();
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

/* --- live events ----------------------------------------------------------------------------- */

/* Whether the checkpoint should move although no id is dirty. */
static bool store_is_due(const struct engine *e)
{
    return position_compare(e->live.position, e->checkpoint) > 0 &&
           (e->reader.events - e->stored_events >= STORE_AFTER_EVENTS ||
            clock_monotonic_ms() - e->stored_ms >= STORE_AFTER_MS);
}

static void read_failed(struct engine *e, int rc, const struct error *err)
{
    if (rc == -ESTALE) {
        e->begin = "the journal does not hold what follows its checkpoint";
        engine_turn(e);
        return;
    }
    if (rc == -EIO)
        e->begin = "the journal is damaged after its checkpoint";
    if (rc == READING_UNKNOWN) {
        e->begin = "an event did not tell the old id";
        reader_close(&e->reader);
    }
    engine_trouble(e, err);
}

/* False when the journal has nothing new for this operator. */
static bool read_next(struct engine *e)
{
    struct error err = {0};
    int rc = reader_collect(&e->reader, &e->live, &err);
    if (rc < 0 || rc == READING_UNKNOWN) {
        read_failed(e, rc, &err);
        return true;
    }
    if (rc == READING_FULL || e->live.dirty.count > 0 || store_is_due(e)) {
        run_start(e, &e->live);
        return true;
    }
    if (rc != READING_PAUSED)
        return false;
    engine_set_state(e, ENGINE_READY);
    set_timer(e, 0);
    return true;
}

/* --- the turn -------------------------------------------------------------------------------- */

void engine_turn(struct engine *e)
{
    if (e->stopping) {
        engine_close(e);
        return;
    }
    if (e->look) {
        command_look(e);
        return;
    }
    if (e->halted || e->paused) {
        engine_set_state(e, e->halted ? ENGINE_HALTED : ENGINE_PAUSED);
        return;
    }
    if (e->running) {
        run_again(e);
        return;
    }
    engine_set_state(e, ENGINE_READY);
    if (!e->located && !engine_locate(e))
        return;
    notice_epoch(e);
    if (e->begin) {
        engine_begin(e);
        return;
    }
    unsigned due_ms = due_wait_ms(e, clock_monotonic_ms());
    if (e->look_for_parked && !e->parked_turn) {
        due_look(e);
        return;
    }
    e->parked_turn = false;
    e->rebuild_turn = !e->rebuild_turn;
    if (e->rebuild_turn && rebuild_next(e))
        return;
    if (read_next(e) || (!e->rebuild_turn && rebuild_next(e)))
        return;
    if (e->look_for_parked) {
        due_look(e);
        return;
    }
    unsigned wait_ms = rebuild_wait_ms(&e->rebuild, clock_monotonic_ms());
    if (due_ms > 0 && (wait_ms == 0 || due_ms < wait_ms))
        wait_ms = due_ms;
    if (wait_ms > 0)
        set_timer(e, wait_ms);
    if (!rebuild_under_way(&e->rebuild))
        engine_recovered(e);
}

void engine_wake(struct engine *e)
{
    if (e->state == ENGINE_READY)
        engine_turn(e);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct engine *e = timer->data;
    if (e->state == ENGINE_WAITING)
        engine_open(e);
    else if (e->state == ENGINE_RESTING || e->state == ENGINE_READY)
        engine_turn(e);
}

static void on_tick(struct ev_loop *ev, ev_timer *tick, int events)
{
    struct engine *e = tick->data;
    e->look_for_parked = e->parked.count > 0;
    look_soon(e);
}

/* --- life ------------------------------------------------------------------------------------ */

int engine_init(struct engine *e, struct loop *loop, const struct operators_context *context,
                const struct config_operator *op, const struct lane *lane)
{
    *e = (struct engine){.context = context,
                         .op = op,
                         .loop = loop,
                         .rebuild.step = -1,
                         .rebuild.rate = op->rebuild_rate};
    snprintf(e->name, sizeof(e->name), "operator %s", op->name);
    e->backoff = (struct backoff){.min_ms = context->config->retry.min_restart_ms,
                                  .max_ms = context->config->retry.max_restart_ms,
                                  .multiplicator = context->config->retry.multiplicator};
    op_batch_init(&e->live, BATCH_LIVE, op->batch_size);
    bool slow = op->rebuild_rate > 0 && op->rebuild_rate < op->batch_size;
    op_batch_init(&e->rebuild_batch, BATCH_REBUILD, slow ? op->rebuild_rate : op->batch_size);
    op_batch_init(&e->parked_batch, BATCH_PARKED, DUE_IDS_MAX);
    session_init(&e->session, loop, context->params, op, lane, &session_events);
    reader_init(&e->reader, context->journal, op);
    /* Until the checkpoint is known, anything may still be needed. */
    int rc = journal_hold(context->journal, op->name, (struct position){0});
    if (rc < 0)
        return rc;
    ev_timer_init(&e->timer, on_timer, 0., 0.);
    ev_timer_init(&e->tick, on_tick, TICK_S, TICK_S);
    e->timer.data = e->tick.data = e;
    ev_timer_start(loop->ev, &e->tick);
    set_timer(e, 0);
    return 0;
}

void engine_stop(struct engine *e, void (*on_closed)(void *owner), void *owner)
{
    e->stopping = true;
    e->on_closed = on_closed;
    e->owner = owner;
    if (e->state != ENGINE_BUSY)
        engine_close(e);
}

void engine_release(struct engine *e)
{
    e->on_closed = NULL;
    engine_close(e);
    session_release(&e->session);
    reader_release(&e->reader);
    rebuild_release(&e->rebuild);
    parked_clear(&e->parked);
    op_batch_release(&e->live);
    op_batch_release(&e->rebuild_batch);
    op_batch_release(&e->parked_batch);
}
