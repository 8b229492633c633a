/* The topics that somebody subscribes to, and below each those who want some of its events only. */
#include "feed/router_internal.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

static_assert(TOPIC_KEY_MAX <= UINT16_MAX, "the length of a key");

struct router_topic *router_find(const struct router *router, struct str key)
{
    struct router_topic *topic;

    HASH_FIND(hh, router->topics, key.data, key.len, topic);
    return topic;
}

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

static int find_or_make(struct router *router, const struct topic *wanted,
                        struct router_topic **ret_topic)
{
    buffer_reset(&router->scratch);
    int status = topic_key(&router->scratch, wanted);
    if (status < 0)
        return status;
    struct str key = buffer_str(&router->scratch);
    struct router_topic *topic = router_find(router, key);
    if (topic == NULL)
        topic = topic_new(router, key);
    if (topic == NULL)
        return -ENOMEM;
    *ret_topic = topic;
    return 0;
}

/* Of TOPIC's kind, below its table. */
static uint32_t *count_of(struct router_topic *topic)
{
    struct topics_below *below = &topic->table->below;

    if (topic->key[0] == TOPIC_ROW)
        return &below->rows;
    return topic->key[0] == TOPIC_SCOPE ? &below->scopes : &below->consumers;
}

static bool is_needed(const struct router_topic *topic)
{
    return topic->all.references > 0 || topic->filters != NULL || topics_any_below(&topic->below);
}

/* Frees TOPIC when nobody needs it any more. Returns that of its table, which may not be needed
 * any more either; else NULL. */
static struct router_topic *drop(struct router *router, struct router_topic *topic)
{
    struct router_topic *table = topic->table;

    if (topic->held || router->keeps_topics)
        return NULL;
    if (topic->filters != NULL && filter_index_is_empty(topic->filters)) {
        filter_index_free(topic->filters);
        topic->filters = NULL;
    }
    if (is_needed(topic))
        return NULL;
    if (table != NULL)
        --*count_of(topic);
    HASH_DEL(router->topics, topic);
    free(topic);
    return table;
}

static void tidy(struct router *router, struct router_topic *topic)
{
    while (topic != NULL)
        topic = drop(router, topic);
}

static int put_below(struct router *router, struct router_topic *topic, struct table_name name)
{
    const struct topic whole = {.kind = TOPIC_TABLE, .table = name};
    int status = find_or_make(router, &whole, &topic->table);

    if (status < 0)
        tidy(router, topic);
    else
        ++*count_of(topic);
    return status;
}

static int find_topic(struct router *router, const struct topic *wanted,
                      struct router_topic **ret_topic)
{
    struct router_topic *topic;
    int status = find_or_make(router, wanted, &topic);

    if (status == 0 && wanted->kind != TOPIC_TABLE && topic->table == NULL)
        status = put_below(router, topic, wanted->table);
    if (status < 0)
        return status;
    *ret_topic = topic;
    return 0;
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

/* Twice: what is below a table keeps it, and may come after it. */
void router_tidy_topics(struct router *router)
{
    struct router_topic *topic, *next;

    for (int i = 0; i < 2; i++)
        HASH_ITER(hh, router->topics, topic, next)
        {
            (void)drop(router, topic);
        }
}
