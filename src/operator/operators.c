#include "operator/operators.h"
#include "base/clock.h"
#include "operator/definition.h"
#include "operator/engine.h"
#include "operator/notify.h"
#include "operator/report.h"
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
    struct web_client *web;    /* NULL: no URL is to be told of failures */
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

static void on_report(struct loop_hook *hook)
{
    struct operators *ops = (struct operators *)((char *)hook - offsetof(struct operators, report));
    const struct config *config = ops->context.config;
    struct engine *lanes = ops->engines;
    bool changed = false;
    char epoch[9];
    journal_epoch(ops->context.journal, epoch);
    for (size_t i = 0; i < config->operator_count && ops->context.counters; i++) {
        changed |= report(lanes, config->operators[i].lanes, epoch, &ops->context.counters[i]);
        lanes += config->operators[i].lanes;
    }
    if (changed && ops->context.progress)
        progress_tell(ops->context.progress);
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

static size_t lane_count(const struct config *config)
{
    size_t count = 0;
    for (size_t i = 0; i < config->operator_count; i++)
        count += config->operators[i].lanes;
    return count;
}

static int start_notify(struct operators *ops, const struct config_operator *op,
                        struct lane_group *group)
{
    if (!op->notify.url && !op->notify.command)
        return 0;
    int rc = op->notify.url && !ops->web ? web_client_new(&ops->web, ops->loop) : 0;
    if (rc < 0)
        return rc;
    group->notify = notify_new(ops->loop, op, ops->web);
    return group->notify ? 0 : -ENOMEM;
}

static int start_lanes(struct operators *ops, const struct config_operator *op,
                       struct lane_group *group)
{
    const struct operators_context *context = &ops->context;
    group->schema = context->config->state_schema;
    group->slot = context->config->slot.name;
    group->reader = context->reader;
    group->target = op->database ? &context->targets[op - context->config->operators] : NULL;
    snprintf(group->process, sizeof(group->process), "%08x%08x", random_u32(), random_u32());
    for (unsigned i = 0; i < op->lanes; i++) {
        const struct lane lane = {.number = i, .count = op->lanes, .group = group};
        int rc = engine_init(&ops->engines[ops->count], ops->loop, context, op, &lane);
        if (rc < 0)
            return rc;
        ops->count++;
    }
    return 0;
}

static struct operators *operators_new(struct loop *loop, const struct operators_context *context)
{
    const struct config *config = context->config;
    struct operators *ops = calloc(1, sizeof(*ops) + lane_count(config) * sizeof(struct engine));
    struct lane_group *groups = calloc(config->operator_count + 1, sizeof(*groups));
    if (!ops || !groups) {
        free(ops);
        free(groups);
        return NULL;
    }
    *ops = (struct operators){.loop = loop, .context = *context, .groups = groups};
    ops->listener.on_records = on_progress;
    ops->listener.on_durable = on_progress; /* what is applied is told by it */
    ops->wakeup.on_wake = on_wake;
    ev_timer_init(&ops->stopped_timer, on_stopped_timer, 0., 0.);
    ops->stopped_timer.data = ops;
    ops->report = (struct loop_hook){.order = LOOP_ORDER_JOURNAL, .run = on_report};
    return ops;
}

int operators_start(struct operators **ret_operators, struct loop *loop,
                    const struct operators_context *context, struct error *err)
{
    const struct config *config = context->config;
    int rc = definition_check(config->operators, config->operator_count, err);
    if (rc < 0)
        return rc;
    struct operators *ops = operators_new(loop, context);
    if (!ops)
        return error_set(err, -ENOMEM, "operators: no memory");
    loop_wakeup_start(loop, &ops->wakeup);
    journal_listen(context->journal, &ops->listener);
    for (size_t i = 0; i < config->operator_count; i++) {
        rc = start_notify(ops, &config->operators[i], &ops->groups[i]);
        if (rc == 0)
            rc = start_lanes(ops, &config->operators[i], &ops->groups[i]);
        if (rc < 0) {
            operators_free(ops);
            return error_set(err, rc, "operator %s: no memory", config->operators[i].name);
        }
    }
    loop_hook_add(loop, &ops->report); /* it expects all lanes */
    ops->running = ops->count;
    *ret_operators = ops;
    return 0;
}

/* Of a number of lanes that may not be today's: the former ones hold what today's begin with. */
int operators_keep_holds(const struct config *config, struct journal *journal)
{
    size_t count = config->operator_count * LANES_MAX;
    const char **names = calloc(count + 1, sizeof(*names));
    char(*texts)[LANE_HOLD_MAX] = calloc(count + 1, sizeof(*texts));
    int rc = names && texts ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && rc == 0; i++)
        names[i] = lane_hold_name(texts[i], config->operators[i / LANES_MAX].name, i % LANES_MAX);
    if (rc == 0)
        journal_keep_holds(journal, names, count);
    free(names);
    free(texts);
    return rc;
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
    for (size_t i = 0; i < ops->context.config->operator_count; i++)
        notify_free(ops->groups[i].notify);
    web_client_free(ops->web);
    journal_unlisten(ops->context.journal, &ops->listener);
    loop_hook_remove(ops->loop, &ops->report);
    loop_wakeup_stop(ops->loop, &ops->wakeup);
    ev_timer_stop(ops->loop->ev, &ops->stopped_timer);
    free(ops->groups);
    free(ops);
}
