#include "feed/subscriber.h"

#include "feed/router_internal.h"

#include <assert.h>
#include <errno.h>

static struct router_topic *topic_new(struct router *router, struct str key)
{
    struct router_topic *topic = calloc(1, sizeof(*topic) + key.len);

    if (topic == NULL)
        return NULL;
    memcpy(topic->key, key.data, key.len);
    topic->key_len = key.len;
    topic->in_hash = true;
    HASH_ADD_KEYPTR(hh, router->topics, topic->key, topic->key_len, topic);
    if (topic->in_hash)
        return topic;
    free(topic);
    return NULL;
}

static int topic_acquire(struct router *router, const struct topic *wanted,
                         struct router_topic **ret_topic)
{
    struct router_topic *topic;

    buffer_reset(&router->scratch);
    int status = topic_key(&router->scratch, wanted);
    if (status < 0)
        return status;
    struct str key = buffer_str(&router->scratch);
    HASH_FIND(hh, router->topics, key.data, key.len, topic);
    if (topic == NULL)
        topic = topic_new(router, key);
    if (topic == NULL)
        return -ENOMEM;
    topic->references++;
    *ret_topic = topic;
    return 0;
}

static void topic_unref(struct router *router, struct router_topic *topic)
{
    if (--topic->references > 0)
        return;
    HASH_DEL(router->topics, topic);
    free(topic);
}

static struct position later(struct position a, struct position b)
{
    return position_compare(a, b) > 0 ? a : b;
}

/* Gets off its pass, or out of the list of those who wait for one. */
static void leave(struct subscriber *subscriber)
{
    struct pass *pass = subscriber->pass;

    if (pass != NULL) {
        subscriber->position = later(subscriber->position, pass->position);
        DL_DELETE(subscriber->topic->riders[pass->index], subscriber);
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
    DL_APPEND(subscriber->topic->riders[pass->index], subscriber);
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

int subscriber_start(struct subscriber *subscriber, struct router *router,
                     const struct topic *topic, const struct position *after, struct error *err)
{
    assert(subscriber->mode == SUBSCRIBER_CLOSED);
    router_check_epoch(router);
    int status = topic_acquire(router, topic, &subscriber->topic);
    if (status < 0)
        return error_set(err, status, "Topic of \"%.*s\": %s", STR_ARG(topic->table.table),
                         status == -EMSGSIZE ? "too long" : "out of memory");
    subscriber->router = router;
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
    topic_unref(subscriber->router, subscriber->topic);
    subscriber->topic = NULL;
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
