#include "feed/router.h"

#include "base/thread.h"
#include "event/id.h"
#include "feed/match.h"
#include "feed/router_internal.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

/* Records a turn, and deliveries: enough to work in bulk, few enough that what was handed out gets
 * written. What waits for that takes up to 100 bytes a delivery. */
#define LIVE_BUDGET 1024
#define LIVE_DELIVERIES (512u << 10)
/* So many records in a turn say that there is a backlog. */
#define BACKLOG_RECORDS 64
#define RETRY_SECONDS 1.0

#define ROUTER_OF(pointer, member)                                                                 \
    ((struct router *)((char *)(pointer)-offsetof(struct router, member)))

struct position router_newest(const struct router *router)
{
    struct position oldest, newest;

    (void)journal_bounds(router->journal, &oldest, &newest);
    return newest;
}

struct position router_position(const struct router *router)
{
    return router->passes[PASS_LIVE].position;
}

void router_tell_damage(struct router *router, struct position position)
{
    char id[EVENT_ID_MAX];
    struct error what;

    if (position_compare(position, router->damaged) == 0)
        return;
    router->damaged = position;
    error_set(&what, -EIO,
              "Journal: the records after %s are damaged; who missed them is told with a reset; "
              "`walpiper journal verify` says what is left",
              event_id_format(router->epoch, position, id));
    router->on_damage(router->owner, &what);
}

static void trouble(struct router *router, const struct error *why)
{
    pass_close(&router->passes[PASS_LIVE]);
    router->troubled = true;
    ev_timer_stop(router->loop->ev, &router->retry);
    ev_timer_set(&router->retry, RETRY_SECONDS, 0.);
    ev_timer_start(router->loop->ev, &router->retry);
    router->on_trouble(router->owner, why);
}

bool router_epoch_changed(const struct router *router)
{
    char epoch[9];

    journal_epoch(router->journal, epoch);
    return strcmp(epoch, router->epoch) != 0;
}

static void open_live(struct router *router)
{
    struct pass *live = &router->passes[PASS_LIVE];
    struct error err = {0};

    router->behind = true;
    if (pass_open(live, live->position, &err) < 0)
        trouble(router, &err);
}

/* Those that are ahead of the live pass have lost nothing yet: they catch up. */
static void spare_those_ahead(struct router *router)
{
    const struct pass *live = &router->passes[PASS_LIVE];
    struct subscriber *subscriber, *next;

    DL_FOREACH_SAFE2(live->riders, subscriber, next, mate_next)
    {
        if (position_compare(subscriber->position, live->position) > 0)
            subscriber_queue(subscriber);
    }
}

static void reset_live(struct router *router, enum reset_reason reason)
{
    struct subscriber *subscriber, *next;

    DL_FOREACH_SAFE2(router->passes[PASS_LIVE].riders, subscriber, next, mate_next)
    {
        subscriber_reset(subscriber, reason);
    }
}

/* What lies between the old position and the newest one is given up. A new epoch may begin while we
 * look: epoch, position and cursor must be of the same. */
static void restart(struct router *router, enum reset_reason reason)
{
    if (reason != RESET_EPOCH)
        spare_those_ahead(router);
    do {
        journal_epoch(router->journal, router->epoch);
        router->passes[PASS_LIVE].position = router_newest(router);
        open_live(router);
    } while (router_epoch_changed(router));
    reset_live(router, reason);
}

void router_check_epoch(struct router *router)
{
    if (!router_epoch_changed(router))
        return;
    for (unsigned i = PASS_LIVE + 1; i < PASSES; i++)
        catch_up_dissolve(&router->passes[i]);
    restart(router, RESET_EPOCH);
}

static void fail(struct router *router, int status)
{
    struct error err;

    if (status == -ESTALE && router_epoch_changed(router)) {
        router_check_epoch(router);
        return;
    }
    if (status == -ESTALE) {
        restart(router, RESET_EXPIRED);
        return;
    }
    if (status == -EIO) {
        router_tell_damage(router, router_position(router));
        restart(router, RESET_DAMAGED);
        return;
    }
    error_set(&err, status, "Journal: new records cannot be read: %s; look at its disk",
              strerrordesc_np(-status));
    trouble(router, &err);
}

