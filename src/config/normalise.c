#include "config/normalise.h"
#include "config/expand.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOTHING ((struct str){NULL, 0})

struct pass {
    struct tree *tree;
    struct error *err;
    const void *row; /* of the table that is being applied */
};

static int no_memory(struct pass *p)
{
    return error_set(p->err, -ENOMEM, "%s: no memory to read it", p->tree->file);
}

/* --- keys without a value, ${VAR}
 * ------------------------------------------------------------------ */

static int drop_nulls(struct pass *p, struct node *node)
{
    struct node *next = NULL;

    for (struct node *child = node->first; child; child = next) {
        next = child->next;
        int code = 0;
        if (child->null && node->kind == NODE_LIST)
            return node_fail(p->tree, child, p->err, "an empty item; remove it or write a value");
        if (child->null)
            node_remove(child);
        else
            code = drop_nulls(p, child);
        if (code < 0)
            return code;
    }
    return 0;
}

static int expand_scalar(struct pass *p, struct node *node)
{
    struct error why = {0};
    char *text = NULL;

    int code = expand(&text, node->text, &why);
    if (code == -ENOMEM)
        return no_memory(p);
    if (code < 0)
        return node_fail(p->tree, node, p->err, "%s", why.text);
    free(node->text);
    node->text = text;
    return 0;
}

/* auth.jwt is read in mode jwt only, its secret with an algorithm that has one only: where they are
 * not read their variables may well be unset. */
static bool is_read(const struct pass *p, const struct node *node)
{
    if (strcmp(node->path, "auth.jwt") == 0) {
        const struct node *mode = node_child(node->parent, "mode");
        return mode && mode->text && strcmp(mode->text, "jwt") == 0;
    }
    if (strcmp(node->path, "auth.jwt.secret") == 0) {
        const struct node *algorithm = node_child(node->parent, "algorithm");
        return !algorithm || !algorithm->text || strncmp(algorithm->text, "HS", 2) == 0;
    }
    return true;
}

static int expand_all(struct pass *p, struct node *node)
{
    if (!is_read(p, node))
        return 0;
    if (node->kind == NODE_SCALAR)
        return strstr(node->text, "${") ? expand_scalar(p, node) : 0;
    for (struct node *child = node->first; child; child = child->next) {
        int code = expand_all(p, child);
        if (code < 0)
            return code;
    }
    return 0;
}

/* --- features that are not there yet
 * --------------------------------------------------------------- */

enum later_rule {
    ONLY, /* TEXT is the one value that is taken today */
    NONE, /* nothing is taken but an empty value, false, or TEXT */
    NOT,  /* TEXT is not taken, any other value is */
};

struct later {
    const char *pattern;
    enum later_rule rule;
    const char *text;
};

static const struct later later_features[] = {
    {"tables", NOT, "all"},
    {"events.retention", ONLY, "0"},
    {"http.tls.certificate", NONE, NULL},
    {"http.tls.key", NONE, NULL},
    {"plugins", NONE, NULL},
};

static bool is_empty(const struct node *node)
{
    if (node->kind != NODE_SCALAR)
        return node->count == 0;
    struct str text = str_from(node->text);
    return text.len == 0 || str_equal(text, STR("false"));
}

static bool is_later(const struct later *later, const struct node *node)
{
    bool same = later->text && node->text && strcmp(node->text, later->text) == 0;

    switch (later->rule) {
    case ONLY:
        return !same;
    case NONE:
        return !same && !is_empty(node);
    case NOT:
        return same;
    }
    return true;
}

static int refuse(struct pass *p, const struct node *node, const char *today)
{
    return node_fail(p->tree, node, p->err, "not available yet; %s%s",
                     today ? "today only: " : "remove it", today ? today : "");
}

static int refuse_later(struct node *node, void *context)
{
    struct pass *p = context;
    const struct later *later = p->row;

    if (!is_later(later, node))
        return 0;
    return refuse(p, node, later->rule == ONLY ? later->text : NULL);
}

/* --- one shape
 * -------------------------------------------------------------------------------------- */

/* Where a list of values is wanted, a single one will do. */
static const char *const lists[] = {"http.listen",
                                    "operators[].events",
                                    "operators[].delete_with",
                                    "operators[].target_id",
                                    "tables[].exclude",
                                    "tables[].ignore_updates_of",
                                    "numbers_as_strings",
                                    "http.cors.origins",
                                    "auth.gateway.trusted",
                                    "operators[].on_error_notify.command"};

static int wrap_scalar(struct node *node, void *context)
{
    if (node->kind != NODE_SCALAR)
        return 0;
    struct node *item = node_add(node, NODE_SCALAR, NULL, str_from(node->text));
    if (!item || node_adopt_place(item, node) < 0)
        return no_memory(context);
    free(node->text);
    node->text = NULL;
    node->kind = NODE_LIST;
    return 0;
}

