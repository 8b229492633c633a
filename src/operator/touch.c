#include "operator/touch.h"
#include "event/record.h"
#include "event/type.h"
#include "operator/definition.h"
#include <errno.h>

struct toucher {
    struct dirty *dirty;
    struct buffer *scratch;
    uint64_t *nulls;
};

static int touch_id(const struct toucher *t, struct str json, enum dirty_wish wish)
{
    if (str_equal(json, STR("null"))) {
        (*t->nulls)++;
        return 0;
    }
    buffer_reset(t->scratch);
    int rc = json_scalar_text(t->scratch, json);
    return rc < 0 ? rc : dirty_touch(t->dirty, buffer_str(t->scratch), wish);
}

static int touch_inserted(const struct toucher *t, const struct event_column *column)
{
    if (!column->new_value.data)
        return TOUCH_UNKNOWN;
    int rc = touch_id(t, column->new_value, DIRTY_REFRESH);
    return rc < 0 ? rc : TOUCH_IDS;
}

static int touch_deleted(const struct toucher *t, const struct config_operator_source *source,
                         const struct event_column *column)
{
    if (!column->old_value.data)
        return TOUCH_UNKNOWN;
    enum dirty_wish wish = source->delete_with ? DIRTY_DELETE : DIRTY_REFRESH;
    int rc = touch_id(t, column->old_value, wish);
    return rc < 0 ? rc : TOUCH_IDS;
}

/* A row that leaves an id is to that id as if it was deleted, but the query has the last word:
 * another row may have the id now. */
static int touch_left(const struct toucher *t, const struct config_operator *op,
                      const struct config_operator_source *source, struct str old_value)
{
    int rc = 0;
    if (source->delete_with && op->on_delete)
        rc = touch_id(t, old_value, DIRTY_DELETE);
    if (rc == 0 && !str_equal(old_value, STR("null")))
        rc = touch_id(t, old_value, DIRTY_REFRESH);
    return rc;
}

static int touch_updated(const struct toucher *t, const struct config_operator *op,
                         const struct config_operator_source *source,
                         const struct event_column *column)
{
    struct str now = column->new_value, before = column->old_value;
    if (!now.data)
        now = before; /* untouched and too large to be sent */
    /* A primary key that the update left alone need not be in the old row. */
    if (!before.data && column->primary_key)
        before = now;
    if (!now.data || !before.data)
        return TOUCH_UNKNOWN;
    int rc = str_equal(now, before) ? 0 : touch_left(t, op, source, before);
    if (rc == 0)
        rc = touch_id(t, now, DIRTY_REFRESH);
    return rc < 0 ? rc : TOUCH_IDS;
}

static bool listens_to(const struct config_operator *op, enum event_type type)
{
    switch (type) {
    case EVENT_INSERT:
        return op->on_insert;
    case EVENT_UPDATE:
        return op->on_update;
    case EVENT_DELETE:
    case EVENT_TRUNCATE:
        return op->on_delete;
    case EVENT_MESSAGE:
        break;
    }
    return false;
}

int touch_event(const struct config_operator *op, const struct event *event, struct dirty *dirty,
                struct buffer *scratch, uint64_t *nulls)
{
    const struct config_operator_source *source =
        definition_source(op, event->schema, event->table);
    if (!source || !listens_to(op, event->type))
        return TOUCH_NOTHING;
    int rc = dirty_add_xid(dirty, event->xid);
    if (rc < 0)
        return rc;
    if (event->type == EVENT_TRUNCATE)
        return TOUCH_ALL;
    struct event_column column;
    if (!event_column_find(event, str_from(source->column), &column))
        return TOUCH_UNKNOWN;
    /* An id that is longer than what a large event keeps. */
    if (column.left_out)
        return TOUCH_UNKNOWN;
    struct toucher t = {.dirty = dirty, .scratch = scratch, .nulls = nulls};
    if (event->type == EVENT_INSERT)
        return touch_inserted(&t, &column);
    if (event->type == EVENT_DELETE)
        return touch_deleted(&t, source, &column);
    return touch_updated(&t, op, source, &column);
}
