/* The topics that somebody subscribes to, and below each those who want some of its events only. */
#include "feed/router_internal.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

static_assert(TOPIC_KEY_MAX <= UINT16_MAX, "the length of a key");

static struct router_topic *topic_new(struct router *router, struct str key)
{
    struct router_topic *topic = calloc(1, sizeof(*topic) + key.len);

    if (topic == NULL)
        return NULL;
    memcpy(topic->key, key.data, key.len);
    topic->key_len = (uint16_t)key.len;
    topic->in_hash = true;
    HASH_ADD_KEYPTR(hh, router->topics, topic->key, topic->key_len, topic);
    if (topic->in_hash)
        return topic;
    free(topic);
    return NULL;
}

static int find_topic(struct router *router, const struct topic *wanted,
                      struct router_topic **ret_topic)
{
    buffer_reset(&router->scratch);
    int status = topic_key(&router->scratch, wanted);
    if (status < 0)
        return status;
    struct str key = buffer_str(&router->scratch);
    HASH_FIND(hh, router->topics, key.data, key.len, *ret_topic);
    if (*ret_topic == NULL)
        *ret_topic = topic_new(router, key);
    return *ret_topic != NULL ? 0 : -ENOMEM;
}

/* Frees what nobody needs any more. */
static void tidy(struct router *router, struct router_topic *topic)
{
    if (topic->held || router->keeps_topics)
        return;
    if (topic->filters != NULL && filter_index_is_empty(topic->filters)) {
        filter_index_free(topic->filters);
        topic->filters = NULL;
    }
    if (topic->all.references > 0 || topic->filters != NULL)
        return;
    HASH_DEL(router->topics, topic);
    free(topic);
}

void router_topic_hold(struct router_topic *topic)
{
    topic->held = true;
}

void router_topic_release(struct router *router, struct router_topic *topic)
{
    topic->held = false;
    tidy(router, topic);
}

static struct audience *filtered(struct router_topic *topic, const struct filter *filter)
{
    struct filter_node *node;

    if (topic->filters == NULL)
        topic->filters = filter_index_new();
    node = topic->filters != NULL ? filter_index_get(topic->filters, filter) : NULL;
    if (node == NULL)
        return NULL;
    node->topic = topic;
    return &node->audience;
}

int router_join(struct router *router, const struct subscription *wanted,
                struct audience **ret_audience)
{
    struct router_topic *topic;
    int status = find_topic(router, &wanted->topic, &topic);

    if (status < 0)
        return status;
    struct audience *audience =
        wanted->filter != NULL ? filtered(topic, wanted->filter) : &topic->all;
    if (audience == NULL) {
        tidy(router, topic);
        return -ENOMEM;
    }
    audience->references++;
    *ret_audience = audience;
    return 0;
}

static struct filter_node *node_of(struct audience *audience)
{
    return (struct filter_node *)((char *)audience - offsetof(struct filter_node, audience));
}

struct router_topic *router_topic_of(struct audience *audience)
{
    if (audience->is_filtered)
        return node_of(audience)->topic;
    return (struct router_topic *)((char *)audience - offsetof(struct router_topic, all));
}

void router_leave(struct router *router, struct audience *audience)
{
    struct router_topic *topic = router_topic_of(audience);

    if (--audience->references > 0)
        return;
    if (audience->is_filtered)
        filter_index_remove(node_of(audience));
    tidy(router, topic);
}

void router_tidy_topics(struct router *router)
{
    struct router_topic *topic, *next;

    HASH_ITER(hh, router->topics, topic, next)
    {
        tidy(router, topic);
    }
}