/* A child of INTO; errors about it will speak of PLACE: it has its line and path. */
static struct node *add_like(struct node *into, enum node_kind kind, const char *key,
                             const struct node *place)
{
    struct str text = kind == NODE_SCALAR ? str_from(place->text) : NOTHING;
    struct node *child = node_add(into, kind, key, text);

    return child && node_adopt_place(child, place) == 0 ? child : NULL;
}

/* post_id, or [org_id, post_id]: a list of columns. */
static int add_columns(struct pass *p, struct node *source, const struct node *said)
{
    struct node *columns = add_like(source, NODE_LIST, "columns", said);

    if (!columns)
        return no_memory(p);
    const struct node *item = said->kind == NODE_LIST ? said->first : said;
    for (; item; item = said->kind == NODE_LIST ? item->next : NULL) {
        if (item->kind != NODE_SCALAR)
            return node_fail(p->tree, item, p->err, "no name of a column; write one");
        if (!add_like(columns, NODE_SCALAR, NULL, item))
            return no_memory(p);
    }
    return 0;
}

/* {keys: QUERY, map: post_id}: the query, and the column as a list. */
static int add_keys(struct pass *p, struct node *source, const struct node *said)
{
    const struct node *keys = node_child(said, "keys"), *map = node_child(said, "map");

    if (!keys || !map || said->count != 2)
        return node_fail(p->tree, said, p->err,
                         "says not what it takes; write keys: a query for the ids, and map: the "
                         "column whose value is its $1");
    if (keys->kind != NODE_SCALAR)
        return node_fail(p->tree, keys, p->err, "no query; write one");
    if (!add_like(source, NODE_SCALAR, "keys", keys))
        return no_memory(p);
    return add_columns(p, source, map);
}

/* A single value to a map, in which it is under KEY. */
static int reshape_scalar(struct node *node, const char *key, void *context)
{
    if (node->kind != NODE_SCALAR)
        return 0;
    if (!add_like(node, NODE_SCALAR, key, node))
        return no_memory(context);
    free(node->text);
    node->text = NULL;
    node->kind = NODE_MAP;
    return 0;
}

/* tables: [comments] to [{table: comments}]. */
static int reshape_table(struct node *node, void *context)
{
    return reshape_scalar(node, "table", context);
}

/* on_error_notify: https://... to {url: https://...}. */
static int reshape_notify(struct node *node, void *context)
{
    return reshape_scalar(node, "url", context);
}

/* tables: {comments: post_id} to [{table: comments, columns: [post_id]}]. */
static int reshape_sources(struct node *node, void *context)
{
    struct pass *p = context;

    int code = wrap_scalar(node, p);
    if (code < 0)
        return code;
    if (node->kind == NODE_LIST)
        return node_each(node, "[]", reshape_table, p);
    if (node->kind != NODE_MAP)
        return 0;
    node->kind = NODE_LIST;
    for (size_t left = node->count; left > 0; left--) {
        const struct node *pair = node->first;
        struct node *item = node_add(node, NODE_MAP, NULL, NOTHING);
        if (!item || node_adopt_place(item, pair) < 0)
            return no_memory(p);
        struct node *table = node_add(item, NODE_SCALAR, "table", str_from(pair->key));
        if (!table || node_adopt_place(table, pair) < 0)
            return no_memory(p);
        code = pair->kind == NODE_MAP ? add_keys(p, item, pair) : add_columns(p, item, pair);
        if (code < 0)
            return code;
        node_remove(node->first);
    }
    return 0;
}

/* Into the map INTO goes the pair's key under NAMES[0] and its value under NAMES[1]. Errors about
 * them will speak of the pair: they keep its line and path. */
static int add_halves(struct pass *p, struct node *into, const struct node *pair,
                      const char *const names[2])
{
    const char *const texts[2] = {pair->key, pair->text};

    for (int i = 0; i < 2; i++) {
        struct node *half = node_add(into, NODE_SCALAR, names[i], str_from(texts[i]));
        if (!half || node_adopt_place(half, pair) < 0)
            return no_memory(p);
    }
    return 0;
}

/* The first COUNT children of FROM, all pairs, go into LIST, one map of two halves each. */
static int move_pairs(struct pass *p, struct node *from, size_t count, struct node *list,
                      const char *const names[2])
{
    for (; count > 0; count--) {
        struct node *item = node_add(list, NODE_MAP, NULL, NOTHING);
        if (!item || node_adopt_place(item, from->first) < 0)
            return no_memory(p);
        int code = add_halves(p, item, from->first, names);
        if (code < 0)
            return code;
        node_remove(from->first);
    }
    return 0;
}

/* {org_id: organizations, post_id: posts} to {columns: [{column: org_id, parent: organizations},
 * {column: post_id, parent: posts}]}. */
