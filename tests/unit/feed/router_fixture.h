/* router_fixture.h - a router on a real journal, and sinks that take as many records as they have
 * room for and remember them. */
#ifndef FEED_ROUTER_FIXTURE_H
#define FEED_ROUTER_FIXTURE_H

#include "feed/journal_fixture.h"
#include "feed/router.h"
#include "unit.h"

#define PLENTY 1000000 /* of room */

struct sink {
    struct subscriber subscriber;
    size_t room;
    bool wants_room;
    struct position *received;
    size_t count;
    int resets;
    enum reset_reason reason;
    bool closes; /* itself, at the next record */
};

static struct fixture fixture;
static struct config config;
static struct feed_tables tables;
static struct router *router;

static inline bool has_room(void *owner)
{
    return ((struct sink *)owner)->room > 0;
}

static inline void want_room(void *owner)
{
    struct sink *sink = owner;

    ck_assert_uint_eq(sink->room, 0);
    sink->wants_room = true;
}

static inline void push(void *owner, const struct journal_entry *entry, const struct event *event)
{
    struct sink *sink = owner;

    ck_assert_uint_gt(sink->room, 0);
    ck_assert(event->frame.data > entry->bytes.data);
    ck_assert(event->frame.data < entry->bytes.data + entry->bytes.len);
    sink->room--;
    if ((sink->count & (sink->count - 1)) == 0) { /* the array is full at each power of two */
        size_t capacity = sink->count == 0 ? 1 : 2 * sink->count;
        sink->received = realloc(sink->received, capacity * sizeof(*sink->received));
        ck_assert_ptr_nonnull(sink->received);
    }
    sink->received[sink->count++] = entry->position;
    if (sink->closes)
        subscriber_close(&sink->subscriber);
}

static inline void on_reset(void *owner, enum reset_reason reason)
{
    struct sink *sink = owner;

    sink->resets++;
    sink->reason = reason;
}

static inline void on_failed(void *owner, const struct error *why)
{
    ck_abort_msg("%s", why->text);
}

static const struct subscriber_ops ops = {has_room, want_room, push, on_reset, on_failed};

static inline void on_trouble(void *owner, const struct error *why)
{
    if (why != NULL)
        ck_abort_msg("%s", why->text);
}

static unsigned damages;

static inline void on_damage(void *owner, const struct error *what)
{
    ck_assert_ptr_nonnull(strstr(what->text, "`walpiper journal verify`"));
    damages++;
}

static inline void start_router(void)
{
    struct error err = {0};
    const struct router_context context = {.loop = &fixture.loop,
                                           .journal = fixture.journal,
                                           .tables = &tables,
                                           .on_trouble = on_trouble,
                                           .on_damage = on_damage};
    ck_assert_int_eq(router_new(&router, &context, &err), 0);
}

static inline void setup(uint64_t retention_bytes)
{
    struct error err = {0};

    fixture_start(&fixture, retention_bytes);
    config = record_config();
    ck_assert_int_eq(feed_tables_init(&tables, &config, &err), 0);
    start_router();
}

static inline void teardown(void)
{
    ck_assert_uint_eq(router_subscribers(router), 0);
    router_free(router);
    feed_tables_release(&tables);
    fixture_stop(&fixture);
}

/* PATH as in a URL. */
static inline void subscribe(struct sink *sink, const char *path, size_t room,
                             const struct position *after)
{
    struct str rest = str_from(path);
    struct str segments[3];
    struct topic topic;
    size_t count = 0;
    struct error err = {0};

    while (rest.data != NULL)
        segments[count++] = str_cut(&rest, '/');
    ck_assert_int_eq(topic_parse(&topic, segments, count, &err), 0);
    *sink = (struct sink){.room = room, .subscriber = {.ops = &ops, .owner = sink}};
    ck_assert_int_eq(subscriber_start(&sink->subscriber, router,
                                      &(struct subscription){.topic = topic}, 1, after, &err),
                     0);
}

static inline void unsubscribe(struct sink *sink)
{
    subscriber_close(&sink->subscriber);
    free(sink->received);
}

static inline void give_room(struct sink *sink, size_t room)
{
    sink->room += room;
    sink->wants_room = false;
    subscriber_resume(&sink->subscriber);
}

static const struct comment in_seven = {"1", "7", "hi"}, in_eight = {"1", "8", "hi"};

static inline struct position insert(const struct comment *comment)
{
    return fixture_comment(&fixture, NULL, comment);
}

/* The position from which a subscriber gets all that the journal holds. */
static inline struct position earliest_position(void)
{
    struct position oldest, newest;

    return journal_bounds(fixture.journal, &oldest, &newest) ? position_before(oldest) : newest;
}

/* Waits until the router has read all that is on disk. */
static inline void settle(uint64_t records)
{
    fixture_sync(&fixture);
    FIXTURE_UNTIL(&fixture, router_records_read(router) >= records);
}

/* On disk, and the router has had no turn. */
static inline void sync_without_a_turn(void)
{
    journal_mark(fixture.journal, fixture.lsn, true);
    journal_flush(fixture.journal);
    while (!journal_idle(fixture.journal))
        usleep(1000);
}

static inline void until_live(const struct sink *sink)
{
    FIXTURE_UNTIL(&fixture, sink->subscriber.mode == SUBSCRIBER_LIVE);
}

static inline void assert_received(const struct sink *sink, const struct position *expected,
                                   size_t count)
{
    ck_assert_uint_eq(sink->count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(position_compare(sink->received[i], expected[i]) == 0, "record %zu of %zu", i,
                      count);
}

#endif
