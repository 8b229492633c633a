/* config/node.c - the tree itself; how it comes out of YAML is parse.c. */
#include "config/node.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 1024

static void node_free(struct node *node)
{
    while (node->first) {
        struct node *child = node->first;
        node->first = child->next;
        node_free(child);
    }
    free(node->path);
    free(node->key);
    free(node->text);
    free(node);
}

void tree_release(struct tree *tree)
{
    if (tree->root)
        node_free(tree->root);
    tree->root = NULL;
}

static int node_set_path(struct node *node, const struct node *parent)
{
    char path[PATH_MAX_BYTES];

    if (!parent)
        path[0] = '\0';
    else if (!node->key)
        snprintf(path, sizeof(path), "%s[%zu]", parent->path, parent->count);
    else
        snprintf(path, sizeof(path), "%s%s%s", parent->path, *parent->path ? "." : "", node->key);
    node->path = str_dup(str_from(path));
    return node->path ? 0 : -ENOMEM;
}

static void node_append(struct node *parent, struct node *node)
{
    node->parent = parent;
    node->line = parent->line;
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    parent->count++;
}

struct node *node_add(struct node *parent, enum node_kind kind, const char *key, struct str text)
{
    struct node *node = calloc(1, sizeof(*node));
    if (!node)
        return NULL;
    node->kind = kind;
    node->line = 1;
    if ((key && !(node->key = str_dup(str_from(key)))) ||
        (text.data && !(node->text = str_dup(text))) || node_set_path(node, parent) < 0) {
        node_free(node);
        return NULL;
    }
    if (parent)
        node_append(parent, node);
    return node;
}

int node_adopt_place(struct node *node, const struct node *other)
{
    char *path = str_dup(str_from(other->path));
    if (!path)
        return -ENOMEM;
    free(node->path);
    node->path = path;
    node->line = other->line;
    return 0;
}

void node_remove(struct node *node)
{
    struct node *parent = node->parent;
    struct node *before = NULL;

    for (struct node *child = parent->first; child != node; child = child->next)
        before = child;
    if (before)
        before->next = node->next;
    else
        parent->first = node->next;
    if (parent->last == node)
        parent->last = before;
    parent->count--;
    node_free(node);
}

static struct node *child_named(const struct node *map, struct str key)
{
    if (map->kind != NODE_MAP)
        return NULL;
    for (struct node *child = map->first; child; child = child->next)
        if (str_equal(str_from(child->key), key))
            return child;
    return NULL;
}

struct node *node_child(const struct node *map, const char *key)
{
    return child_named(map, str_from(key));
}

static struct node *item_number(const struct node *list, size_t index)
{
    struct node *item = list->kind == NODE_LIST ? list->first : NULL;

    while (item && index-- > 0)
        item = item->next;
    return item;
}

/* One step of PATH: a key, or an index in brackets. */
static struct str path_step(const char **path)
{
    if (**path == '.')
        (*path)++;
    size_t len = **path == '[' ? strcspn(*path, "]") + 1 : strcspn(*path, ".[");
    struct str step = {*path, len};
    *path += len;
    return step;
}

struct node *node_at(const struct tree *tree, const char *format, ...)
{
    char text[PATH_MAX_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    struct node *node = tree->root;
    const char *path = text;
    while (*path) {
        struct str step = path_step(&path);
        int64_t index = 0;
        struct node *child = NULL;
        if (*step.data != '[')
            child = child_named(node, step);
        else if (str_to_int64((struct str){step.data + 1, step.len - 2}, &index) == 0)
            child = item_number(node, (size_t)index);
        if (!child)
            break;
        node = child;
    }
    return node;
}

int node_each(struct node *from, const char *pattern, node_visit visit, void *context)
{
    if (!*pattern)
        return visit(from, context);
    struct str step = path_step(&pattern);
    if (*step.data != '[') {
        struct node *child = child_named(from, step);
        return child ? node_each(child, pattern, visit, context) : 0;
    }
    if (from->kind != NODE_LIST)
        return 0;
    for (struct node *item = from->first; item; item = item->next) {
        int code = node_each(item, pattern, visit, context);
        if (code != 0)
            return code;
    }
    return 0;
}

int node_fail(const struct tree *tree, const struct node *node, struct error *err,
              const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(err, -EINVAL, "%s:%u: %s%s%s", tree->file, node->line, node->path,
                     *node->path ? ": " : "", text);
}
