/* config/rules_operators.c - operators: their query, their sources, and how they hang together. */
#include "config/file.h"
#include "config/name.h"
#include "config/rules.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The operator that is being read. */
struct reading {
    struct rules *r;
    size_t index;
    struct raw_operator *from;
    struct config_operator *to;
};

#define PLACE(o, key) node_at((o)->r->tree, "operators[%zu]." key, (o)->index)

static int read_table_name(struct reading *o, const char *name, const struct node *place,
                           char *ret_names[2])
{
    const char *complaint = NULL;

    int code = name_split(name, &ret_names[0], &ret_names[1], &complaint);
    if (code == -ENOMEM)
        return rules_no_memory(o->r);
    return code < 0 ? rules_check(o->r, complaint, place) : 0;
}

/* --- name, target, events
 * --------------------------------------------------------------------------- */

static int operator_names(struct reading *o)
{
    char *target[2] = {NULL, NULL};

    int code = rules_check(o->r, name_check_operator(o->from->name), PLACE(o, "name"));
    for (size_t i = 0; i < o->index && code == 0; i++)
        if (strcmp(o->r->config->operators[i].name, o->from->name) == 0)
            code = node_fail(o->r->tree, PLACE(o, "name"), o->r->err,
                             "is the name of operators[%zu] already; rename one", i);
    if (code == 0)
        code = read_table_name(o, o->from->target, PLACE(o, "target"), target);
    if (code == 0)
        code = rules_check(o->r, name_check_identifier(o->from->target_id), PLACE(o, "target_id"));
    o->to->name = rules_take(&o->from->name);
    o->to->target_schema = target[0];
    o->to->target_table = target[1];
    o->to->target_id = rules_take(&o->from->target_id);
    return code;
}

static int operator_events(struct reading *o)
{
    const struct node *place = PLACE(o, "events");
    bool listed[] = {[RAW_INSERT] = false, [RAW_UPDATE] = false, [RAW_DELETE] = false};
    bool all = place->kind != NODE_LIST; /* not said */

    if (!all && place->count == 0)
        return node_fail(o->r->tree, place, o->r->err,
                         "no event at all; write some of insert, update, delete, or remove it");
    for (size_t i = 0; i < o->from->events_count; i++)
        listed[o->from->events[i]] = true;
    o->to->on_insert = all || listed[RAW_INSERT];
    o->to->on_update = all || listed[RAW_UPDATE];
    o->to->on_delete = all || listed[RAW_DELETE];
    return 0;
}

/* --- sources
 * ---------------------------------------------------------------------------------------- */

static struct config_operator_source *find_source(struct config_operator *operator,
                                                  const char * schema, const char *table)
{
    for (size_t i = 0; i < operator->source_count; i++)
        if (name_same_table(schema, table, operator->sources[i].schema, operator->sources[i].table))
            return &operator->sources[i];
    return NULL;
}

static int check_source(struct reading *o, char *names[2], const struct node *place)
{
    if (find_source(o->to, names[0], names[1]))
        return node_fail(o->r->tree, place, o->r->err, "the same table twice; remove one");
    if (name_same_table(names[0], names[1], o->to->target_schema, o->to->target_table))
        return node_fail(o->r->tree, place, o->r->err,
                         "is the operator's own target: it would run for ever; remove it");
    if (!config_marks(o->r->config, names[0], names[1]))
        return node_fail(o->r->tree, place, o->r->err,
                         "is no marked table; add {name: %s.%s} to tables", names[0], names[1]);
    return 0;
}

static int one_source(struct reading *o, size_t index)
{
    struct raw_source *from = &o->from->tables[index];
    const struct node *place =
        node_at(o->r->tree, "operators[%zu].tables[%zu].table", o->index, index);
    char *names[2] = {NULL, NULL};

    int code = rules_check(o->r, name_check_identifier(from->column), place);
    if (code == 0)
        code = read_table_name(o, from->table, place, names);
    if (code == 0)
        code = check_source(o, names, place);
    if (code == 0)
        code = rules_mapped_column(o->r, (const char *const *)names, from->column, place);
    if (code < 0) {
        free(names[0]);
        free(names[1]);
        return code;
    }
    o->to->sources[o->to->source_count++] = (struct config_operator_source){
        .schema = names[0],
        .table = names[1],
        .column = rules_take(&from->column),
    };
    return 0;
}