/* True when the budget was used up. */
static bool read_live(struct router *router)
{
    struct pass *live = &router->passes[PASS_LIVE];
    uint64_t most = router->deliveries + LIVE_DELIVERIES;
    struct journal_entry entry;

    for (unsigned n = 0; n < LIVE_BUDGET && router->deliveries < most; n++) {
        int status = pass_next(live, &entry);
        if (status < 0) {
            fail(router, status);
            return false;
        }
        if (router->troubled) {
            router->troubled = false;
            router->on_trouble(router->owner, NULL);
        }
        if (status == 0) {
            router->behind = false;
            return false;
        }
        pass_deliver(live, &entry);
        router->records_read++;
    }
    return true;
}

/* For other threads; once a turn, so that no event costs more for it. */
static void tell_counters(struct router *router)
{
    counter_set(&router->counters.subscribers, router->subscriber_count);
    counter_set(&router->counters.records, router->records_read);
    counter_set(&router->counters.deliveries, router->deliveries);
}

static void on_turn(struct loop_hook *hook)
{
    struct router *router = ROUTER_OF(hook, hook);
    bool live = router->passes[PASS_LIVE].cursor != NULL;
    uint64_t before = router->records_read;
    bool more = router->behind && live && read_live(router);

    thread_set_batch(more || router->records_read - before >= BACKLOG_RECORDS);
    if (catch_up_turn(router) || more)
        loop_again(router->loop);
    tell_counters(router);
}

static void on_records(struct journal_listener *listener)
{
    struct router *router = ROUTER_OF(listener, listener);

    loop_wake(router->loop, &router->wakeup);
}

static void on_wake(struct loop_wakeup *wakeup)
{
    struct router *router = ROUTER_OF(wakeup, wakeup);

    router->behind = true;
    for (unsigned i = 0; i < PASSES; i++)
        router->passes[i].at_end = false;
}

static void on_retry(struct ev_loop *ev, ev_timer *timer, int events)
{
    open_live(timer->data);
}

static void start(struct router *router)
{
    for (unsigned i = 0; i < PASSES; i++) {
        router->passes[i].router = router;
        router->passes[i].index = i;
    }
    router->hook.order = LOOP_ORDER_FEED;
    router->hook.run = on_turn;
    router->wakeup.on_wake = on_wake;
    router->listener.on_records = on_records;
    ev_timer_init(&router->retry, on_retry, RETRY_SECONDS, 0.);
    router->retry.data = router;
    loop_hook_add(router->loop, &router->hook);
    loop_wakeup_start(router->loop, &router->wakeup);
    journal_listen(router->journal, &router->listener);
}

int router_new(struct router **ret_router, const struct router_context *context, struct error *err)
{
    struct router *router = calloc(1, sizeof(*router));

    if (router == NULL)
        return error_set(err, -ENOMEM, "Feed: out of memory");
    *router = (struct router){.loop = context->loop,
                              .journal = context->journal,
                              .tables = context->tables,
                              .on_trouble = context->on_trouble,
                              .on_damage = context->on_damage,
                              .owner = context->owner,
                              .behind = true};
    int status = match_scratch(&router->scratch);
    if (status < 0) {
        free(router);
        return error_set(err, status, "Feed: out of memory");
    }
    start(router);
    restart(router, RESET_EPOCH);
    *ret_router = router;
    return 0;
}

void router_free(struct router *router)
{
    if (router == NULL)
        return;
    assert(router->subscriber_count == 0);
    journal_unlisten(router->journal, &router->listener);
    loop_wakeup_stop(router->loop, &router->wakeup);
    loop_hook_remove(router->loop, &router->hook);
    ev_timer_stop(router->loop->ev, &router->retry);
    for (unsigned i = 0; i < PASSES; i++)
        pass_close(&router->passes[i]);
    buffer_release(&router->scratch);
    free(router);
}

uint64_t router_records_read(const struct router *router)
{
    return router->records_read;
}

const struct feed_counters *router_counters(const struct router *router)
{
    return &router->counters;
}

size_t router_subscribers(const struct router *router)
{
    return router->subscriber_count;
}
