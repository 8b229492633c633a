#include "operator/run.h"
#include "base/clock.h"
#include "base/log.h"
#include "operator/due.h"
#include "operator/failure.h"
#include "operator/notify.h"
#include "operator/seen.h"
#include <errno.h>
#include <inttypes.h>

#define UNSEEN_DELAY_MAX_MS 250
#define UNSEEN_WARN_MS 10000

/* --- stored ---------------------------------------------------------------------------------- */

/* Its retries are used up by it; further ones do not count. */
static bool is_last_failure(const struct engine *e, const struct dirty_id *id)
{
    return dirty_failures(id) == e->context->config->retry.max_retries + 1;
}

static void tell_fate(struct engine *e, const struct dirty_id *id, enum parked_fate fate)
{
    const char *text = dirty_text(id), *why = dirty_failure_text(id);
    unsigned failures = dirty_failures(id);
    if (fate == PARKED_DROPPED)
        log_error(e->name, "skipped id %s, which failed %u times: %s", text, failures, why);
    else if (fate == PARKED_AGAIN && is_last_failure(e, id))
        log_error(e->name, "id %s failed %u times and stays parked: %s", text, failures, why);
}

/* When it is set aside, and at its last failure that counts. A halt is told of the operator. */
static void notify_of_id(struct engine *e, const struct dirty_id *id, enum parked_fate fate)
{
    const struct config *config = e->context->config;
    unsigned failures = dirty_failures(id);
    bool tells = fate == PARKED_DROPPED ||
                 (fate == PARKED_AGAIN && (failures == 1 || is_last_failure(e, id)));
    int64_t delay_us = (int64_t)parked_delay_ms(config, failures) * 1000;
    if (!tells)
        return;
    notify_tell(e->session.lane.group->notify,
                &(struct notice){
                    .operator= e->op->name,
                    .id = dirty_text(id),
                    .error = dirty_failure_text(id),
                    .sqlstate = dirty_failure_sqlstate(id),
                    .attempts = failures,
                    .next_us = fate == PARKED_AGAIN ? clock_wall_us() + delay_us : 0,
                });
}

/* Keeps the parked ids in step with what was stored. True when the id stays parked. */
static bool note_id(struct engine *e, const struct dirty_id *id)
{
    struct str text = str_from(dirty_text(id));
    enum parked_fate fate = PARKED_DROPPED;
    if (dirty_failure_text(id)) {
        fate = parked_fate(e->context->config, e->op, dirty_failures(id));
        tell_fate(e, id, fate);
        notify_of_id(e, id, fate);
    }
    if (fate == PARKED_DROPPED && e->running->kind == BATCH_PARKED)
        parked_remove(&e->parked, text);
    if (fate != PARKED_DROPPED && parked_add(&e->parked, text) < 0)
        log_warn(e->name, "no memory to remember parked id %s", dirty_text(id));
    return fate != PARKED_DROPPED;
}

/* Returns an id that makes the operator halt; NULL: none does. */
static const struct dirty_id *note_failures(struct engine *e)
{
    struct op_batch *batch = e->running;
    const struct config *config = e->context->config;
    const struct dirty_id *first = NULL, *stops = NULL;
    size_t parked = 0;
    for (struct dirty_id *id = dirty_first(&batch->dirty); id; id = dirty_next(id)) {
        if (batch->kind != BATCH_PARKED && !dirty_failure_text(id))
            continue;
        if (!note_id(e, id))
            continue;
        parked++;
        first = first ? first : id;
        if (parked_fate(config, e->op, dirty_failures(id)) == PARKED_STOPS)
            stops = id;
    }
    if (parked > 0)
        due_note(e, parked_delay_ms(config, dirty_failures(first)));
    if (parked > 0)
        log_warn(e->name,
                 "%zu of %zu ids failed, the others go on; the first is %s (failure %u, tried "
                 "again in %" PRIu64 " ms): %s",
                 parked, batch->dirty.count, dirty_text(first), dirty_failures(first),
                 parked_delay_ms(config, dirty_failures(first)), dirty_failure_text(first));
    else if (batch->kind == BATCH_PARKED)
        log_info(e->name, "%zu parked ids are right again", batch->dirty.count);
    return stops;
}

static void note_position(struct engine *e)
{
    e->checkpoint = e->running->position;
    e->stored_ms = clock_monotonic_ms();
    e->stored_events = e->reader.events;
    (void)journal_hold(e->context->journal, e->hold, e->checkpoint);
}

static int note_progress(struct engine *e)
{
    struct op_batch *batch = e->running;
    if (batch->kind == BATCH_PARKED || batch->kind == BATCH_KEYS)
        return 0;
    if (batch->kind == BATCH_LIVE) {
        note_position(e);
        if (!batch->rebuild)
            return 0;
        log_info(e->name, "a source was truncated: computes every id anew");
        e->look = true; /* one that swaps has begun again */
        return rebuild_restart(&e->rebuild, 0, NULL, NULL);
    }
    int rc = rebuild_stored(&e->rebuild, batch, clock_monotonic_ms());
    if (!rebuild_under_way(&e->rebuild) && !e->rebuild.where)
        log_info(e->name, "every id is computed");
    else if (!rebuild_under_way(&e->rebuild))
        log_info(e->name, "the rebuild of the ids where %s is over", e->rebuild.where);
    return rc;
}