static int reshape_scope(struct node *node, void *context)
{
    static const char *const names[2] = {"column", "parent"};
    struct pass *p = context;
    size_t count = node->count;

    if (node->kind != NODE_MAP)
        return 0;
    for (struct node *pair = node->first; pair; pair = pair->next)
        if (pair->kind != NODE_SCALAR)
            return node_fail(p->tree, pair, p->err, "no scope; write {column: parent}");
    if (count == 0)
        return node_fail(p->tree, node, p->err, "no scope; write {column: parent}");
    struct node *list = node_add(node, NODE_LIST, "columns", NOTHING);
    return list ? move_pairs(p, node, count, list, names) : no_memory(p);
}

/* --- defaults
 * --------------------------------------------------------------------------------------- */

struct fallback {
    const char *parent; /* a pattern */
    const char *key;
    const char *text; /* NULL: a map */
};

/* Parents come before what they hold. threads: 0 is resolved by the rules; what database leaves out
 * is not here, because the PG* variables go first. */
static const struct fallback fallbacks[] = {
    {"", "app_name", "walpiper"},
    {"", "database", NULL},
    {"", "slot", NULL},
    {"slot", "name", "walpiper"},
    {"slot", "durable", "true"},
    {"slot", "recreate", "false"},
    {"slot", "plugin", "auto"},
    {"", "publication", "walpiper"},
    {"", "state_schema", "walpiper"},
    {"", "events", NULL},
    {"events", "table", "public.events"},
    {"events", "columns", NULL},
    {"events.columns", "id", "id"},
    {"events.columns", "type", "type"},
    {"events.columns", "consumer", "subscriber"},
    {"events.columns", "payload", "payload"},
    {"events.columns", "timestamp", "timestamp"},
    {"", "journal", NULL},
    {"journal", "path", "data/journal"},
    {"journal", "retention", NULL},
    {"journal.retention", "bytes", "1GB"},
    {"journal.retention", "age", "7d"},
    {"journal", "max_hold", "10GB"},
    {"journal", "max_event", "64MB"},
    {"journal", "on_large_event", "strip"},
    {"", "http", NULL},
    {"http", "listen", "127.0.0.1:4000"},
    {"http", "threads", "0"},
    {"http", "heartbeat", "10s"},
    {"http", "request_timeout", "15s"},
    {"http", "stall_timeout", "30s"},
    {"http", "drain", "5s"},
    {"http", "max_connections", "100000"},
    {"http", "max_connections_per_client", "0"},
    {"http", "max_connections_per_consumer", "0"},
    {"http", "max_topics", "1000"},
    {"http", "max_filters", "20"},
    {"http", "max_head", "16kB"},
    {"http", "publish_rate", "0"},
    {"http", "proxy_protocol", "false"},
    {"", "auth", NULL},
    {"auth", "mode", "none"},
    {"auth", "allow_public", "false"},
    {"auth", "jwt", NULL},
    {"auth.jwt", "algorithm", "HS256"},
    {"auth.jwt", "query_token", "false"},
    {"", "admin", NULL},
    {"admin", "listen", "127.0.0.1:4001"},
    {"admin", "allow_public", "false"},
    {"operators[]", "on_error", "park"},
    {"operators[]", "batch_size", "500"},
    {"operators[]", "lanes", "1"},
    {"operators[]", "rebuild_rate", "0"},
    {"", "retry", NULL},
    {"retry", "min_restart_time", "500"},
    {"retry", "max_restart_time", "10000"},
    {"retry", "backoff_multiplicator", "2"},
    {"retry", "max_retries", "5"},
    {"", "log", NULL},
    {"log", "level", "info"},
    {"log", "format", "logfmt"},
};

static int fill_in(struct node *node, void *context)
{
    struct pass *p = context;
    const struct fallback *row = p->row;

    if (node->kind != NODE_MAP || node_child(node, row->key))
        return 0;
    if (!node_add(node, row->text ? NODE_SCALAR : NODE_MAP, row->key, str_from(row->text)))
        return no_memory(p);
    return 0;
}

/* ----------------------------------------------------------------------------------------------------
 */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int each(struct pass *p, const char *pattern, node_visit visit)
{
    return node_each(p->tree->root, pattern, visit, p);
}

int normalise(struct tree *tree, struct error *err)
{
    struct pass p = {.tree = tree, .err = err};

    int code = drop_nulls(&p, tree->root);
    if (code == 0)
        code = expand_all(&p, tree->root);
    for (size_t i = 0; i < COUNT(later_features) && code == 0; i++) {
        p.row = &later_features[i];
        code = each(&p, later_features[i].pattern, refuse_later);
    }
    for (size_t i = 0; i < COUNT(fallbacks) && code == 0; i++) {
        p.row = &fallbacks[i];
        code = each(&p, fallbacks[i].parent, fill_in);
    }
    for (size_t i = 0; i < COUNT(lists) && code == 0; i++)
        code = each(&p, lists[i], wrap_scalar);
    if (code == 0)
        code = each(&p, "operators[].tables", reshape_sources);
    if (code == 0)
        code = each(&p, "operators[].on_error_notify", reshape_notify);
    if (code == 0)
        code = each(&p, "tables[].scopes[]", reshape_scope);
    return code;
}