static int operator_sources(struct reading *o)
{
    size_t count = o->from->tables_count;

    if (count == 0)
        return node_fail(
            o->r->tree, PLACE(o, "tables"), o->r->err,
            "no source; write tables: {TABLE: COLUMN}, the column with the target's id");
    o->to->sources = calloc(count, sizeof(*o->to->sources));
    if (!o->to->sources)
        return rules_no_memory(o->r);
    for (size_t i = 0; i < count; i++) {
        int code = one_source(o, i);
        if (code < 0)
            return code;
    }
    return 0;
}

static int operator_delete_with(struct reading *o)
{
    for (size_t i = 0; i < o->from->delete_with_count; i++) {
        const struct node *place =
            node_at(o->r->tree, "operators[%zu].delete_with[%zu]", o->index, i);
        char *names[2] = {NULL, NULL};
        int code = read_table_name(o, o->from->delete_with[i], place, names);
        if (code < 0)
            return code;
        struct config_operator_source *source = find_source(o->to, names[0], names[1]);
        free(names[0]);
        free(names[1]);
        if (!source)
            return node_fail(o->r->tree, place, o->r->err,
                             "is not among the operator's tables; add it there or remove it here");
        source->delete_with = true;
    }
    if (o->from->delete_with_count > 0 && !o->to->on_delete)
        return node_fail(o->r->tree, PLACE(o, "delete_with"), o->r->err,
                         "events leaves delete out; add it there or remove delete_with");
    return 0;
}

/* --- query
 * ------------------------------------------------------------------------------------------ */

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

static int operator_query(struct reading *o)
{
    bool inline_query = o->from->query && *o->from->query;
    bool file = o->from->query_file && *o->from->query_file;
    int code = 0;

    if (inline_query == file)
        return node_fail(o->r->tree, PLACE(o, "query"), o->r->err, "%s",
                         file ? "query and query_file are both said; remove one"
                              : "no query; write query or query_file");
    if (file)
        code = read_query_file(o);
    else
        o->to->query = rules_take(&o->from->query);
    if (code == 0 && !strstr(o->to->query, "$1"))
        code = node_fail(o->r->tree, file ? PLACE(o, "query_file") : PLACE(o, "query"), o->r->err,
                         "the query does not use $1, the target's id; restrict it to that id");
    return code;
}

/* --- cycles
 * ----------------------------------------------------------------------------------------- */

/* Does a change of FROM's target run TO, directly or through others? SEEN: operators looked at. */
static bool feeds(struct config *config, const struct config_operator *from,
                  const struct config_operator *to, bool *seen)
{
    for (size_t i = 0; i < config->operator_count; i++) {
        struct config_operator *next = &config->operators[i];
        if (seen[i] || !find_source(next, from->target_schema, from->target_table))
            continue;
        seen[i] = true;
        if (next == to || feeds(config, next, to, seen))
            return true;
    }
    return false;
}

static int check_cycles(struct rules *r)
{
    struct config *config = r->config;

    for (size_t i = 0; i < config->operator_count; i++) {
        bool *seen = calloc(config->operator_count, sizeof(*seen));
        if (!seen)
            return rules_no_memory(r);
        bool cycle = feeds(config, &config->operators[i], &config->operators[i], seen);
        free(seen);
        if (cycle)
            return node_fail(r->tree, node_at(r->tree, "operators[%zu]", i), r->err,
                             "its target comes back to it through other operators and would run "
                             "for ever; remove one of their sources");
    }
    return 0;
}

/* ----------------------------------------------------------------------------------------------------
 */

static int one_operator(struct rules *r, size_t index)
{
    static int (*const parts[])(struct reading *) = {
        operator_names, operator_events, operator_sources, operator_delete_with, operator_query,
    };
    struct reading o = {
        .r = r,
        .index = index,
        .from = &r->raw->operators[index],
        .to = &r->config->operators[index],
    };

    r->config->operator_count = index + 1;
    o.to->on_error = (enum config_on_error)o.from->on_error;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        int code = parts[i](&o);
        if (code < 0)
            return code;
    }
    return 0;
}

int rules_operators(struct rules *r)
{
    size_t count = r->raw->operators_count;

    if (count == 0)
        return 0;
    r->config->operators = calloc(count, sizeof(*r->config->operators));
    if (!r->config->operators)
        return rules_no_memory(r);
    for (size_t i = 0; i < count; i++) {
        int code = one_operator(r, i);
        if (code < 0)
            return code;
    }
    return check_cycles(r);
}
