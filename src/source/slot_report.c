/* For other threads: how the capture is. */
#include "base/clock.h"
#include "source/slot_source.h"

/* A look that is older says nothing of now. */
#define LOOK_STALE_MS 30000

static void tell_wal_clock(const struct source *s)
{
    const struct wal_clock_look look = {
        .time_us = s->look.time_us, .lsn = s->look.insert_lsn, .seen_ms = s->looked_at};
    if (!s->context.wal_clock || look.lsn == 0)
        return;
    wal_clock_look(s->context.wal_clock, &look);
    progress_tell(s->context.progress);
}

void slot_on_look(void *owner, const struct watch_look *look)
{
    struct source *s = owner;
    s->looked_at = clock_monotonic_ms();
    s->look = *look;
    lag_look(&s->lag, look->server_lsn, s->looked_at);
    tell_wal_clock(s);
}

static void report_look(const struct source *s, struct source_counters *to)
{
    counter_set(&to->looked_ms, s->looked_at);
    counter_set(&to->server_lsn, s->look.server_lsn);
    counter_set(&to->restart_lsn, s->look.restart_lsn);
    counter_set(&to->has_limit, s->look.has_limit);
    counter_set(&to->safe_bytes, s->look.safe_bytes);
    counter_set(&to->behind_since_ms, lag_since(&s->lag));
}

static void report_capture(const struct source *s, struct source_counters *to)
{
    const struct capture *c = &s->capture;
    uint64_t durable = journal_durable_lsn(s->context.journal);
    counter_set(&to->events, c->events);
    counter_set(&to->transactions, c->transactions);
    counter_set(&to->captured_lsn, c->marked > durable ? c->marked : durable);
    counter_set(&to->confirmed_lsn, s->confirmed);
    counter_set(&to->slowest_message_ms, c->slowest_ms);
    counter_set(&to->streams, s->streams);
    atomic_store_explicit(&to->state, slot_state_name(s->state), memory_order_relaxed);
    atomic_store_explicit(&to->plugin, c->ops ? c->ops->plugin : NULL, memory_order_relaxed);
}

void slot_report(struct source *s)
{
    struct source_counters *to = s->context.counters;
    uint64_t now = clock_monotonic_ms();
    if (!to)
        return;
    if (s->state != SOURCE_STREAMING || now - s->looked_at > LOOK_STALE_MS)
        lag_lose_sight(&s->lag, now);
    lag_reach(&s->lag, journal_durable_lsn(s->context.journal));
    report_capture(s, to);
    report_look(s, to);
}
