#include "operator/report.h"

/* Of several lanes the one that is worst off tells the state: later in this order is worse. */
static int badness(enum engine_state state)
{
    static const int order[] = {
        [ENGINE_READY] = 0,   [ENGINE_BUSY] = 1,   [ENGINE_OPENING] = 2, [ENGINE_RESTING] = 3,
        [ENGINE_WAITING] = 4, [ENGINE_PAUSED] = 5, [ENGINE_HALTED] = 6,  [ENGINE_CLOSED] = 7,
    };
    return order[state];
}

/* With its rebuild; who has none under way is behind nobody. */
static bool is_behind(const struct engine *e, const struct engine *other)
{
    if (!rebuild_under_way(&e->rebuild))
        return false;
    return !rebuild_under_way(&other->rebuild) || e->rebuild.step < other->rebuild.step;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void report_error(const struct engine *worst, struct operator_counters *to)
{
    /* Only this thread writes it, so it may look without the lock. */
    if (strncmp(to->error, worst->trouble.text, OPERATOR_ERROR_MAX - 1) != 0)
        operator_counters_set_error(to, worst->trouble.text);
}

static uint64_t settled_lsn(struct engine *e, const char *epoch)
{
    bool knows = strcmp(e->live.epoch, epoch) == 0;
    return knows && !rebuild_under_way(&e->rebuild) ? engine_applied_lsn(e) : 0;
}

bool report(struct engine *lanes, size_t count, const char *epoch, struct operator_counters *to)
{
    const struct engine *worst = lanes, *last = lanes;
    uint64_t applied = UINT64_MAX, settled = UINT64_MAX;
    uint64_t batches = 0, failures = 0, dirty = 0, parked = 0, rebuilding = 0;
    for (struct engine *e = lanes; e < lanes + count; e++) {
        if (badness(e->state) > badness(worst->state))
            worst = e;
        if (is_behind(e, last))
            last = e;
        applied = smaller(applied, engine_applied_lsn(e));
        settled = smaller(settled, settled_lsn(e, epoch));
        batches += e->batches;
        failures += e->failures;
        dirty += e->live.dirty.count;
        parked += e->parked.count;
        rebuilding |= rebuild_under_way(&e->rebuild) || e->begin;
    }
    atomic_store_explicit(&to->state, engine_state_name(worst->state), memory_order_relaxed);
    counter_set(&to->applied_lsn, applied);
    counter_set(&to->events, lanes->reader.events); /* each lane reads all */
    counter_set(&to->nulls, lanes->reader.toucher.nulls);
    counter_set(&to->batches, batches);
    counter_set(&to->failures, failures);
    counter_set(&to->dirty, dirty);
    counter_set(&to->parked, parked);
    counter_set(&to->rebuilding, rebuilding);
    counter_set(&to->rebuild_step, last->rebuild.step > 0 ? (uint64_t)last->rebuild.step : 0);
    report_error(worst, to);
    bool changed = counter_read(&to->settled_lsn) != settled;
    counter_set(&to->settled_lsn, settled);
    return changed;
}
