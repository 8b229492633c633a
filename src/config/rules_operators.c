/* config/rules_operators.c - operators: what each is called and derives, and how they hang
 * together.
 */
#include "config/name.h"
#include "config/rules_operator.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int operator_table_name(struct reading *o, const char *name, const struct node *place,
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

static int default_target_id(struct reading *o)
{
    struct config_names *id = &o->to->target_id;

    id->items = calloc(1, sizeof(*id->items));
    if (!id->items || !(id->items->text = str_dup(STR("id"))))
        return rules_no_memory(o->r);
    id->count = 1;
    return 0;
}

static int read_target_id(struct reading *o)
{
    const struct node *place = PLACE(o, "target_id");
    size_t count = o->from->target_id_count;
    bool said = place->kind == NODE_LIST;

    if (o->to->form == CONFIG_CALL)
        return said ? node_fail(o->r->tree, place, o->r->err,
                                "a call has no ids: its function gets events; remove it")
                    : 0;
    if (!said)
        return default_target_id(o);
    if (count == 0 || count > CONFIG_ID_COLUMNS_MAX)
        return node_fail(o->r->tree, place, o->r->err,
                         "%zu columns; write one, or a list of at most %d", count,
                         CONFIG_ID_COLUMNS_MAX);
    return rules_column_names(o->r, place, o->from->target_id, count, &o->to->target_id);
}

static int operator_names(struct reading *o)
{
    char *target[2] = {NULL, NULL};

    int code = rules_check(o->r, name_check_operator(o->from->name), PLACE(o, "name"));
    for (size_t i = 0; i < o->index && code == 0; i++)
        if (strcmp(o->r->config->operators[i].name, o->from->name) == 0)
            code = node_fail(o->r->tree, PLACE(o, "name"), o->r->err,
                             "is the name of operators[%zu] already; rename one", i);
    if (o->from->call && *o->from->call)
        o->to->form = CONFIG_CALL;
    bool said = o->from->target && *o->from->target;
    if (code == 0 && !said && o->to->form != CONFIG_CALL)
        code = node_fail(o->r->tree, PLACE(o, "target"), o->r->err,
                         "no target; write target: TABLE, the table that it keeps");
    if (code == 0 && said)
        code = operator_table_name(o, o->from->target, PLACE(o, "target"), target);
    if (code == 0)
        code = read_target_id(o);
    o->to->name = rules_take(&o->from->name);
    o->to->target_schema = target[0];
    o->to->target_table = target[1];
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

/* --- cycles
 * ----------------------------------------------------------------------------------------- */

/* Does a change of FROM's target run TO, directly or through others? SEEN: operators looked at. A
 * target in another database is no source. */
static bool feeds(struct config *config, const struct config_operator *from,
                  const struct config_operator *to, bool *seen)
{
    if (from->database)
        return false;
    for (size_t i = 0; i < config->operator_count; i++) {
        struct config_operator *next = &config->operators[i];
        if (seen[i] || !operator_source(next, from->target_schema, from->target_table))
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
        const struct config_operator *op = &config->operators[i];
        bool cycle = feeds(config, op, op, seen);
        free(seen);
        if (cycle)
            return node_fail(
                r->tree, node_at(r->tree, "operators[%zu]", i), r->err,
                "what %s derives, %s.%s, comes back to it through other operators, and "
                "they would run for ever; remove one of their sources",
                op->name, op->target_schema, op->target_table);
    }
    return 0;
}

/* ----------------------------------------------------------------------------------------------------
 */

/* --- how it works
 * ----------------------------------------------------------------------------------- */

static int operator_work(struct reading *o)
{
    uint64_t batch_size = 0, lanes = 0, rebuild_rate = 0;

    int code = rules_number(o->r, PLACE(o, "batch_size"), o->from->batch_size,
                            (const uint64_t[2]){1, 10000}, &batch_size);
    if (code == 0)
        code = rules_number(o->r, PLACE(o, "lanes"), o->from->lanes, (const uint64_t[2]){1, 16},
                            &lanes);
    if (code == 0)
        code = rules_number(o->r, PLACE(o, "rebuild_rate"), o->from->rebuild_rate,
                            (const uint64_t[2]){0, 1000000}, &rebuild_rate);
    if (code < 0)
        return code;
    o->to->on_error = (enum config_on_error)o->from->on_error;
    o->to->batch_size = (unsigned)batch_size;
    if (lanes > 1 && o->to->form == CONFIG_CALL)
        return node_fail(o->r->tree, PLACE(o, "lanes"), o->r->err,
                         "a call gets the events in order, through one lane; remove it");
    o->to->lanes = (unsigned)lanes;
    o->to->rebuild_rate = (unsigned)rebuild_rate;
    return 0;
}

static int one_operator(struct rules *r, size_t index)
{
    static int (*const parts[])(struct reading *) = {
        operator_names,       operator_database, operator_events, operator_sources,
        operator_delete_with, operator_query,    operator_work,   operator_notify,
    };
    struct reading o = {
        .r = r,
        .index = index,
        .from = &r->raw->operators[index],
        .to = &r->config->operators[index],
    };

    r->config->operator_count = index + 1;
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
