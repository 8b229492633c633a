#include "operator/run.h"
#include "base/clock.h"
#include "base/log.h"
#include "operator/failure.h"
#include <errno.h>

#define UNSEEN_DELAY_MAX_MS 250
#define UNSEEN_WARN_MS 10000

static void run_outcome(struct engine *e);
static void run_single(struct engine *e);

/* --- stored ---------------------------------------------------------------------------------- */

static bool parks(const struct engine *e)
{
    return e->running->kind == BATCH_PARKED || e->op->on_error == CONFIG_PARK;
}

/* Keeps the parked ids in step with what the outcome stored, and tells of them. */
static void note_failures(struct engine *e)
{
    struct op_batch *batch = e->running;
    const struct dirty_id *first = NULL;
    size_t failed = 0;
    for (struct dirty_id *id = dirty_first(&batch->dirty); id; id = dirty_next(id)) {
        struct str text = str_from(dirty_text(id));
        if (!dirty_failure_text(id)) {
            if (batch->kind == BATCH_PARKED)
                parked_remove(&e->parked, text);
            continue;
        }
        first = first ? first : id;
        failed++;
        if (parks(e) && parked_add(&e->parked, text) < 0)
            log_warn(e->name, "no memory to remember parked id %s", dirty_text(id));
        if (!parks(e))
            log_error(e->name, "skipped id %s: %s", dirty_text(id), dirty_failure_text(id));
    }
    if (batch->kind == BATCH_PARKED) {
        log_write(failed < batch->dirty.count ? LOG_INFO : LOG_DEBUG, e->name,
                  "tried %zu parked ids again: %zu failed", batch->dirty.count, failed);
    } else if (failed > 0 && parks(e)) {
        log_error(e->name, "parked %zu ids, the others go on; the first is %s: %s", failed,
                  dirty_text(first), dirty_failure_text(first));
    }
}

static void note_position(struct engine *e)
{
    e->checkpoint = e->running->position;
    e->stored_ms = clock_monotonic_ms();
    e->stored_events = e->reader.events;
    (void)journal_hold(e->context->journal, e->op->name, e->checkpoint);
}

static int note_progress(struct engine *e)
{
    struct op_batch *batch = e->running;
    if (batch->kind == BATCH_PARKED)
        return 0;
    if (batch->kind == BATCH_LIVE) {
        note_position(e);
        if (!batch->rebuild)
            return 0;
        log_info(e->name, "a source was truncated: computes every id anew");
        return rebuild_restart(&e->rebuild, 0, NULL);
    }
    int rc = rebuild_stored(&e->rebuild, batch);
    if (!rebuild_under_way(&e->rebuild))
        log_info(e->name, "every id is computed");
    return rc;
}

static void run_stored(struct engine *e)
{
    note_failures(e);
    int rc = note_progress(e);
    op_batch_clear(e->running);
    e->running = NULL;
    e->attempts = 0;
    e->batches++;
    if (rc < 0) {
        struct error err = {0};
        error_set(&err, rc, "no memory for a rebuild");
        engine_trouble(e, &err);
        return;
    }
    engine_recovered(e);
    engine_turn(e);
}

/* --- failures -------------------------------------------------------------------------------- */

/* A commit reaches us before other sessions see it: usually for less than a millisecond, but with
 * synchronous replication until a standby has confirmed it. */
static void wait_until_seen(struct engine *e, const struct error *err)
{
    uint64_t now = clock_monotonic_ms();
    if (e->unseen_since == 0)
        e->unseen_since = now;
    unsigned delay = e->unseen_tries < 7 ? 2u << e->unseen_tries : UNSEEN_DELAY_MAX_MS;
    e->unseen_tries++;
    if (now - e->unseen_since > UNSEEN_WARN_MS)
        engine_tell(e,
                    &(struct error){.code = err->code,
                                    .text = "waits for a committed transaction to become visible; "
                                            "does a synchronous standby lag?"},
                    false);
    engine_rest(e, delay);
}

