#include "feed/router.h"

#include "event/record.h"
#include "feed/match.h"
#include "feed/router_internal.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

/* Records a turn: enough to work in bulk, few enough that what was handed out gets written. */
#define LIVE_BUDGET 1024
#define RETRY_SECONDS 1.0

#define ROUTER_OF(pointer, member)                                                                 \
    ((struct router *)((char *)(pointer)-offsetof(struct router, member)))

struct position router_newest(const struct router *router)
{
    struct position oldest, newest;

    (void)journal_bounds(router->journal, &oldest, &newest);
    return newest;
}

struct position router_earliest(const struct router *router)
{
    struct position oldest, newest;

    return journal_bounds(router->journal, &oldest, &newest) ? position_before(oldest) : newest;
}

/* One record on its way to those who get it. */
struct delivery {
    struct router *router;
    const struct journal_entry *entry;
    const struct event *event;
};

/* The comparison of positions serves two ends: what a subscriber had while it caught up is not
 * given again, and neither is a record of which several keys lead to the same topic. */
static void deliver_topic(const struct delivery *delivery, struct router_topic *topic)
{
    struct subscriber *subscriber, *next;

    DL_FOREACH_SAFE(topic->live, subscriber, next)
    {
        if (position_compare(delivery->entry->position, subscriber->position) <= 0)
            continue;
        if (!subscriber->ops->has_room(subscriber->owner)) {
            subscriber_wait(subscriber, delivery->router->position);
            continue;
        }
        subscriber->position = delivery->entry->position;
        subscriber->ops->push(subscriber->owner, delivery->entry, delivery->event);
    }
}

static void deliver_key(void *arg, struct str key)
{
    struct delivery *delivery = arg;
    struct router_topic *topic;

    HASH_FIND(hh, delivery->router->topics, key.data, key.len, topic);
    if (topic != NULL)
        deliver_topic(delivery, topic);
}

/* A truncate is rare enough to look at every topic there is. */
static void deliver_truncate(struct delivery *delivery)
{
    struct table_name table = {delivery->event->schema, delivery->event->table};
    struct router_topic *topic, *next;

    HASH_ITER(hh, delivery->router->topics, topic, next)
    {
        if (topic_key_truncated((struct str){topic->key, topic->key_len}, table))
            deliver_topic(delivery, topic);
    }
}

static void reset_live(struct router *router, enum reset_reason reason)
{
    struct router_topic *topic, *next_topic;
    struct subscriber *subscriber, *next;

    HASH_ITER(hh, router->topics, topic, next_topic)
    {
        DL_FOREACH_SAFE(topic->live, subscriber, next)
        {
            subscriber_reset(subscriber, reason);
        }
    }
}

/* A record that cannot be read is a record that is lost: all who might have got it are told. */
static void deliver(struct router *router, const struct journal_entry *entry)
{
    struct event event;
    struct delivery delivery = {router, entry, &event};

    if (router->topics == NULL)
        return;
    if (event_read(&event, entry->bytes) < 0)
        reset_live(router, RESET_EXPIRED);
    else if (event.type == EVENT_TRUNCATE)
        deliver_truncate(&delivery);
    else
        match_keys(router->tables, &event, &router->scratch, deliver_key, &delivery);
}

static void trouble(struct router *router, const struct error *why)
{
    journal_cursor_close(router->cursor);
    router->cursor = NULL;
    router->troubled = true;
    ev_timer_stop(router->loop->ev, &router->retry);
    ev_timer_set(&router->retry, RETRY_SECONDS, 0.);
    ev_timer_start(router->loop->ev, &router->retry);
    router->on_trouble(router->owner, why);
}

static bool epoch_changed(const struct router *router)
{
    char epoch[9];

    journal_epoch(router->journal, epoch);
    return strcmp(epoch, router->epoch) != 0;
}

static void open_cursor(struct router *router)
{
    struct error err = {0};

    journal_cursor_close(router->cursor);
    router->cursor = NULL;
    router->behind = true;
    if (journal_cursor_open(router->journal, &router->cursor, router->position, &err) == 0)
        return;
    router->cursor = NULL;
    trouble(router, &err);
}

/* What lies between the old position and the newest one is given up. A new epoch may begin while we
 * look: epoch, position and cursor must be of the same. */
static void restart(struct router *router, enum reset_reason reason)
{
    do {
        journal_epoch(router->journal, router->epoch);
        router->position = router_newest(router);
        open_cursor(router);
    } while (epoch_changed(router));
    reset_live(router, reason);
}

void router_check_epoch(struct router *router)
{
    if (epoch_changed(router))
        restart(router, RESET_EPOCH);
}

static void fail(struct router *router, int status)
{
    struct error err;

    if (status == -ESTALE) {
        restart(router, epoch_changed(router) ? RESET_EPOCH : RESET_EXPIRED);
        return;
    }
    error_set(&err, status, "Journal: new records cannot be read: %s; look at its disk",
              strerrordesc_np(-status));
    trouble(router, &err);
}

/* True when the budget was used up. */
static bool read_records(struct router *router)
{
    struct journal_entry entry;

    for (unsigned n = 0; n < LIVE_BUDGET; n++) {
        int status = journal_cursor_next(router->cursor, &entry);
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
        deliver(router, &entry);
        router->position = entry.position;
        router->records_read++;
    }
    return true;
}

static void on_turn(struct loop_hook *hook)
{
    struct router *router = ROUTER_OF(hook, hook);
    bool more = router->behind && router->cursor != NULL && read_records(router);

    if (catch_up_turn(router) || more)
        loop_again(router->loop);
}

static void on_progress(struct journal_listener *listener)
{
    struct router *router = ROUTER_OF(listener, listener);

    loop_wake(router->loop, &router->wakeup);
}

static void on_wake(struct loop_wakeup *wakeup)
{
    ROUTER_OF(wakeup, wakeup)->behind = true;
}

static void on_retry(struct ev_loop *ev, ev_timer *timer, int events)
{
    open_cursor(timer->data);
}

static void start(struct router *router)
{
    router->hook.order = LOOP_ORDER_FEED;
    router->hook.run = on_turn;
    router->wakeup.on_wake = on_wake;
    router->listener.on_progress = on_progress;
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
    journal_cursor_close(router->cursor);
    buffer_release(&router->scratch);
    free(router);
}

uint64_t router_records_read(const struct router *router)
{
    return router->records_read;
}

size_t router_subscribers(const struct router *router)
{
    return router->subscriber_count;
}
