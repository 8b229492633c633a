#include "config/emit.h"

static uint32_t code_point(struct str character)
{
    unsigned char lead = (unsigned char)character.data[0];
    uint32_t point = character.len == 1 ? lead : lead & (0x7fu >> character.len);

    for (size_t i = 1; i < character.len; i++)
        point = point << 6 | ((unsigned char)character.data[i] & 0x3fu);
    return point;
}

/* The shortest escapes: libyaml reads keys of at most 1024 characters. */
static void emit_point(struct buffer *out, uint32_t point)
{
    if (point == '"' || point == '\\')
        buffer_printf(out, "\\%c", (char)point);
    else if (point >= ' ' && point < 0x7f)
        buffer_append_char(out, (char)point);
    else if (point < 0x10000)
        buffer_printf(out, "\\u%04X", (unsigned)point);
    else
        buffer_printf(out, "\\U%08X", (unsigned)point);
}

/* TEXT is UTF-8: libyaml and expand() let nothing else in. */
static void emit_text(struct buffer *out, const char *text)
{
    struct str rest = str_from(text);

    buffer_append_char(out, '"');
    while (rest.len > 0) {
        size_t len = str_utf8_length(rest);
        struct str character = {rest.data, len > 0 ? len : 1};
        uint32_t point = code_point(character);
        emit_point(out, point);
        rest.data += character.len;
        rest.len -= character.len;
    }
    buffer_append_char(out, '"');
}

static void emit_children(struct buffer *out, const struct node *node, int depth);

static void emit_value(struct buffer *out, const struct node *node, int depth)
{
    if (node->kind == NODE_SCALAR)
        emit_text(out, node->text);
    else if (node->count == 0)
        buffer_append_str(out, node->kind == NODE_MAP ? STR("{}") : STR("[]"));
    buffer_append_char(out, '\n');
    emit_children(out, node, depth + 1);
}

static void emit_children(struct buffer *out, const struct node *node, int depth)
{
    for (const struct node *child = node->first; child; child = child->next) {
        buffer_printf(out, "%*s", depth, "");
        if (child->key) {
            emit_text(out, child->key);
            buffer_append_char(out, ':');
        } else {
            buffer_append_char(out, '-');
        }
        buffer_append_char(out, ' ');
        emit_value(out, child, depth);
    }
}

int emit(const struct node *root, struct buffer *out)
{
    if (root->count == 0)
        buffer_append_str(out, STR("{}"));
    emit_children(out, root, 0);
    return out->failed;
}