/* More of the parked ids may be due. When all is well with those that were, they are next; else
 * they wait for the tick: so ids that fail, however many, take few transactions a second. */
static void note_slice(struct engine *e)
{
    bool failed = false;
    for (struct dirty_id *id = dirty_first(&e->running->dirty); id; id = dirty_next(id))
        failed = failed || dirty_failure_text(id);
    e->look_for_parked = !failed && dirty_full(&e->running->dirty);
}

static void run_stored(struct engine *e)
{
    const struct dirty_id *stops = note_failures(e);
    struct error halt = {0};
    if (stops)
        error_set(&halt, -ECANCELED, "stopped at id %s, which failed %u times: %s",
                  dirty_text(stops), dirty_failures(stops), dirty_failure_text(stops));
    if (e->running->kind == BATCH_PARKED)
        note_slice(e);
    int rc = note_progress(e);
    op_batch_clear(e->running);
    e->running = NULL;
    e->batches++;
    if (rc < 0) {
        struct error err = {0};
        error_set(&err, rc, "no memory for a rebuild");
        engine_trouble(e, &err);
        return;
    }
    engine_recovered(e);
    if (stops)
        engine_halt(e, &halt);
    else
        engine_turn(e);
}

/* --- failures -------------------------------------------------------------------------------- */

/* A commit reaches us before other sessions see it: usually for less than a millisecond, but with
 * synchronous replication until a standby has confirmed it. */
void run_wait_until_seen(struct engine *e, const struct error *err)
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

/* The items that are bad are known now, or half of those that may be is tried next. */
static void data_failed(struct engine *e, const struct error *err)
{
    struct op_batch *batch = e->running;
    e->failures++;
    batch->failure = *err;
    bisect_tell(&batch->bisect, true);
    engine_turn(e);
}

/* --- the two kinds of transactions ----------------------------------------------------------- */

static bool is_of_work(const struct engine *e, const struct error *err)
{
    const struct bisect *bisect = &e->running->bisect;
    return failure_of(err) == FAILURE_DATA && bisect->begin < bisect->end;
}

static void on_rest_done(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (!err)
        run_stored(e);
    else if (failure_of(err) == FAILURE_UNSEEN)
        run_wait_until_seen(e, err);
    else if (is_of_work(e, err))
        data_failed(e, err);
    else
        engine_trouble(e, err);
}

static void on_part_done(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (!err) {
        op_batch_part_done(e->running, e->op);
        engine_turn(e);
    } else if (failure_of(err) == FAILURE_UNSEEN) {
        run_wait_until_seen(e, err);
    } else if (is_of_work(e, err)) {
        data_failed(e, err);
    } else {
        engine_trouble(e, err);
    }
}

static size_t failure_count(const struct op_batch *batch)
{
    size_t count = 0;
    for (struct dirty_id *id = dirty_first(&batch->dirty); id; id = dirty_next(id))
        count += dirty_failure_text(id) != NULL;
    return count;
}

static void run_rest(struct engine *e)
{
    const struct op_batch *batch = e->running;
    if (batch->kind != BATCH_PARKED && e->parked.count + failure_count(batch) > PARKED_MAX) {
        struct error err = {0};
        error_set(&err, -EINVAL,
                  "more than %d ids would be parked: this is not about single ids; mend the cause "
                  "and delete or retry rows of %s.parked",
                  PARKED_MAX, e->session.lane.group->schema);
        engine_trouble(e, &err);
        return;
    }
    op_batch_send_rest(batch, &e->parked, e->context->config, &e->session, on_rest_done);
}

/* Those that are known to be bad, with the reason. 0 or -ENOMEM. */
static int drop_bad_ids(struct op_batch *batch)
{
    while (bisect_want(&batch->bisect) == BISECT_BAD) {
        struct dirty_id *id = batch->work[batch->bisect.begin];
        int rc = dirty_set_failure(id, batch->failure.text, batch->failure.sqlstate);
        if (rc < 0)
            return rc;
        bisect_drop(&batch->bisect);
    }
    return 0;
}

void run_again(struct engine *e)
{
    if (e->running == &e->live && seen_ask(e))
        return;
    engine_set_state(e, ENGINE_BUSY);
    if (drop_bad_ids(e->running) < 0)
        engine_trouble(e, &(struct error){.code = -ENOMEM, .text = "no memory for a failure"});
    else if (bisect_want(&e->running->bisect) == BISECT_PART)
        op_batch_send_part(e->running, e->context->config, &e->session, on_part_done);
    else
        run_rest(e);
}

void run_start(struct engine *e, struct op_batch *batch)
{
    if (op_batch_arrange(batch, &e->parked) < 0) {
        engine_trouble(e, &(struct error){.code = -ENOMEM, .text = "no memory for a batch"});
        return;
    }
    e->running = batch;
    run_again(e);
}
