#include "event/encode_parts.h"

#include <errno.h>
#include <string.h>

static int put_new_record(struct encoder *e)
{
    char separator = '{';

    PUT(e, ",\"new_record\":");
    for (uint16_t i = 0; i < e->column_count; i++) {
        const struct value *v = new_value(e->change, i);
        if (!is_known(v))
            continue;
        struct record_column column = load_column(e, i);
        put_key(e, separator, &e->change->relation->columns[i]);
        int r = encode_value(e, i, v, &column.new_value);
        if (r < 0)
            return r;
        column.flags |= RECORD_HAS_NEW;
        store_column(e, i, &column);
        separator = ',';
    }
    return separator == '{' ? PUT(e, "{}") : PUT(e, "}");
}

static int put_old_record(struct encoder *e)
{
    char separator = '{';

    PUT(e, ",\"old_record\":");
    for (uint16_t i = 0; i < e->column_count; i++) {
        const struct value *v = old_value(e->change, i);
        if (!is_known(v))
            continue;
        struct record_column column = load_column(e, i);
        put_key(e, separator, &e->change->relation->columns[i]);
        int r = encode_value(e, i, v, &column.old_value);
        if (r < 0)
            return r;
        column.flags |= RECORD_HAS_OLD;
        store_column(e, i, &column);
        separator = ',';
    }
    return separator == '{' ? PUT(e, "{}") : PUT(e, "}");
}

/* Appends again what stands at SLICE: a value is converted once. */
static int put_again(struct encoder *e, struct record_slice slice)
{
    char *to = buffer_reserve(e->out, slice.len);

    if (to == NULL)
        return e->out->failed;
    memcpy(to, e->out->data + e->start + slice.at, slice.len);
    e->out->len += slice.len;
    return 0;
}

static int put_change_of(struct encoder *e, uint16_t index, char separator,
                         struct record_column *column)
{
    put_key(e, separator, &e->change->relation->columns[index]);
    PUT(e, "{\"old_value\":");
    int r = encode_value(e, index, old_value(e->change, index), &column->old_value);
    if (r < 0)
        return r;
    PUT(e, ",\"new_value\":");
    put_again(e, column->new_value);
    return PUT(e, "}");
}

static int put_changes(struct encoder *e)
{
    char separator = '{';

    PUT(e, ",\"changes\":");
    for (uint16_t i = 0; i < e->column_count; i++) {
        const struct value *now = new_value(e->change, i);
        const struct value *before = old_value(e->change, i);
        if (!is_known(now) || !is_known(before))
            continue;
        struct record_column column = load_column(e, i);
        column.flags |= RECORD_HAS_OLD;
        if (is_same(now, before)) {
            column.old_value = column.new_value;
        } else {
            int r = put_change_of(e, i, separator, &column);
            if (r < 0)
                return r;
            separator = ',';
        }
        store_column(e, i, &column);
    }
    return separator == '{' ? PUT(e, "{}") : PUT(e, "}");
}

static void put_unchanged(struct encoder *e)
{
    bool any = false;

    for (uint16_t i = 0; i < e->column_count; i++) {
        if (new_value(e->change, i)->kind != VALUE_UNCHANGED)
            continue;
        if (any)
            PUT(e, ",");
        else
            PUT(e, ",\"unchanged\":[");
        json_quote(e->out, e->change->relation->columns[i].name);
        any = true;
    }
    if (any)
        PUT(e, "]");
}

int encode_body(struct encoder *e)
{
    int r;

    switch (e->change->type) {
    case EVENT_INSERT:
        r = put_new_record(e);
        PUT(e, ",\"old_record\":null,\"changes\":null");
        return r;
    case EVENT_UPDATE:
        r = put_new_record(e);
        PUT(e, ",\"old_record\":null");
        if (r == 0)
            r = put_changes(e);
        put_unchanged(e);
        return r;
    case EVENT_DELETE:
        PUT(e, ",\"new_record\":null");
        r = put_old_record(e);
        PUT(e, ",\"changes\":null");
        return r;
    case EVENT_TRUNCATE:
        return PUT(e, ",\"new_record\":null,\"old_record\":null,\"changes\":null");
    case EVENT_MESSAGE:
        PUT(e, ",\"prefix\":");
        json_quote(e->out, e->change->prefix);
        PUT(e, ",\"content\":");
        return json_quote(e->out, e->change->content);
    }
    return -EINVAL;
}
