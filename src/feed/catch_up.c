/* Subscribers that are behind the router, each with a cursor of its own. */
#include "event/record.h"
#include "feed/match.h"
#include "feed/router_internal.h"

#include <errno.h>

/* Work a turn and a subscriber's share of it before the next one has its slice. One unit is a
 * record, or a KiB of it: what a turn costs must not depend on how large records are. */
#define TURN_BUDGET 4096
#define SLICE_BUDGET 512
#define UNIT_BYTES 1024

static void fail(struct subscriber *subscriber, struct error *why)
{
    subscriber_close(subscriber);
    subscriber->ops->failed(subscriber->owner, why);
}

static void fail_reading(struct subscriber *subscriber, int status)
{
    struct error err;

    error_set(&err, status, "Journal: earlier records cannot be read: %s; look at its disk",
              strerrordesc_np(-status));
    fail(subscriber, &err);
}

/* A cursor only knows the epoch that it was opened in: the position must be of the same, also when
 * a new one begins just now. */
static bool open_cursor(struct subscriber *subscriber)
{
    struct router *router = subscriber->router;
    struct error err = {0};

    if (journal_cursor_open(router->journal, &subscriber->cursor, subscriber->position, &err) < 0) {
        subscriber->cursor = NULL;
        fail(subscriber, &err);
        return false;
    }
    router_check_epoch(router);
    if (strcmp(subscriber->epoch, router->epoch) == 0)
        return true;
    subscriber_reset(subscriber, RESET_EPOCH);
    return false;
}

static void stale(struct subscriber *subscriber)
{
    router_check_epoch(subscriber->router);
    bool same_epoch = strcmp(subscriber->epoch, subscriber->router->epoch) == 0;
    subscriber_reset(subscriber, same_epoch ? RESET_EXPIRED : RESET_EPOCH);
}

/* The cursor is at its end. Below the router's position that must not be taken for caught up,
 * unless there is nothing to come: retention may have emptied the journal since the router read it.
 */
static bool caught_up(const struct subscriber *subscriber)
{
    const struct router *router = subscriber->router;

    return position_compare(subscriber->position, router->position) >= 0 ||
           position_compare(subscriber->position, router_newest(router)) >= 0;
}

static void give(struct subscriber *subscriber, const struct journal_entry *entry)
{
    struct router *router = subscriber->router;
    struct str key = {subscriber->topic->key, subscriber->topic->key_len};
    struct event event;

    subscriber->position = entry->position;
    if (event_read(&event, entry->bytes) < 0)
        subscriber_reset(subscriber, RESET_EXPIRED);
    else if (match_key(router->tables, &event, &router->scratch, key))
        subscriber->ops->push(subscriber->owner, entry, &event);
}

/* One record, or a change of mode. Returns the units it used. */
static size_t step(struct subscriber *subscriber)
{
    struct journal_entry entry;

    if (!subscriber->ops->has_room(subscriber->owner)) {
        subscriber_wait(subscriber, subscriber->position);
        return 1;
    }
    int status = journal_cursor_next(subscriber->cursor, &entry);
    if (status == -ESTALE) {
        stale(subscriber);
    } else if (status < 0) {
        fail_reading(subscriber, status);
    } else if (status == 0) {
        if (caught_up(subscriber))
            subscriber_set_mode(subscriber, SUBSCRIBER_LIVE);
        return SLICE_BUDGET;
    } else if (position_compare(entry.position, subscriber->router->position) > 0) {
        /* The router has yet to read this one, and will hand it over. */
        subscriber_set_mode(subscriber, SUBSCRIBER_LIVE);
    } else {
        size_t units = 1 + entry.bytes.len / UNIT_BYTES;
        give(subscriber, &entry);
        return units;
    }
    return 1;
}

static size_t slice(struct subscriber *subscriber)
{
    size_t used = 0;

    if (subscriber->cursor == NULL && !open_cursor(subscriber))
        return 1;
    while (subscriber->mode == SUBSCRIBER_CATCHING_UP && used < SLICE_BUDGET)
        used += step(subscriber);
    return used;
}

bool catch_up_turn(struct router *router)
{
    size_t used = 0;

    while (router->catching_up != NULL && used < TURN_BUDGET) {
        struct subscriber *subscriber = router->catching_up;
        used += slice(subscriber);
        /* To the end of the list: the others come first now. */
        if (subscriber->mode == SUBSCRIBER_CATCHING_UP) {
            DL_DELETE(router->catching_up, subscriber);
            DL_APPEND(router->catching_up, subscriber);
        }
    }
    return router->catching_up != NULL;
}
