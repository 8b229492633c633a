#include "operator/operators.h"
#include "base/clock.h"
#include "operator/definition.h"
#include "operator/engine.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct operators {
    struct loop *loop;
    struct operators_context context;
    struct journal_listener listener; /* on the journal's thread: wakes the loop */
    struct loop_wakeup wakeup;
    struct loop_hook report; /* at the end of each turn, for other threads */
    ev_timer stopped_timer;  /* tells on_stopped from the loop, not from inside operators_stop() */
    void (*on_stopped)(void *owner);
    void *owner;
    size_t running; /* engines that are not closed */
    size_t count;
    struct lane_group *groups; /* one an operator */
    struct engine engines[];
};

static void on_progress(struct journal_listener *listener)
{
    struct operators *ops =
        (struct operators *)((char *)listener - offsetof(struct operators, listener));
    loop_wake(ops->loop, &ops->wakeup);
}

static void on_wake(struct loop_wakeup *wakeup)
{
    struct operators *ops =
        (struct operators *)((char *)wakeup - offsetof(struct operators, wakeup));
    for (size_t i = 0; i < ops->count; i++)
        engine_wake(&ops->engines[i]);
}

static void report(const struct engine *e, struct operator_counters *to)
{
    atomic_store_explicit(&to->state, engine_state_name(e->state), memory_order_relaxed);
    counter_set(&to->applied_lsn, e->checkpoint.lsn);
    counter_set(&to->events, e->reader.events);
    counter_set(&to->batches, e->batches);
    counter_set(&to->failures, e->failures);
    counter_set(&to->parked, e->parked.count);
    counter_set(&to->rebuilding, rebuild_under_way(&e->rebuild));
}

static void on_report(struct loop_hook *hook)
{
    const struct operators *ops =
        (struct operators *)((char *)hook - offsetof(struct operators, report));
    for (size_t i = 0; i < ops->count && ops->context.counters; i++)
        report(&ops->engines[i], &ops->context.counters[i]);
}

static void on_stopped_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct operators *ops = timer->data;
    ops->on_stopped(ops->owner);
}

static void engine_closed(void *owner)
{
    struct operators *ops = owner;
    if (--ops->running == 0)
        ev_timer_start(ops->loop->ev, &ops->stopped_timer);
}

int operators_start(struct operators **ret_operators, struct loop *loop,
                    const struct operators_context *context, struct error *err)
{
    const struct config *config = context->config;
    int rc = definition_check(config->operators, config->operator_count, err);
    if (rc < 0)
        return rc;
    size_t size = sizeof(struct operators) + config->operator_count * sizeof(struct engine);
    struct operators *ops = calloc(1, size);
    struct lane_group *groups = calloc(config->operator_count + 1, sizeof(*groups));
    if (!ops || !groups) {
        free(ops);
        free(groups);
        return error_set(err, -ENOMEM, "operators: no memory");
    }
    *ops = (struct operators){.loop = loop, .context = *context, .groups = groups};
    ops->listener.on_progress = on_progress;
    ops->wakeup.on_wake = on_wake;
    ev_timer_init(&ops->stopped_timer, on_stopped_timer, 0., 0.);
    ops->stopped_timer.data = ops;
    ops->report = (struct loop_hook){.order = LOOP_ORDER_JOURNAL, .run = on_report};
    loop_hook_add(loop, &ops->report);
    loop_wakeup_start(loop, &ops->wakeup);
    journal_listen(context->journal, &ops->listener);
    for (; ops->count < config->operator_count; ops->count++) {
        const struct config_operator *op = &config->operators[ops->count];
        struct lane_group *group = &ops->groups[ops->count];
        snprintf(group->process, sizeof(group->process), "%08x%08x", random_u32(), random_u32());
        const struct lane lane = {.count = 1, .group = group};
        rc = engine_init(&ops->engines[ops->count], loop, &ops->context, op, &lane);
        if (rc < 0) {
            operators_free(ops);
            return error_set(err, rc, "operator %s: no memory", op->name);
        }
    }
    ops->running = ops->count;
    *ret_operators = ops;
    return 0;
}

void operators_stop(struct operators *ops, void (*on_stopped)(void *owner), void *owner)
{
    ops->on_stopped = on_stopped;
    ops->owner = owner;
    if (ops->count == 0)
        ev_timer_start(ops->loop->ev, &ops->stopped_timer);
    for (size_t i = 0; i < ops->count; i++)
        engine_stop(&ops->engines[i], engine_closed, ops);
}

void operators_free(struct operators *ops)
{
    if (!ops)
        return;
    for (size_t i = 0; i < ops->count; i++)
        engine_release(&ops->engines[i]);
    journal_unlisten(ops->context.journal, &ops->listener);
    loop_hook_remove(ops->loop, &ops->report);
    loop_wakeup_stop(ops->loop, &ops->wakeup);
    ev_timer_stop(ops->loop->ev, &ops->stopped_timer);
    free(ops->groups);
    free(ops);
}
