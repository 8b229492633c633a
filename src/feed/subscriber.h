/* feed/subscriber.h - who gets events: topics, a position and a sink.
 *
 * A subscriber never has a queue of its own. Live, it is handed each record of its topics as the
 * router reads it. When its sink has no room it stops being live, and once there is room again the
 * journal is read for it from where it stood, until it has caught up. Both ways give each record
 * exactly once and in the order of the journal, also across the change from one to the other.
 *
 * Belongs to a router and its thread. Embedded by the owner of the sink, who closes it before it
 * goes. Must not include anything of http/. */
#ifndef FEED_SUBSCRIBER_H
#define FEED_SUBSCRIBER_H

#include "feed/filter.h"
#include "feed/topic.h"
#include "journal/journal.h"
#include <walpiper/event.h>

enum reset_reason {
    RESET_EXPIRED, /* records after the subscriber's position are no longer in the journal */
    RESET_EPOCH,   /* the position belongs to another epoch */
    RESET_UNKNOWN, /* the position is no position of this journal */
    RESET_DAMAGED, /* records after the subscriber's position cannot be read */
};

enum { RESET_REASONS = RESET_DAMAGED + 1 };

/* The sink. Called on the router's thread. push() and reset() may close their own subscriber, but
 * may not start or close another. */
struct subscriber_ops {
    /* Whether a record may be pushed now. One that is larger than the room may go beyond it. */
    bool (*has_room)(void *owner);
    /* There was no room: call subscriber_resume() once there is. */
    void (*want_room)(void *owner);
    /* One record of its topics. Both are borrowed for the call; take a reference to ENTRY->owner to
     * keep EVENT, which borrows from it. */
    void (*push)(void *owner, const struct journal_entry *entry, const struct event *event);
    /* Records were missed for good. The subscriber is live from now on. */
    void (*reset)(void *owner, enum reset_reason reason);
    /* The journal could not be read. The subscriber is closed. */
    void (*failed)(void *owner, const struct error *why);
};

/* The position right before that of a record: what comes after it begins with that record. */
static inline struct position position_before(struct position record)
{
    if (record.ordinal > 0)
        record.ordinal--;
    return record;
}

enum subscriber_mode {
    SUBSCRIBER_CLOSED = 0,
    SUBSCRIBER_LIVE,        /* rides on the live pass */
    SUBSCRIBER_CATCHING_UP, /* rides on another one, or waits for one */
    SUBSCRIBER_WAITING,     /* has to catch up, but the sink has no room */
};

struct router;
struct audience;
struct pass;
struct subscriber;

/* A subscriber's place among those who get the events of one topic. */
struct rider {
    struct subscriber *subscriber;
    struct audience *audience;
    struct rider *prev, *next; /* of the same audience on the same pass */
};

/* What a subscriber wants: all events of TOPIC, or those that pass FILTER. */
struct subscription {
    struct topic topic;
    const struct filter *filter; /* NULL: all */
};

/* An idle one is as small as can be: there may be 100 000. */
struct subscriber {
    const struct subscriber_ops *ops;
    void *owner;
    /* The rest is the router's. */
    enum subscriber_mode mode;
    char epoch[9]; /* of the position */
    bool has_many; /* riders */
    struct router *router;
    struct position position; /* nothing at or before it will be pushed */
    struct pass *pass;        /* NULL unless it rides */
    union {
        struct rider rider;
        struct {
            struct rider *riders;
            size_t rider_count;
        };
    };
    struct subscriber *mate_prev, *mate_next; /* on the same pass, or pending */
};

/* Starts SUBSCRIBER (ops and owner set, the rest zero): after AFTER, or with what comes from now on
 * when AFTER is NULL. WANTED, one or more, is copied; the same topic twice counts once, by one
 * of its filters, and an event of several of them comes once. No callback runs before it has
 * returned. 0, -ENOMEM, or -EMSGSIZE for a topic past TOPIC_KEY_MAX. */
int subscriber_start(struct subscriber *subscriber, struct router *router,
                     const struct subscription *wanted, size_t count, const struct position *after,
                     struct error *err);
/* The sink has room again. */
void subscriber_resume(struct subscriber *subscriber);
/* Silent. Safe on one that is zero or closed. */
void subscriber_close(struct subscriber *subscriber);

/* Every record of its topics up to there has been pushed. */
struct position subscriber_position(const struct subscriber *subscriber);
/* The epoch that its position belongs to. */
const char *subscriber_epoch(const struct subscriber *subscriber);

#endif
