/* feed/topic.h - names of streams: "comments", "comments/89", "posts/123/comments",
 * "organizations/1/posts/123/comments".
 *
 * A topic says which events a subscriber gets; its key is the same as one run of bytes, by which
 * the router finds the subscribers of an event. Pure. Owns nothing: a topic borrows the segments it
 * was made from, and their text. Must not include anything of http/. */
#ifndef FEED_TOPIC_H
#define FEED_TOPIC_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/str.h"

/* Longer keys name no topic: a request line could not hold them. */
#define TOPIC_KEY_MAX 16384
/* Parents, each with its id, above a table. */
#define TOPIC_LEVELS_MAX 8
#define TOPIC_SEGMENTS_MAX (2 * TOPIC_LEVELS_MAX + 1)

/* "table" is public.table; "schema.table" names another schema (the first dot divides). */
struct table_name {
    struct str schema, table;
};

enum topic_kind {
    TOPIC_TABLE = 't',    /* comments: every event of the table */
    TOPIC_ROW = 'r',      /* comments/89: of one row */
    TOPIC_SCOPE = 's',    /* posts/123/comments: of the rows that belong to all of its parents */
    TOPIC_CONSUMER = 'c', /* the rows of the events table for one consumer; has no path */
};

struct topic {
    enum topic_kind kind;
    struct table_name table;
    struct str id;            /* TOPIC_ROW: the row's, TOPIC_CONSUMER: its name */
    const struct str *levels; /* TOPIC_SCOPE: parent, id, parent, id, ... as in the path */
    size_t level_count;       /* pairs of them, 1 to TOPIC_LEVELS_MAX */
};

struct table_name table_name_parse(struct str text);
bool table_name_equal(struct table_name a, struct table_name b);

/* Makes a topic of the segments of a path, each percent-decoded already, which must outlive it. 0,
 * or -EINVAL: as many segments as no topic has, an empty one, or a NUL in one. */
int topic_parse(struct topic *ret_topic, const struct str *segments, size_t count,
                struct error *err);

/* Appends the key. Two topics have the same key when they are the same topic. 0 or OUT's failure.
 */
int topic_key(struct buffer *out, const struct topic *topic);
/* All of it but the ids, which follow it with a NUL between them. */
int topic_key_begin(struct buffer *out, const struct topic *topic);

/* Whether KEY is a topic that TRUNCATE of TABLE reaches: all of its tables, rows and scopes. */
bool topic_key_truncated(struct str key, struct table_name table);

#endif
