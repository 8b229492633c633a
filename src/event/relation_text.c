#include "event/relation_text.h"

#include "base/str.h"
#include "event/encode_parts.h"
#include "event/type.h"

#include <errno.h>
#include <stdlib.h>

/* 1600 columns whose names and types have 63 characters, each of them escaped. */
#define TEXT_MAX ((size_t)4 << 20)

struct place {
    size_t at, len;
};

/* Where what is kept by itself is in the text. */
struct places {
    struct place name, index;
    struct place *keys; /* of each column, its colon included; may be NULL */
};

static struct str slice(const struct buffer *text, struct place place)
{
    return (struct str){text->data + place.at, place.len};
}

static int write_text(struct buffer *out, const struct relation *relation, struct places *places)
{
    buffer_append_str(out, STR("\"schema\":"));
    json_quote(out, relation->schema);
    buffer_append_str(out, STR(",\"table\":"));
    places->name.at = out->len;
    json_quote(out, relation->table);
    places->name.len = out->len - places->name.at;
    buffer_append_str(out, STR(",\"columns\":{"));
    for (uint16_t i = 0, shown = 0; i < relation->column_count; i++) {
        if (relation->columns[i].excluded)
            continue;
        if (shown++ > 0)
            buffer_append_char(out, ',');
        size_t at = out->len;
        json_quote(out, relation->columns[i].name);
        buffer_append_char(out, ':');
        if (places->keys != NULL)
            places->keys[i] = (struct place){at, out->len - at};
        json_quote(out, str_from(relation->columns[i].type->name));
    }
    return buffer_append_char(out, '}');
}

int relation_text_write(struct buffer *out, const struct relation *relation)
{
    struct places places = {0};

    return write_text(out, relation, &places);
}

static void keep(struct relation *relation, const struct buffer *text, const struct places *places)
{
    relation->text = (struct str){text->data, places->index.at};
    relation->name = slice(text, places->name);
    relation->index = slice(text, places->index);
    for (uint16_t i = 0; i < relation->column_count; i++)
        relation->columns[i].key = slice(text, places->keys[i]);
}

int relation_text_keep(struct relation *relation)
{
    struct buffer text;
    struct places places = {.keys = calloc(relation->column_count + 1u, sizeof(*places.keys))};

    if (places.keys == NULL)
        return -ENOMEM;
    buffer_init(&text, TEXT_MAX);
    write_text(&text, relation, &places);
    places.index.at = text.len;
    int r = encode_index(&text, relation);
    places.index.len = text.len - places.index.at;
    if (r == 0)
        keep(relation, &text, &places);
    else
        buffer_release(&text);
    free(places.keys);
    return r < 0 ? -ENOMEM : 0;
}

void relation_text_release(struct relation *relation)
{
    if (relation == NULL)
        return;
    free((char *)(uintptr_t)relation->text.data);
    relation->text = relation->name = relation->index = (struct str){0};
}
