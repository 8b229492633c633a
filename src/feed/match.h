/* feed/match.h - which topics an event belongs to. Pure.
 *
 * An event belongs to its table, to its row, and to each of its scopes; a row whose id or scope
 * column changed belongs to the old and to the new one. An insert into the events table belongs to
 * its consumer too. TRUNCATE has no rows: it belongs to the table and so to each row and scope of
 * it.
 *
 * The old scope of an update or a delete is known only where the replica identity gives it: REPLICA
 * IDENTITY FULL, or all of the scope's columns as part of the key. */
#ifndef FEED_MATCH_H
#define FEED_MATCH_H

#include "feed/tables.h"
#include <walpiper/event.h>

/* KEY is borrowed for the call. */
typedef void (*match_visit)(void *arg, struct str key);

/* How many topics there are below that of a whole table. */
struct topics_below {
    uint32_t rows, scopes, consumers;
};

static inline bool topics_any_below(const struct topics_below *below)
{
    return below->rows + below->scopes + below->consumers > 0;
}

/* The key of the topic of EVENT's whole table. Lies in SCRATCH, which is made with match_scratch(),
 * so that neither this nor the next can fail. */
struct str match_table_key(const struct event *event, struct buffer *scratch);
/* Calls VISIT for each key below it, of the kinds of which there is any in BELOW; the same key may
 * come twice. A value too long for a topic has none. Not for a message, which has no topic, nor for
 * a truncate: that is topic_key_truncated(). */
void match_keys_below(const struct feed_tables *tables, const struct event *event,
                      const struct topics_below *below, struct buffer *scratch, match_visit visit,
                      void *arg);

/* Whether EVENT belongs to the topic with KEY, truncates included. */
bool match_key(const struct feed_tables *tables, const struct event *event, struct buffer *scratch,
               struct str key);

/* 0 or -ENOMEM. Release with buffer_release(). */
int match_scratch(struct buffer *scratch);

#endif
