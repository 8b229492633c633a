#include "event/encode_parts.h"

#include <inttypes.h>
#include <stdio.h>

/* Keys, scopes and whatever else topics and operators go by is short: so much of a value's text is
 * kept where the event shows no records. */
#define KEPT_MAX 1024

static bool is_small(const struct value *v)
{
    return v->kind == VALUE_NULL || (v->kind == VALUE_TEXT && v->text.len <= KEPT_MAX);
}

/* --- how large the change is ----------------------------------------------------------------- */

static size_t text_length(const struct value *v)
{
    return v->kind == VALUE_TEXT ? v->text.len : 0;
}

static size_t column_weight(const struct change *change, uint16_t index)
{
    const struct value *now = new_value(change, index);
    const struct value *before = old_value(change, index);

    return text_length(now) + (is_same(now, before) ? 0 : text_length(before));
}

struct weight encode_weigh(const struct change *change)
{
    struct weight weight = {.bytes = change->prefix.len + change->content.len};
    size_t most = 0;

    for (uint16_t i = 0; change->relation != NULL && i < change->relation->column_count; i++) {
        if (change->relation->columns[i].excluded)
            continue;
        size_t bytes = column_weight(change, i);
        weight.bytes += bytes;
        if (weight.heaviest == NULL || bytes > most) {
            weight.heaviest = &change->relation->columns[i];
            most = bytes;
        }
    }
    return weight;
}

/* --- values without records ------------------------------------------------------------------ */

static int keep_new(struct encoder *e, uint16_t index, struct record_column *column)
{
    const struct value *v = new_value(e->change, index);

    if (!is_small(v)) {
        column->flags |= v->kind == VALUE_TEXT ? RECORD_LEFT_OUT : 0;
        return 0;
    }
    column->flags |= RECORD_HAS_NEW;
    return encode_value(e, index, v, &column->new_value);
}

static int keep_old(struct encoder *e, uint16_t index, struct record_column *column)
{
    const struct value *v = old_value(e->change, index);

    if (!is_small(v)) {
        column->flags |= v->kind == VALUE_TEXT ? RECORD_LEFT_OUT : 0;
        return 0;
    }
    column->flags |= RECORD_HAS_OLD;
    if (!is_same(v, new_value(e->change, index)))
        return encode_value(e, index, v, &column->old_value);
    column->old_value = column->new_value;
    return 0;
}

int encode_kept_values(struct encoder *e)
{
    for (uint16_t i = 0; i < e->column_count; i++) {
        if (e->change->relation->columns[i].excluded)
            continue;
        struct record_column column = load_column(e, i);
        int r = keep_new(e, i, &column);
        if (r == 0)
            r = keep_old(e, i, &column);
        if (r < 0)
            return r;
        store_column(e, i, &column);
    }
    return 0;
}

/* --- the event ------------------------------------------------------------------------------- */

static int put_error(struct encoder *e)
{
    char object[OBJECT_MAX], text[OBJECT_MAX + 128];

    encode_object_name(e->change, object);
    snprintf(text, sizeof(text),
             "%s: its values have %zu bytes, too many for an event of at most %" PRIu64
             " bytes (journal.max_event)",
             object, encode_weigh(e->change).bytes, e->origin->max_event);
    PUT(e, ",\"error\":");
    uint32_t at = here(e);
    int r = json_quote(e->out, str_from(text));
    e->error = (struct record_slice){at, here(e) - at};
    return r;
}

int encode_stripped_body(struct encoder *e)
{
    if (e->change->type != EVENT_MESSAGE) {
        PUT(e, ",\"new_record\":null,\"old_record\":null,\"changes\":null");
        return put_error(e);
    }
    PUT(e, ",\"prefix\":");
    if (e->change->prefix.len <= KEPT_MAX)
        json_quote(e->out, e->change->prefix);
    else
        PUT(e, "null");
    PUT(e, ",\"content\":null");
    return put_error(e);
}
