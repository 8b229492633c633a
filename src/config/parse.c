/* config/parse.c - YAML text to a tree, one libyaml event at a time, without recursion. */
#include "config/node.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct builder {
    struct tree *tree;
    struct node *open; /* the list or map that is being filled */
    char *key;         /* read, its value not yet */
    unsigned key_line;
    unsigned depth;
    unsigned documents;
    struct error *err;
};

/* A place for messages where no node is made yet. */
static int fail_at(struct builder *b, unsigned line, const char *what)
{
    const char *path = b->open ? b->open->path : "";
    return error_set(b->err, -EINVAL, "%s:%u: %s%s%s", b->tree->file, line, path, *path ? ": " : "",
                     what);
}

static unsigned line_of(const yaml_event_t *event)
{
    return (unsigned)event->start_mark.line + 1;
}

static bool is_null(const yaml_event_t *event)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp((const char *)event->data.scalar.value, words[i]) == 0)
            return true;
    return false;
}

static bool has_control_bytes(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return true;
    return false;
}

static int take_key(struct builder *b, struct str key, unsigned line)
{
    if (key.len == 0 || key.len > NODE_KEY_MAX || has_control_bytes(key))
        return fail_at(b, line, "a key is empty, too long or has control characters; mend the key");
    for (const struct node *other = b->open->first; other; other = other->next)
        if (str_equal(str_from(other->key), key))
            return node_fail(b->tree, &(struct node){.line = line, .path = other->path}, b->err,
                             "this key is already in line %u; remove one of them", other->line);
    b->key = str_dup(key);
    b->key_line = line;
    return b->key ? 0 : error_set(b->err, -ENOMEM, "%s: no memory to read it", b->tree->file);
}

static int add(struct builder *b, enum node_kind kind, struct str text, unsigned line,
               struct node **ret_node)
{
    if (b->open && b->open->count >= NODE_CHILDREN_MAX)
        return fail_at(b, line, "too many entries; at most 10000 are read");
    struct node *node = node_add(b->open, kind, b->key, text);
    if (!node)
        return error_set(b->err, -ENOMEM, "%s: no memory to read it", b->tree->file);
    node->line = b->key ? b->key_line : line;
    free(b->key);
    b->key = NULL;
    if (!b->tree->root)
        b->tree->root = node;
    *ret_node = node;
    return 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    struct node *node = NULL;

    if (event->data.scalar.tag)
        return fail_at(b, line_of(event), "tags (!type) are not read here; remove the tag");
    if (memchr(text.data, '\0', text.len))
        return fail_at(b, line_of(event), "the text has a NUL character; remove it");
    if (b->open && b->open->kind == NODE_MAP && !b->key)
        return take_key(b, text, line_of(event));
    int code = add(b, NODE_SCALAR, text, line_of(event), &node);
    if (node)
        node->null = is_null(event);
    return code;
}

static int on_start(struct builder *b, const yaml_event_t *event, enum node_kind kind)
{
    const yaml_char_t *tag =
        kind == NODE_MAP ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    if (tag)
        return fail_at(b, line_of(event), "tags (!type) are not read here; remove the tag");
    if (b->open && b->open->kind == NODE_MAP && !b->key)
        return fail_at(b, line_of(event), "a key must be a word, not a list or map; mend the key");
    if (++b->depth > NODE_DEPTH_MAX)
        return fail_at(b, line_of(event), "too deeply nested; no key lies so deep");
    return add(b, kind, (struct str){NULL, 0}, line_of(event), &b->open);
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1)
            return fail_at(b, line_of(event), "a second document (---); keep one");
        return 0;
    case YAML_ALIAS_EVENT:
        return fail_at(b, line_of(event), "aliases (*name) are not read here; repeat the value");
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, event, NODE_LIST);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, event, NODE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        assert(b->open); /* libyaml ends only what it began */
        b->open = b->open->parent;
        b->depth--;
        return 0;
    default:
        return 0;
    }
}

static int fail_yaml(const struct builder *b, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return error_set(b->err, -ENOMEM, "%s: no memory to read it", b->tree->file);
    if (parser->error == YAML_READER_ERROR)
        return error_set(b->err, -EINVAL, "%s: not UTF-8 text at byte %zu: %s; save it as UTF-8",
                         b->tree->file, parser->problem_offset, parser->problem);
    return error_set(b->err, -EINVAL, "%s:%zu: no valid YAML: %s%s%s; mend the line", b->tree->file,
                     parser->problem_mark.line + 1, parser->context ? parser->context : "",
                     parser->context ? ": " : "", parser->problem);
}

static int read_events(struct builder *b, yaml_parser_t *parser)
{
    bool done = false;

    while (!done) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return fail_yaml(b, parser);
        int code = on_event(b, &event);
        done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (code < 0)
            return code;
    }
    return 0;
}

/* An empty file, or one of comments only, says nothing: all defaults. */
static int check_root(struct builder *b)
{
    struct tree *tree = b->tree;

    if (tree->root && tree->root->null)
        tree_release(tree);
    if (!tree->root && !(tree->root = node_add(NULL, NODE_MAP, NULL, (struct str){NULL, 0})))
        return error_set(b->err, -ENOMEM, "%s: no memory to read it", tree->file);
    if (tree->root->kind != NODE_MAP)
        return node_fail(tree, tree->root, b->err, "must be keys with values; write 'key: value'");
    return 0;
}

int tree_parse(struct tree *ret_tree, const char *file, struct str text, struct error *err)
{
    struct tree tree = {.file = file};
    struct builder b = {.tree = &tree, .err = err};
    yaml_parser_t parser;

    if (!yaml_parser_initialize(&parser))
        return error_set(err, -ENOMEM, "%s: no memory to read it", file);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.len);
    int code = read_events(&b, &parser);
    yaml_parser_delete(&parser);
    free(b.key);
    if (code == 0)
        code = check_root(&b);
    if (code < 0) {
        tree_release(&tree);
        return code;
    }
    *ret_tree = tree;
    return 0;
}
