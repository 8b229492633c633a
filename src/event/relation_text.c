#include "event/relation_text.h"

#include "base/str.h"
#include "event/type.h"

#include <errno.h>
#include <stdlib.h>

/* 1600 columns whose names and types have 63 characters, each of them escaped. */
#define TEXT_MAX ((size_t)4 << 20)

struct key {
    size_t at, len;
};

/* KEYS (may be NULL): where the key of each column is in OUT, its colon included. */
static int write_text(struct buffer *out, const struct relation *relation, struct key *keys)
{
    buffer_append_str(out, STR("\"schema\":"));
    json_quote(out, relation->schema);
    buffer_append_str(out, STR(",\"table\":"));
    json_quote(out, relation->table);
    buffer_append_str(out, STR(",\"columns\":{"));
    for (uint16_t i = 0, shown = 0; i < relation->column_count; i++) {
        if (relation->columns[i].excluded)
            continue;
        if (shown++ > 0)
            buffer_append_char(out, ',');
        size_t at = out->len;
        json_quote(out, relation->columns[i].name);
        buffer_append_char(out, ':');
        if (keys != NULL)
            keys[i] = (struct key){at, out->len - at};
        json_quote(out, str_from(relation->columns[i].type->name));
    }
    return buffer_append_char(out, '}');
}

int relation_text_write(struct buffer *out, const struct relation *relation)
{
    return write_text(out, relation, NULL);
}

int relation_text_keep(struct relation *relation)
{
    struct buffer text;
    struct key *keys = calloc(relation->column_count + 1u, sizeof(*keys));

    if (keys == NULL)
        return -ENOMEM;
    buffer_init(&text, TEXT_MAX);
    int r = write_text(&text, relation, keys);
    if (r == 0) {
        relation->text = buffer_str(&text);
        for (uint16_t i = 0; i < relation->column_count; i++)
            relation->columns[i].key = (struct str){text.data + keys[i].at, keys[i].len};
    } else {
        buffer_release(&text);
    }
    free(keys);
    return r < 0 ? -ENOMEM : 0;
}

void relation_text_release(struct relation *relation)
{
    if (relation == NULL)
        return;
    free((char *)(uintptr_t)relation->text.data);
    relation->text = (struct str){0};
}
