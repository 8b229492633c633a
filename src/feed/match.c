#include "feed/match.h"

#include "event/record.h"
#include "event/type.h"

#include <assert.h>
#include <errno.h>

/* One event on its way through the keys. */
struct match {
    const struct event *event;
    const struct feed_table *table;
    struct buffer *scratch;
    match_visit visit;
    void *arg;
};

int match_scratch(struct buffer *scratch)
{
    buffer_init(scratch, TOPIC_KEY_MAX);
    return buffer_reserve(scratch, TOPIC_KEY_MAX) != NULL ? 0 : -ENOMEM;
}

/* A value of the event, a JSON scalar, as the id that ends the key. SQL NULL belongs to nobody. */
static bool append_id(struct match *match, struct str value)
{
    return value.data != NULL && json_scalar_text(match->scratch, value) == 0;
}

/* TOPIC has all but its id. */
static void visit_value(struct match *match, const struct topic *topic, struct str value)
{
    buffer_reset(match->scratch);
    if (topic_key_begin(match->scratch, topic) == 0 && append_id(match, value))
        match->visit(match->arg, buffer_str(match->scratch));
}

static void visit_column(struct match *match, const struct topic *topic,
                         const struct event_column *column)
{
    visit_value(match, topic, column->new_value);
    if (column->new_value.data == NULL || !str_equal(column->old_value, column->new_value))
        visit_value(match, topic, column->old_value);
}

static void visit_row(struct match *match)
{
    struct topic topic = {.kind = TOPIC_ROW, .table = match->table->name};
    struct event_column column;
    bool found = match->table->id.data != NULL
                     ? event_column_find(match->event, match->table->id, &column)
                     : event_primary_key(match->event, &column);

    if (found)
        visit_column(match, &topic, &column);
}

static bool append_ids(struct match *match, const struct str *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_char(match->scratch, '\0');
        if (!append_id(match, values[i]))
            return false;
    }
    return true;
}

/* The topic of SCOPE that a row with VALUES belongs to: to none when one of them is not known or
 * NULL. */
static void visit_scope(struct match *match, const struct feed_scope *scope,
                        const struct str *values)
{
    buffer_reset(match->scratch);
    buffer_append_str(match->scratch, buffer_str(&scope->key));
    if (!append_ids(match, values, scope->level_count))
        return;
    assert(match->scratch->data != NULL); /* match_scratch() */
    match->visit(match->arg, buffer_str(match->scratch));
}

/* The row's values before and after; false when the event does not have the scope's columns. */
static bool find_values(const struct match *match, const struct feed_scope *scope,
                        struct str *before, struct str *after)
{
    struct event_column column;

    for (size_t i = 0; i < scope->level_count; i++) {
        if (!event_column_find(match->event, scope->levels[i].column, &column))
            return false;
        before[i] = column.old_value;
        after[i] = column.new_value;
    }
    return true;
}

static void visit_scopes(struct match *match)
{
    struct str before[TOPIC_LEVELS_MAX], after[TOPIC_LEVELS_MAX];

    for (size_t i = 0; i < match->table->scope_count; i++) {
        const struct feed_scope *scope = &match->table->scopes[i];
        bool moved = false;
        if (!find_values(match, scope, before, after))
            continue;
        for (size_t j = 0; j < scope->level_count; j++)
            moved |= !str_equal(before[j], after[j]);
        visit_scope(match, scope, after);
        if (moved)
            visit_scope(match, scope, before);
    }
}

static void visit_consumer(struct match *match, const struct feed_tables *tables)
{
    struct topic topic = {.kind = TOPIC_CONSUMER, .table = match->table->name};
    struct event_column column;

    if (match->event->type == EVENT_INSERT && match->table == tables->events &&
        event_column_find(match->event, tables->consumer, &column))
        visit_value(match, &topic, column.new_value);
}

struct str match_table_key(const struct event *event, struct buffer *scratch)
{
    const struct topic topic = {.kind = TOPIC_TABLE, .table = {event->schema, event->table}};

    buffer_reset(scratch);
    return topic_key(scratch, &topic) == 0 ? buffer_str(scratch) : (struct str){NULL, 0};
}

void match_keys_below(const struct feed_tables *tables, const struct event *event,
                      const struct topics_below *below, struct buffer *scratch, match_visit visit,
                      void *arg)
{
    struct table_name name = {event->schema, event->table};
    struct match match = {event, NULL, scratch, visit, arg};

    if (!topics_any_below(below))
        return;
    const struct feed_table unconfigured = {.name = name};
    match.table = feed_tables_find(tables, name);
    if (match.table == NULL)
        match.table = &unconfigured;
    if (below->rows > 0)
        visit_row(&match);
    if (below->scopes > 0)
        visit_scopes(&match);
    if (below->consumers > 0)
        visit_consumer(&match, tables);
}

struct wanted {
    struct str key;
    bool found;
};

static void compare(void *arg, struct str key)
{
    struct wanted *wanted = arg;

    wanted->found |= str_equal(wanted->key, key);
}

bool match_key(const struct feed_tables *tables, const struct event *event, struct buffer *scratch,
               struct str key)
{
    static const struct topics_below any = {1, 1, 1};
    struct wanted wanted = {key, false};

    if (event->type == EVENT_TRUNCATE)
        return topic_key_truncated(key, (struct table_name){event->schema, event->table});
    if (event->type == EVENT_MESSAGE)
        return false;
    if (str_equal(key, match_table_key(event, scratch)))
        return true;
    match_keys_below(tables, event, &any, scratch, compare, &wanted);
    return wanted.found;
}
