#include "feed/pass.h"

#include "event/record.h"
#include "feed/match.h"
#include "feed/router_internal.h"

/* A unit is a record read, or a KiB of it, or so many riders that are looked at. */
#define UNIT_BYTES 1024
#define UNIT_RIDERS 16

/* What a pass without riders may keep for those who come back. */
#define HELD_MAX (64u << 10)

int pass_open(struct pass *pass, struct position after, struct error *err)
{
    struct router *router = pass->router;

    pass_close(pass);
    int status = journal_cursor_open(router->journal, &pass->cursor, after, err);
    if (status < 0) {
        pass->cursor = NULL;
        return status;
    }
    pass->position = after;
    return 0;
}

void pass_close(struct pass *pass)
{
    journal_cursor_close(pass->cursor);
    pass->cursor = NULL;
    pass->holds_entry = false;
    pass->at_end = false;
    pass->used = 0;
}

int pass_next(struct pass *pass, struct journal_entry *ret_entry)
{
    if (!pass->holds_entry)
        return journal_cursor_next(pass->cursor, ret_entry);
    pass->holds_entry = false;
    *ret_entry = pass->entry;
    return 1;
}

/* One record on its way to those who get it. */
struct delivery {
    struct pass *pass;
    const struct journal_entry *entry;
    const struct event *event;
    size_t riders; /* that were looked at, and filters */
};

/* The comparison of positions serves two ends: a rider that is ahead gets nothing twice, and
 * neither does one to whose topic several keys of the record lead. */
static void deliver_audience(struct delivery *delivery, struct audience *audience)
{
    struct position position = delivery->entry->position;
    struct rider *rider, *next;

    DL_FOREACH_SAFE(audience->riders[delivery->pass->index], rider, next)
    {
        struct subscriber *subscriber = rider->subscriber;
        delivery->riders++;
        if (position_compare(position, subscriber->position) <= 0)
            continue;
        if (!subscriber->ops->has_room(subscriber->owner)) {
            subscriber_wait(subscriber);
            continue;
        }
        subscriber->position = position;
        delivery->pass->router->deliveries++;
        subscriber->ops->push(subscriber->owner, delivery->entry, delivery->event);
    }
}

static void deliver_node(void *arg, struct filter_node *node)
{
    deliver_audience(arg, &node->audience);
}

static void deliver_topic(struct delivery *delivery, struct router_topic *topic)
{
    if (topic->filters == NULL) {
        deliver_audience(delivery, &topic->all);
        return;
    }
    router_topic_hold(topic);
    deliver_audience(delivery, &topic->all);
    delivery->riders += filter_index_match(topic->filters, delivery->event, delivery->pass->index,
                                           deliver_node, delivery);
    router_topic_release(delivery->pass->router, topic);
}

static void deliver_key(void *arg, struct str key)
{
    struct delivery *delivery = arg;
    struct router_topic *topic = router_find(delivery->pass->router, key);

    if (topic != NULL)
        deliver_topic(delivery, topic);
}

/* Who gets the event may leave, and take the topic along. */
static void deliver_row(struct delivery *delivery)
{
    struct router *router = delivery->pass->router;
    struct str key = match_table_key(delivery->event, &router->scratch);
    struct router_topic *table = router_find(router, key);

    if (table == NULL)
        return;
    const struct topics_below below = table->below;
    deliver_topic(delivery, table);
    match_keys_below(router->tables, delivery->event, &below, &router->scratch, deliver_key,
                     delivery);
}

/* A truncate is rare enough to look at every topic there is. They stay until the end: who leaves
 * meanwhile may have had several. */
static void deliver_truncate(struct delivery *delivery)
{
    struct table_name table = {delivery->event->schema, delivery->event->table};
    struct router_topic *topic, *next;

    delivery->pass->router->keeps_topics = true;
    HASH_ITER(hh, delivery->pass->router->topics, topic, next)
    {
        if (topic_key_truncated((struct str){topic->key, topic->key_len}, table))
            deliver_topic(delivery, topic);
    }
    delivery->pass->router->keeps_topics = false;
    router_tidy_topics(delivery->pass->router);
}

/* A record that cannot be read is lost: all who might have got it are told. */
static void lose_record(struct pass *pass, struct position position)
{
    struct subscriber *subscriber, *next;

    router_tell_damage(pass->router, position_before(position));
    DL_FOREACH_SAFE2(pass->riders, subscriber, next, mate_next)
    {
        if (position_compare(position, subscriber->position) > 0)
            subscriber_reset(subscriber, RESET_DAMAGED);
    }
}

/* The last one to get off may come back for this record: then it need not be read again, unless
 * that takes much memory. */
static void hold(struct pass *pass, const struct journal_entry *entry)
{
    if (entry->owner->len > HELD_MAX) {
        pass_close(pass);
        return;
    }
    pass->entry = *entry;
    pass->holds_entry = true;
}

size_t pass_deliver(struct pass *pass, const struct journal_entry *entry)
{
    struct event event;
    struct delivery delivery = {pass, entry, &event, 0};
    size_t units = 1 + entry->bytes.len / UNIT_BYTES;

    if (pass->riders == NULL && pass->index == PASS_LIVE)
        ;
    else if (event_read(&event, entry->bytes) < 0)
        lose_record(pass, entry->position);
    else if (event.type == EVENT_TRUNCATE)
        deliver_truncate(&delivery);
    else if (event.type != EVENT_MESSAGE)
        deliver_row(&delivery);
    if (pass->riders == NULL && pass->index != PASS_LIVE)
        hold(pass, entry);
    else
        pass->position = entry->position;
    return units + delivery.riders / UNIT_RIDERS;
}
