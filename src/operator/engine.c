#include "operator/engine.h"
#include "base/clock.h"
#include "base/log.h"
#include "operator/anew.h"
#include "operator/command.h"
#include "operator/due.h"
#include "operator/expand.h"
#include "operator/failure.h"
#include "operator/notify.h"
#include "operator/run.h"
#include "operator/swap.h"
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

/* Before the log has it. AGAIN_MS 0: until somebody lets it go on. */
static void notify_of_trouble(struct engine *e, const struct error *err, uint32_t again_ms)
{
    if (strcmp(err->text, e->trouble.text) != 0)
        notify_trouble(e->session.lane.group->notify, err, again_ms);
}

void engine_recovered(struct engine *e)
{
    backoff_reset(&e->backoff);
    e->unseen_since = 0;
    e->unseen_tries = 0;
    if (e->trouble.text[0] == '\0')
        return;
    notify_recovered(e->session.lane.group->notify);
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
    notify_of_trouble(e, err, 0);
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

/* What was read and is under way; the checkpoint says where to begin again. */
static void forget_work(struct engine *e)
{
    reader_close(&e->reader);
    rebuild_release(&e->rebuild);
    op_batch_clear(&e->live);
    op_batch_clear(&e->rebuild_batch);
    op_batch_clear(&e->parked_batch);
    op_batch_clear(&e->keys_batch);
    e->running = NULL;
    e->located = false;
    e->complete_lsn = 0;
}

void engine_restart(struct engine *e)
{
    session_forget(&e->session);
    forget_work(e);
    e->halted = false;
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
    if (swap_takes(e, &err))
        return;
    switch (failure_of(&err)) {
    case FAILURE_FENCED:
        if (command_takes_back(e)) {
            engine_restart(e);
            break;
        }
        journal_release(e->context->journal, e->hold);
        engine_halt(e, &err);
        break;
    case FAILURE_SWAP_GONE:
    case FAILURE_SWAP:
    case FAILURE_SYSTEMIC:
    case FAILURE_DATA: /* not of an id: of a statement of our own */
        notify_of_trouble(e, &err, e->context->config->retry.max_restart_ms);
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
                  "more than %d ids are parked: mend the cause and delete rows of %s.parked",
                  PARKED_MAX, session->lane.group->schema);
        engine_trouble(e, &err);
        return;
    }
    /* Whether the last transaction was committed only the checkpoint tells, which was read again.
     */
    if (e->op->form == CONFIG_CALL)
        forget_work(e);
    e->live.seen = false; /* another server may answer now */
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
    /* A call would get again what it has had. */
    if (rc == -EIO && e->op->form != CONFIG_CALL)
        e->begin = "the journal is damaged after its checkpoint";
    if (rc == READING_UNKNOWN) {
        e->begin = "an event did not tell the old id";
        reader_close(&e->reader);
    }
    engine_trouble(e, err);
}

/* Nothing is added to the live batch until it is stored. */
static void run_live(struct engine *e)
{
    if (!expand_next(e))
        run_start(e, &e->live);
}

/* False when the journal has nothing new for this operator. */
static bool read_next(struct engine *e)
{
    struct error err = {0};
    uint64_t durable = journal_durable_lsn(e->context->journal);
    int rc = reader_collect(&e->reader, &e->live, &err);
    if (rc < 0 || rc == READING_UNKNOWN) {
        read_failed(e, rc, &err);
        return true;
    }
    if (rc == READING_END)
        e->complete_lsn = durable;
    /* The more events there are in a batch, the less each costs the server. */
    bool is_due = op_batch_is_empty(&e->live) ? store_is_due(e) : rc == READING_END;
    if (rc == READING_FULL || is_due) {
        run_live(e);
        return true;
    }
    if (rc != READING_PAUSED)
        return false;
    engine_set_state(e, ENGINE_READY);
    set_timer(e, 0);
    return true;
}

/* --- the turn -------------------------------------------------------------------------------- */

/* What comes before the work, or keeps from it. False when there is nothing of that kind. */
static bool do_first(struct engine *e)
{
    if (e->stopping)
        engine_close(e);
    else if (e->look)
        command_look(e);
    else if (e->halted || e->paused)
        engine_set_state(e, e->halted ? ENGINE_HALTED : ENGINE_PAUSED);
    else if (swap_is_due(e))
        swap_open(e);
    else if (e->running)
        run_again(e);
    else
        return false;
    return true;
}

