#include "feed/subscriber.h"

#include "feed/router_internal.h"

#include <assert.h>
#include <errno.h>

static struct position later(struct position a, struct position b)
{
    return position_compare(a, b) > 0 ? a : b;
}

static size_t rider_count(const struct subscriber *subscriber)
{
    return subscriber->has_many ? subscriber->rider_count : 1;
}

static struct rider *rider_at(struct subscriber *subscriber, size_t index)
{
    return subscriber->has_many ? &subscriber->riders[index] : &subscriber->rider;
}

/* Gets off its pass, or out of the list of those who wait for one. */
static void leave(struct subscriber *subscriber)
{
    struct pass *pass = subscriber->pass;

    if (pass != NULL) {
        subscriber->position = later(subscriber->position, pass->position);
        for (size_t i = 0; i < rider_count(subscriber); i++) {
            struct rider *rider = rider_at(subscriber, i);
            DL_DELETE(rider->audience->riders[pass->index], rider);
        }
        DL_DELETE2(pass->riders, subscriber, mate_prev, mate_next);
    } else if (subscriber->mode == SUBSCRIBER_CATCHING_UP) {
        DL_DELETE2(subscriber->router->pending, subscriber, mate_prev, mate_next);
    }
    subscriber->pass = NULL;
}

void subscriber_ride(struct subscriber *subscriber, struct pass *pass)
{
    if (subscriber->pass == pass)
        return;
    leave(subscriber);
    subscriber->pass = pass;
    subscriber->mode = pass->index == PASS_LIVE ? SUBSCRIBER_LIVE : SUBSCRIBER_CATCHING_UP;
    for (size_t i = 0; i < rider_count(subscriber); i++) {
        struct rider *rider = rider_at(subscriber, i);
        DL_APPEND(rider->audience->riders[pass->index], rider);
    }
    DL_APPEND2(pass->riders, subscriber, mate_prev, mate_next);
}

void subscriber_queue(struct subscriber *subscriber)
{
    struct router *router = subscriber->router;

    leave(subscriber);
    subscriber->mode = SUBSCRIBER_CATCHING_UP;
    DL_APPEND2(router->pending, subscriber, mate_prev, mate_next);
    loop_again(router->loop);
}

static void start_now(struct subscriber *subscriber)
{
    struct router *router = subscriber->router;

    subscriber_ride(subscriber, &router->passes[PASS_LIVE]);
    memcpy(subscriber->epoch, router->epoch, sizeof(subscriber->epoch));
    subscriber->position = router_newest(router);
}

/* --- topics ---------------------------------------------------------------------------------- */

static void leave_topics(struct subscriber *subscriber)
{
    for (size_t i = 0; i < rider_count(subscriber); i++)
        router_leave(subscriber->router, rider_at(subscriber, i)->audience);
    if (subscriber->has_many)
        free(subscriber->riders);
    subscriber->has_many = false;
    subscriber->rider = (struct rider){0};
}

static int compare_riders(const void *a, const void *b)
{
    uintptr_t first = (uintptr_t)router_topic_of(((const struct rider *)a)->audience);
    uintptr_t second = (uintptr_t)router_topic_of(((const struct rider *)b)->audience);

    return (first > second) - (first < second);
}

/* A subscriber is below a topic once. */
static void drop_doubles(struct subscriber *subscriber)
{
    struct rider *riders = subscriber->riders;
    size_t kept = 0;

    qsort(riders, subscriber->rider_count, sizeof(*riders), compare_riders);
    for (size_t i = 0; i < subscriber->rider_count; i++) {
        if (kept > 0 && compare_riders(&riders[kept - 1], &riders[i]) == 0)
            router_leave(subscriber->router, riders[i].audience);
        else
            riders[kept++] = riders[i];
    }
    subscriber->rider_count = kept;
}

static int join_many(struct subscriber *subscriber, const struct subscription *wanted, size_t count)
{
    int status = 0;

    subscriber->riders = calloc(count, sizeof(*subscriber->riders));
    if (subscriber->riders == NULL)
        return -ENOMEM;
    subscriber->has_many = true;
    subscriber->rider_count = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        struct rider *rider = &subscriber->riders[i];
        rider->subscriber = subscriber;
        status = router_join(subscriber->router, &wanted[i], &rider->audience);
        subscriber->rider_count += status == 0;
    }
    if (status < 0)
        leave_topics(subscriber);
    else
        drop_doubles(subscriber);
    return status;
}

static int join(struct subscriber *subscriber, const struct subscription *wanted, size_t count)
{
    if (count > 1)
        return join_many(subscriber, wanted, count);
    subscriber->rider = (struct rider){.subscriber = subscriber};
    return router_join(subscriber->router, wanted, &subscriber->rider.audience);
}

int subscriber_start(struct subscriber *subscriber, struct router *router,
                     const struct subscription *wanted, size_t count, const struct position *after,
                     struct error *err)
{
    assert(subscriber->mode == SUBSCRIBER_CLOSED);
    assert(count > 0);
    router_check_epoch(router);
    subscriber->router = router;
    int status = join(subscriber, wanted, count);
    if (status < 0)
        return error_set(err, status, "Topic of \"%.*s\": %s", STR_ARG(wanted->topic.table.table),
                         status == -EMSGSIZE ? "too long" : "out of memory");
    router->subscriber_count++;
    start_now(subscriber);
    if (after == NULL)
        return 0;
    subscriber_queue(subscriber);
    subscriber->position = *after;
    return 0;
}

void subscriber_wait(struct subscriber *subscriber)
{
    leave(subscriber);
    subscriber->mode = SUBSCRIBER_WAITING;
    subscriber->ops->want_room(subscriber->owner);
}

void subscriber_resume(struct subscriber *subscriber)
{
    if (subscriber->mode == SUBSCRIBER_WAITING)
        subscriber_queue(subscriber);
}

void subscriber_reset(struct subscriber *subscriber, enum reset_reason reason)
{
    start_now(subscriber);
    subscriber->ops->reset(subscriber->owner, reason);
}

void subscriber_close(struct subscriber *subscriber)
{
    if (subscriber->mode == SUBSCRIBER_CLOSED)
        return;
    leave(subscriber);
    subscriber->mode = SUBSCRIBER_CLOSED;
    leave_topics(subscriber);
    subscriber->router->subscriber_count--;
}

struct position subscriber_position(const struct subscriber *subscriber)
{
    const struct pass *pass = subscriber->pass;

    return pass != NULL ? later(subscriber->position, pass->position) : subscriber->position;
}

const char *subscriber_epoch(const struct subscriber *subscriber)
{
    return subscriber->epoch;
}
