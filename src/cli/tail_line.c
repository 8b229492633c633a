#include "cli/tail_line.h"
#include "cli/escape.h"
#include "event/iso_time.h"
#include "event/record.h"
#include <jansson.h>

/* --- what happened ----------------------------------------------------------------------- */

static void put_value(struct buffer *out, const struct event_column *column, struct str value)
{
    buffer_append_char(out, ' ');
    escape_append(out, column->name);
    buffer_append_char(out, '=');
    escape_append(out, value);
}

static bool has_changed(const struct event_column *column)
{
    return column->old_value.data && column->new_value.data &&
           !str_equal(column->old_value, column->new_value);
}

static bool knows_changes(const struct event *event)
{
    for (uint16_t i = 0; i < event->column_count; i++) {
        struct event_column column = event_column_at(event, i);
        if (has_changed(&column))
            return true;
    }
    return false;
}

/* The key and what changed; where that is not known, the new row. */
static void put_update(struct buffer *out, const struct event *event)
{
    bool known = knows_changes(event);
    for (uint16_t i = 0; i < event->column_count; i++) {
        struct event_column column = event_column_at(event, i);
        if (has_changed(&column)) {
            put_value(out, &column, column.old_value);
            buffer_append_str(out, STR("->"));
            escape_append(out, column.new_value);
        } else if (column.new_value.data && (!known || column.primary_key)) {
            put_value(out, &column, column.new_value);
        }
    }
}

static void put_row(struct buffer *out, const struct event *event)
{
    for (uint16_t i = 0; i < event->column_count; i++) {
        struct event_column column = event_column_at(event, i);
        struct str value = event->type == EVENT_DELETE ? column.old_value : column.new_value;
        if (value.data)
            put_value(out, &column, value);
    }
}

static void put_field(struct buffer *out, const json_t *object, const char *name)
{
    char *text = json_dumps(json_object_get(object, name), JSON_ENCODE_ANY);
    buffer_printf(out, " %s=", name);
    escape_append(out, text ? str_from(text) : STR("?"));
    free(text);
}

static void put_message(struct buffer *out, const struct event *event)
{
    json_t *object = json_loadb(event->json.data, event->json.len, JSON_ALLOW_NUL, NULL);
    put_field(out, object, "prefix");
    put_field(out, object, "content");
    json_decref(object);
}

static void put_happening(struct buffer *out, const struct event *event)
{
    if (event->type == EVENT_MESSAGE)
        put_message(out, event);
    else if (event->type == EVENT_UPDATE)
        put_update(out, event);
    else
        put_row(out, event);
    if (event->error.data) {
        buffer_append_str(out, STR(" error="));
        escape_append(out, event->error);
    }
}

static void put_table(struct buffer *out, const struct event *event)
{
    if (event->table.len == 0)
        return;
    buffer_append_char(out, ' ');
    if (!str_equal(event->schema, STR("public"))) {
        escape_append(out, event->schema);
        buffer_append_char(out, '.');
    }
    escape_append(out, event->table);
}

static void put_time(struct buffer *out, const struct event *event)
{
    char text[ISO_TIME_MAX];
    /* A message outside of transactions has no time. */
    if (event->xid == 0)
        buffer_append_char(out, '-');
    else
        buffer_append(out, text, (size_t)(put_iso_time(text, event->commit_time) - text));
}

int tail_line(struct buffer *out, const struct event *event, size_t width)
{
    size_t start = out->len;
    put_time(out, event);
    buffer_append_char(out, ' ');
    buffer_append_str(out, str_from(event_type_name(event->type)));
    put_table(out, event);
    buffer_append_char(out, ' ');
    escape_append(out, event->id);
    put_happening(out, event);
    if (width > 0 && out->failed == 0)
        escape_cut(out, start, width);
    return buffer_append_char(out, '\n');
}
