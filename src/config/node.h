/* config/node.h - a YAML file as a tree that remembers for each value its line and the key path the
 * user wrote. Aliases, tags, duplicate keys and second documents are refused, so that a tree is as
 * large as its text. Pure. Owns all its text. */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include "base/error.h"
#include "base/str.h"

#define NODE_DEPTH_MAX 16
#define NODE_KEY_MAX 256
#define NODE_CHILDREN_MAX 10000

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    unsigned line; /* of its key or list item; a default has its parent's */
    char *path;    /* "operators[0].tables.comments"; "" is the root */
    char *key;     /* inside a map, else NULL */
    char *text;    /* of a scalar, else NULL */
    bool null;     /* an empty value, ~ or null: "not said" */
    struct node *parent, *next, *first, *last;
    size_t count; /* of children */
};

struct tree {
    const char *file; /* borrowed: only for messages */
    struct node *root;
};

/* Parses TEXT; an empty one gives an empty map. 0, -ENOMEM or -EINVAL. The caller releases. */
int tree_parse(struct tree *ret_tree, const char *file, struct str text, struct error *err);
void tree_release(struct tree *tree);

/* Appends a new node to PARENT (NULL: a root). KEY and TEXT may be NULL and are copied; its line
 * and path are PARENT's, with the key or the list index. NULL when memory is out. */
struct node *node_add(struct node *parent, enum node_kind kind, const char *key, struct str text);
int node_adopt_place(struct node *node, const struct node *other); /* line and path; or -ENOMEM */
void node_remove(struct node *node); /* from its parent, and frees it */

struct node *node_child(const struct node *map, const char *key); /* NULL: not there, or no map */

/* What the formatted path, spelt as node->path, leads to through keys and indices of the tree as it
 * is now. Where the tree ends earlier: the last node on the way. Never NULL. */
struct node *node_at(const struct tree *tree, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Calls VISIT for every node that PATTERN names; "[]" stands for all items: "tables[].name". Stops
 * at the first result that is not 0, and returns it. VISIT may change what is below its node. */
typedef int (*node_visit)(struct node *node, void *context);
int node_each(struct node *from, const char *pattern, node_visit visit, void *context);

/* "FILE:LINE: path: <formatted>" into ERR; returns -EINVAL. The format reads "cause; mend" and
 * never shows a value, which may be a secret. */
int node_fail(const struct tree *tree, const struct node *node, struct error *err,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
