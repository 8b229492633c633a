/* feed/tables.h - the marked tables as the feed sees them: which topics exist, and which columns
 * decide the topics of an event. Made once from the configuration, then read-only. Owns its arrays
 * and keys, borrows every string from the configuration. */
#ifndef FEED_TABLES_H
#define FEED_TABLES_H

#include "base/marked.h"
#include "config/config.h"
#include "feed/topic.h"

struct feed_level {
    struct str column;
    struct table_name parent;
};

struct feed_scope {
    struct feed_level levels[TOPIC_LEVELS_MAX];
    size_t level_count;
    struct buffer key; /* what the keys of its topics begin with: topic_key_begin() */
};

struct feed_table {
    struct table_name name;
    struct str
        id; /* the column of row topics; data == NULL: the primary key, if it is one column */
    struct feed_scope *scopes;
    size_t scope_count;
};

struct feed_tables {
    struct feed_table *tables; /* the events table is one of them */
    size_t count;
    const struct feed_table *events; /* NULL when the feed of GET /events is off */
    struct str consumer;             /* column of the events table */
    struct marked *marked; /* tables without a word in the configuration; borrowed, NULL: none */
};

/* 0 or -ENOMEM. CONFIG must outlive RET. */
int feed_tables_init(struct feed_tables *ret, const struct config *config, struct error *err);
void feed_tables_release(struct feed_tables *tables);

/* NULL when the configuration does not name the table: it has the topics of the table and, by its
 * primary key, of its rows. */
const struct feed_table *feed_tables_find(const struct feed_tables *tables, struct table_name name);

/* 0, or -ENOENT: the table is not marked or has no such scope; ERR names it. */
int feed_tables_check(const struct feed_tables *tables, const struct topic *topic,
                      struct error *err);

#endif