/* False when it is known from where to read on. */
static bool find_beginning(struct engine *e)
{
    if (!e->located) {
        if (anew_locate(e))
            engine_turn(e);
        return true;
    }
    anew_notice_epoch(e);
    if (!e->begin)
        return false;
    anew_begin(e);
    return true;
}

/* Parked ids, those of a rebuild, those of new events: none keeps the others waiting for more than
 * a turn. False when there are none. */
static bool take_next(struct engine *e)
{
    if (e->look_for_parked && !e->parked_turn) {
        due_look(e);
        return true;
    }
    e->parked_turn = false;
    e->rebuild_turn = !e->rebuild_turn;
    if (e->rebuild_turn && anew_next(e))
        return true;
    if (read_next(e) || (!e->rebuild_turn && anew_next(e)))
        return true;
    if (!e->look_for_parked)
        return false;
    due_look(e);
    return true;
}

/* Until events come, or for so long, or until the rebuild may go on. */
static void rest(struct engine *e, unsigned due_ms)
{
    unsigned wait_ms = rebuild_wait_ms(&e->rebuild, clock_monotonic_ms());
    if (due_ms > 0 && (wait_ms == 0 || due_ms < wait_ms))
        wait_ms = due_ms;
    if (wait_ms > 0)
        set_timer(e, wait_ms);
    if (!rebuild_under_way(&e->rebuild))
        engine_recovered(e);
}

void engine_turn(struct engine *e)
{
    if (do_first(e))
        return;
    engine_set_state(e, ENGINE_READY);
    if (find_beginning(e))
        return;
    if (e->live.keys.started) {
        run_live(e);
        return;
    }
    unsigned due_ms = due_wait_ms(e, clock_monotonic_ms());
    if (!take_next(e))
        rest(e, due_ms);
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
    session_tick(&e->session);
    e->look_for_parked = e->parked.count > 0;
    look_soon(e);
}

/* --- progress -------------------------------------------------------------------------------- */

/* Of the transaction at a position more events may follow, unless the journal was read to its end.
 */
static uint64_t applied_lsn(const struct engine *e)
{
    bool clean = op_batch_is_empty(&e->live) && !e->live.keys.started;
    struct position position = clean ? e->live.position : e->checkpoint;
    if (clean && e->complete_lsn >= position.lsn)
        return e->complete_lsn;
    return position.lsn > 0 ? position.lsn - 1 : 0;
}

/* What was applied when nothing was dirty stays so when the next event comes; the checkpoint may be
 * far behind it. */
uint64_t engine_applied_lsn(struct engine *e)
{
    uint64_t applied = e->located && !e->begin ? applied_lsn(e) : 0;
    if (applied == 0 || applied > e->applied_lsn)
        e->applied_lsn = applied;
    return e->applied_lsn;
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
    snprintf(e->name, sizeof(e->name), "operator %s",
             lane_hold_name(e->hold, op->name, lane->number));
    e->backoff = (struct backoff){.min_ms = context->config->retry.min_restart_ms,
                                  .max_ms = context->config->retry.max_restart_ms,
                                  .multiplicator = context->config->retry.multiplicator};
    op_batch_init(&e->live, BATCH_LIVE, op->batch_size);
    bool slow = op->rebuild_rate > 0 && op->rebuild_rate < op->batch_size;
    op_batch_init(&e->rebuild_batch, BATCH_REBUILD, slow ? op->rebuild_rate : op->batch_size);
    op_batch_init(&e->parked_batch, BATCH_PARKED, DUE_IDS_MAX);
    op_batch_init(&e->keys_batch, BATCH_KEYS, op->batch_size);
    session_init(&e->session, loop, context->params, op, lane, &session_events);
    e->live.dirty.lane = e->rebuild_batch.dirty.lane = e->keys_batch.dirty.lane = &e->session.lane;
    reader_init(&e->reader, context->journal, op);
    /* Until the checkpoint is known, anything may still be needed. */
    int rc = journal_hold(context->journal, e->hold, (struct position){0});
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
    op_batch_release(&e->keys_batch);
}