static void data_failed(struct engine *e, const struct error *err)
{
    e->failures++;
    if (e->attempts++ < e->context->config->retry.max_retries) {
        engine_tell(e, err, false);
        engine_rest(e, engine_backoff(e));
        return;
    }
    e->running->single =
        op_batch_next_single(e->running, &e->parked, dirty_first(&e->running->dirty));
    e->running->phase = BATCH_SINGLES;
    run_again(e);
}

static void single_failed(struct engine *e, const struct error *err)
{
    struct dirty_id *id = e->running->single;
    e->failures++;
    if (!parks(e) && e->op->on_error == CONFIG_STOP) {
        struct error story = *err;
        error_prefix(&story, "stopped at id %s", dirty_text(id));
        engine_halt(e, &story);
        return;
    }
    if (dirty_set_failure(id, err->text, err->sqlstate) < 0) {
        engine_trouble(e, &(struct error){.code = -ENOMEM, .text = "no memory for a failure"});
        return;
    }
    e->running->single = op_batch_next_single(e->running, &e->parked, dirty_next(id));
    run_single(e);
}

/* --- the three phases ------------------------------------------------------------------------ */

static void on_whole_done(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (!err)
        run_stored(e);
    else if (failure_of(err) == FAILURE_UNSEEN)
        wait_until_seen(e, err);
    else if (failure_of(err) == FAILURE_DATA)
        data_failed(e, err);
    else
        engine_trouble(e, err);
}

static void on_single_done(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (!err) {
        struct dirty_id *next = dirty_next(e->running->single);
        e->running->single = op_batch_next_single(e->running, &e->parked, next);
        engine_turn(e);
    } else if (failure_of(err) == FAILURE_UNSEEN) {
        wait_until_seen(e, err);
    } else if (failure_of(err) == FAILURE_DATA) {
        single_failed(e, err);
    } else {
        engine_trouble(e, err);
    }
}

static void on_outcome_done(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (err)
        engine_trouble(e, err);
    else
        run_stored(e);
}

static size_t failure_count(const struct op_batch *batch)
{
    size_t count = 0;
    for (struct dirty_id *id = dirty_first(&batch->dirty); id; id = dirty_next(id))
        count += dirty_failure_text(id) != NULL;
    return count;
}

static void run_outcome(struct engine *e)
{
    const struct op_batch *batch = e->running;
    if (batch->kind != BATCH_PARKED && parks(e) &&
        e->parked.count + failure_count(batch) > PARKED_MAX) {
        struct error err = {0};
        error_set(&err, -EINVAL,
                  "more than %d ids would be parked: this is not about single ids; mend the cause "
                  "and delete or retry rows of walpiper.parked",
                  PARKED_MAX);
        engine_trouble(e, &err);
        return;
    }
    op_batch_send_outcome(batch, &e->parked, parks(e), e->context->config->retry.max_restart_ms,
                          &e->session, on_outcome_done);
}

static void run_single(struct engine *e)
{
    if (!e->running->single)
        e->running->phase = BATCH_OUTCOME;
    if (e->running->phase == BATCH_OUTCOME)
        run_outcome(e);
    else
        op_batch_send_single(e->running, &e->session, on_single_done);
}

void run_again(struct engine *e)
{
    engine_set_state(e, ENGINE_BUSY);
    if (e->running->phase == BATCH_WHOLE)
        op_batch_send_whole(e->running, &e->parked, &e->session, on_whole_done);
    else
        run_single(e);
}

void run_start(struct engine *e, struct op_batch *batch)
{
    if (op_batch_arrange(batch, &e->parked) < 0) {
        engine_trouble(e, &(struct error){.code = -ENOMEM, .text = "no memory for a batch"});
        return;
    }
    e->running = batch;
    e->attempts = 0;
    batch->phase = batch->kind == BATCH_PARKED ? BATCH_SINGLES : BATCH_WHOLE;
    batch->single = dirty_first(&batch->dirty);
    run_again(e);
}
