#include "operator/touch.h"
#include "event/record.h"
#include "event/type.h"
#include "operator/definition.h"
#include "operator/id.h"
#include <errno.h>

void toucher_init(struct toucher *t, const struct config_operator *op)
{
    *t = (struct toucher){.op = op};
    buffer_init(&t->scratch, DIRTY_BYTES_MAX);
}

void toucher_release(struct toucher *t)
{
    buffer_release(&t->scratch);
}

/* What the mapped columns hold on one side of an event, as JSON. */
struct side {
    struct str values[CONFIG_ID_COLUMNS_MAX];
    bool unknown; /* the event does not tell one of them */
    bool null;    /* one is NULL, so there is no id */
};

static inline void take_value(struct side *side, size_t index, struct str json)
{
    side->values[index] = json;
    side->unknown |= !json.data;
    side->null |= json.data && str_equal(json, STR("null"));
}

static void read_sides(const struct event *event, const struct config_names *columns,
                       struct side *ret_now, struct side *ret_before)
{
    ret_now->unknown = ret_now->null = ret_before->unknown = ret_before->null = false;
    for (size_t i = 0; i < columns->count; i++) {
        struct event_column column;
        /* Left out: an id that is longer than what a large event keeps. */
        if (!event_column_find(event, str_from(columns->items[i].text), &column) ||
            column.left_out) {
            ret_now->unknown = ret_before->unknown = true;
            continue;
        }
        struct str now = column.new_value, before = column.old_value;
        if (!now.data)
            now = before; /* untouched and too large to be sent */
        /* A primary key that the update left alone need not be in the old row. */
        if (!before.data && column.primary_key)
            before = now;
        take_value(ret_now, i, now);
        take_value(ret_before, i, before);
    }
}

static int touch_key(struct toucher *t, struct str value)
{
    int rc = dirty_add_xid(t->dirty, t->dirty->xid);
    return rc < 0 ? rc : keys_add(t->keys, (size_t)(t->source - t->op->sources), value);
}

/* The text of one column's value: where the event has it, unless it has escapes. */
static int text_of(struct toucher *t, struct str json, struct str *ret_text)
{
    int rc = json_scalar_plain(json, ret_text);
    if (rc > 0 && ret_text->len > t->scratch.max)
        return -EMSGSIZE;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    buffer_reset(&t->scratch);
    rc = json_scalar_text(&t->scratch, json);
    *ret_text = buffer_str(&t->scratch);
    return rc;
}

/* The id of several columns, behind the texts of its parts in the scratch memory. */
static int join_texts(struct toucher *t, const struct side *side, struct str *ret_id)
{
    struct str parts[CONFIG_ID_COLUMNS_MAX];
    size_t ends[CONFIG_ID_COLUMNS_MAX], count = t->source->columns.count;
    struct buffer *scratch = &t->scratch;
    buffer_reset(scratch);
    for (size_t i = 0; i < count; i++) {
        int rc = json_scalar_text(scratch, side->values[i]);
        if (rc < 0)
            return rc;
        ends[i] = scratch->len;
    }
    size_t start = scratch->len;
    /* At most six bytes an escape: the parts must not move while they are read. */
    if (buffer_reserve(scratch, 6 * start + 3 * count + 1)) {
        for (size_t i = 0, from = 0; i < count; from = ends[i++])
            parts[i] = (struct str){scratch->data + from, ends[i] - from};
        id_join(scratch, parts, count);
    }
    *ret_id = (struct str){scratch->data + start, scratch->len - start};
    return scratch->failed;
}

static int touch_id(struct toucher *t, const struct side *side, enum dirty_wish wish)
{
    struct str id;
    if (side->null) {
        t->nulls++;
        return 0;
    }
    int rc =
        t->source->columns.count == 1 ? text_of(t, side->values[0], &id) : join_texts(t, side, &id);
    if (rc < 0)
        return rc;
    return t->source->keys ? touch_key(t, id) : dirty_touch(t->dirty, id, wish);
}

static int touch_inserted(struct toucher *t, const struct side *now)
{
    if (now->unknown)
        return TOUCH_UNKNOWN;
    int rc = touch_id(t, now, DIRTY_REFRESH);
    return rc < 0 ? rc : TOUCH_IDS;
}

static int touch_deleted(struct toucher *t, const struct side *before)
{
    if (before->unknown)
        return TOUCH_UNKNOWN;
    int rc = touch_id(t, before, t->source->delete_with ? DIRTY_DELETE : DIRTY_REFRESH);
    return rc < 0 ? rc : TOUCH_IDS;
}

/* A row that leaves an id is to that id as if it was deleted, but the query has the last word:
 * another row may have the id now. */
static int touch_left(struct toucher *t, bool deletes, const struct side *before)
{
    int rc = deletes ? touch_id(t, before, DIRTY_DELETE) : 0;
    if (rc == 0 && !before->null)
        rc = touch_id(t, before, DIRTY_REFRESH);
    return rc;
}

static bool same_id(const struct toucher *t, const struct side *a, const struct side *b)
{
    for (size_t i = 0; i < t->source->columns.count; i++)
        if (!str_equal(a->values[i], b->values[i]))
            return false;
    return true;
}

static int touch_updated(struct toucher *t, bool deletes, const struct side *now,
                         const struct side *before)
{
    if (now->unknown || before->unknown)
        return TOUCH_UNKNOWN;
    int rc = same_id(t, now, before) ? 0 : touch_left(t, deletes, before);
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

/* Most events are of the same table as the one before. False: the table is no source. */
static bool find_source(struct toucher *t, const struct event *event)
{
    if (t->source && str_equal(event->table, t->table) && str_equal(event->schema, t->schema))
        return true;
    t->source = definition_source(t->op, event->schema, event->table);
    if (!t->source)
        return false;
    t->schema = str_from(t->source->schema);
    t->table = str_from(t->source->table);
    return true;
}

static int touch_row(struct toucher *t, const struct event *event)
{
    struct side now, before;
    read_sides(event, &t->source->columns, &now, &before);
    if (event->type == EVENT_INSERT)
        return touch_inserted(t, &now);
    if (event->type == EVENT_DELETE)
        return touch_deleted(t, &before);
    return touch_updated(t, t->source->delete_with && t->op->on_delete, &now, &before);
}

int touch_event(struct toucher *t, const struct event *event, struct dirty *dirty,
                struct keys *keys)
{
    if (!listens_to(t->op, event->type) || !find_source(t, event))
        return TOUCH_NOTHING;
    bool call = t->op->form == CONFIG_CALL;
    if (event->type == EVENT_TRUNCATE) {
        int rc = call ? 0 : dirty_add_xid(dirty, event->xid);
        return rc < 0 ? rc : call ? TOUCH_NOTHING : TOUCH_ALL; /* a truncate is of no row */
    }
    dirty_set_xid(dirty, event->xid);
    if (call) {
        int rc = dirty_add_event(dirty, event->id, event->json);
        return rc < 0 ? rc : TOUCH_IDS;
    }
    t->dirty = dirty;
    t->keys = keys;
    return touch_row(t, event);
}
