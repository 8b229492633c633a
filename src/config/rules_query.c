/* config/rules_query.c - the SQL of an operator. */
#include "config/file.h"
#include "config/rules_operator.h"
#include <errno.h>
#include <string.h>

static int read_query_file(struct reading *o)
{
    struct error why = {0};
    size_t len = 0;

    int code = file_read(&o->to->query, &len, o->from->query_file, CONFIG_FILE_MAX, &why);
    if (code == -ENOMEM)
        return rules_no_memory(o->r);
    if (code < 0)
        code = node_fail(o->r->tree, PLACE(o, "query_file"), o->r->err,
                         "%s; mend the path or the file", why.text);
    else if (strlen(o->to->query) != len)
        code = node_fail(o->r->tree, PLACE(o, "query_file"), o->r->err,
                         "%s: has a NUL byte; save it as UTF-8 text", o->from->query_file);
    return code;
}

/* A key that says what the operator does; one of them must. */
struct way {
    const char *key;
    char **text;
    enum config_form form;
};

static const struct node *place_of(const struct reading *o, const struct way *way)
{
    return node_at(o->r->tree, "operators[%zu].%s", o->index, way->key);
}

static int choose(struct reading *o, const struct way *ways, size_t count, const struct way **ret)
{
    const struct way *chosen = NULL;

    for (const struct way *way = ways; way < ways + count; way++) {
        if (!*way->text || !**way->text)
            continue;
        if (chosen)
            return node_fail(o->r->tree, place_of(o, chosen), o->r->err,
                             "%s and %s are both said; remove one", chosen->key, way->key);
        chosen = way;
    }
    if (!chosen)
        return node_fail(o->r->tree, place_of(o, ways), o->r->err,
                         "no query; write one of query, query_file, select and call");
    *ret = chosen;
    return 0;
}

/* What it does for an id it can only do when it is told the id. */
static int check_parameters(struct reading *o, const struct node *place)
{
    for (size_t i = 0; i < o->to->target_id.count; i++) {
        const char parameter[] = {'$', (char)('1' + i), '\0'};
        if (!strstr(o->to->query, parameter))
            return node_fail(o->r->tree, place, o->r->err,
                             "the query does not use %s, the target's %s; restrict it to that id",
                             parameter, o->to->target_id.items[i].text);
    }
    return 0;
}

static int read_call(struct reading *o)
{
    char *names[2] = {NULL, NULL};

    int code = operator_table_name(o, o->from->call, PLACE(o, "call"), names);
    o->to->call_schema = names[0];
    o->to->call_function = names[1];
    return code;
}

int operator_query(struct reading *o)
{
    const struct way ways[] = {
        {"query", &o->from->query, CONFIG_QUERY},
        {"query_file", &o->from->query_file, CONFIG_QUERY},
        {"select", &o->from->select, CONFIG_SELECT},
        {"call", &o->from->call, CONFIG_CALL},
    };
    const struct way *way = NULL;

    int code = choose(o, ways, sizeof(ways) / sizeof(ways[0]), &way);
    if (code < 0)
        return code;
    if (o->from->batch && way->form != CONFIG_QUERY)
        return node_fail(o->r->tree, PLACE(o, "batch"), o->r->err,
                         "goes with query and query_file only; remove it");
    o->to->form = o->from->batch ? CONFIG_BATCH : way->form;
    if (way->form == CONFIG_CALL)
        return read_call(o);
    if (way->text == &o->from->query_file)
        code = read_query_file(o);
    else
        o->to->query = rules_take(way->text);
    return code < 0 ? code : check_parameters(o, place_of(o, way));
}
