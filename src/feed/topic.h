/* feed/topic.h - names of streams: "comments", "comments/89", "posts/123/comments".
 *
 * A topic says which events a subscriber gets; its key is the same as one run of bytes, by which
 * the router finds the subscribers of an event. Pure. Owns nothing: a topic borrows the text it was
 * made from. Must not include anything of http/. */
#ifndef FEED_TOPIC_H
#define FEED_TOPIC_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/str.h"

/* Longer keys name no topic: a request line could not hold them. */
#define TOPIC_KEY_MAX 16384

/* "table" is public.table; "schema.table" names another schema (the first dot divides). */
struct table_name {
    struct str schema, table;
};

enum topic_kind {
    TOPIC_TABLE = 't',    /* comments: every event of the table */
    TOPIC_ROW = 'r',      /* comments/89: of one row */
    TOPIC_SCOPE = 's',    /* posts/123/comments: of the rows that belong to one parent */
    TOPIC_CONSUMER = 'c', /* the rows of the events table for one consumer; has no path */
};

struct topic {
    enum topic_kind kind;
    struct table_name table;
    struct table_name parent; /* TOPIC_SCOPE */
    struct str id; /* TOPIC_ROW: the row's, TOPIC_SCOPE: the parent's, TOPIC_CONSUMER: its name */
};

struct table_name table_name_parse(struct str text);
bool table_name_equal(struct table_name a, struct table_name b);

/* Makes a topic of the segments of a path, each percent-decoded already. 0, or -EINVAL: not one to
 * three segments, an empty one, or a NUL in one. */
int topic_parse(struct topic *ret_topic, const struct str *segments, size_t count,
                struct error *err);

/* Appends the key. Two topics have the same key when they are the same topic. 0 or OUT's failure.
 */
int topic_key(struct buffer *out, const struct topic *topic);

/* Whether KEY is a topic that TRUNCATE of TABLE reaches: all of its tables, rows and scopes. */
bool topic_key_truncated(struct str key, struct table_name table);

#endif
