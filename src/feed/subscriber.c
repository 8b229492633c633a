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

static void unlink_mode(struct subscriber *subscriber)
{
    if (subscriber->mode == SUBSCRIBER_LIVE)
        DL_DELETE(subscriber->topic->live, subscriber);
    else if (subscriber->mode == SUBSCRIBER_CATCHING_UP)
        DL_DELETE(subscriber->router->catching_up, subscriber);
    subscriber->prev = subscriber->next = NULL;
}

void subscriber_set_mode(struct subscriber *subscriber, enum subscriber_mode mode)
{
    if (subscriber->mode == mode)
        return;
    unlink_mode(subscriber);
    subscriber->mode = mode;
    if (mode == SUBSCRIBER_LIVE)
        DL_APPEND(subscriber->topic->live, subscriber);
    else if (mode == SUBSCRIBER_CATCHING_UP)
        DL_APPEND(subscriber->router->catching_up, subscriber);
    if (mode == SUBSCRIBER_CATCHING_UP)
        return;
    journal_cursor_close(subscriber->cursor);
    subscriber->cursor = NULL;
}

static void start_now(struct subscriber *subscriber)
{
    memcpy(subscriber->epoch, subscriber->router->epoch, sizeof(subscriber->epoch));
    subscriber->position = router_newest(subscriber->router);
    subscriber_set_mode(subscriber, SUBSCRIBER_LIVE);
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
    subscriber->position = *after;
    subscriber_set_mode(subscriber, SUBSCRIBER_CATCHING_UP);
    loop_again(router->loop);
    return 0;
}

void subscriber_wait(struct subscriber *subscriber, struct position position)
{
    if (position_compare(position, subscriber->position) > 0)
        subscriber->position = position;
    subscriber_set_mode(subscriber, SUBSCRIBER_WAITING);
    subscriber->ops->want_room(subscriber->owner);
}

void subscriber_resume(struct subscriber *subscriber)
{
    if (subscriber->mode != SUBSCRIBER_WAITING)
        return;
    subscriber_set_mode(subscriber, SUBSCRIBER_CATCHING_UP);
    loop_again(subscriber->router->loop);
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
    subscriber_set_mode(subscriber, SUBSCRIBER_CLOSED);
    topic_unref(subscriber->router, subscriber->topic);
    subscriber->topic = NULL;
    subscriber->router->subscriber_count--;
}

struct position subscriber_position(const struct subscriber *subscriber)
{
    struct position read = subscriber->router->position;

    if (subscriber->mode == SUBSCRIBER_LIVE && position_compare(read, subscriber->position) > 0)
        return read;
    return subscriber->position;
}

const char *subscriber_epoch(const struct subscriber *subscriber)
{
    return subscriber->epoch;
}
