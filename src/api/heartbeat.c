#include "api/heartbeat.h"

#include "base/clock.h"

#include <utlist.h>

/* The timer is set when the list gets its first entry and each time it fires. Touched entries only
 * become due later, so it may fire for nothing, and need not be set again for each of them. */
static void arm(struct heartbeat *heartbeat, uint64_t now)
{
    struct heartbeat_entry *first = heartbeat->entries;

    if (first == NULL || ev_is_active(&heartbeat->timer))
        return;
    uint64_t wait = first->due_ms > now ? first->due_ms - now : 0;
    ev_now_update(heartbeat->loop->ev);
    ev_timer_set(&heartbeat->timer, (double)wait / 1000.0, 0.);
    ev_timer_start(heartbeat->loop->ev, &heartbeat->timer);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct heartbeat *heartbeat = timer->data;
    uint64_t now = clock_monotonic_ms();

    while (heartbeat->entries != NULL && heartbeat->entries->due_ms <= now) {
        struct heartbeat_entry *entry = heartbeat->entries;
        heartbeat_touch(heartbeat, entry);
        entry->on_due(entry);
    }
    arm(heartbeat, now);
}

void heartbeat_start(struct heartbeat *heartbeat, struct loop *loop, unsigned interval_ms)
{
    *heartbeat = (struct heartbeat){.loop = loop, .interval_ms = interval_ms > 0 ? interval_ms : 1};
    ev_timer_init(&heartbeat->timer, on_timer, 0., 0.);
    heartbeat->timer.data = heartbeat;
}

void heartbeat_stop(struct heartbeat *heartbeat)
{
    ev_timer_stop(heartbeat->loop->ev, &heartbeat->timer);
}

static void put_off(struct heartbeat *heartbeat, struct heartbeat_entry *entry, uint64_t now)
{
    heartbeat_remove(heartbeat, entry);
    entry->due_ms = now + heartbeat->interval_ms;
    DL_APPEND(heartbeat->entries, entry);
    arm(heartbeat, now);
}

/* The events of one turn are one sign of life. */
void heartbeat_touch(struct heartbeat *heartbeat, struct heartbeat_entry *entry)
{
    uint64_t now = loop_now_ms(heartbeat->loop);

    if (entry->prev == NULL || entry->due_ms != now + heartbeat->interval_ms)
        put_off(heartbeat, entry, now);
}

void heartbeat_remove(struct heartbeat *heartbeat, struct heartbeat_entry *entry)
{
    if (entry->prev == NULL) /* utlist: the first one's is the last one */
        return;
    DL_DELETE(heartbeat->entries, entry);
    entry->prev = entry->next = NULL;
}
