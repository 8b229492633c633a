/* config/rules_sources.c - the tables that an operator listens to. */
#include "config/name.h"
#include "config/rules_operator.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct config_operator_source *operator_source(struct config_operator *operator,
                                               const char * schema, const char *table)
{
    for (size_t i = 0; i < operator->source_count; i++)
        if (name_same_table(schema, table, operator->sources[i].schema, operator->sources[i].table))
            return &operator->sources[i];
    return NULL;
}

static int check_source(struct reading *o, char *names[2], const struct node *place)
{
    if (operator_source(o->to, names[0], names[1]))
        return node_fail(o->r->tree, place, o->r->err, "the same table twice; remove one");
    if (!o->to->database &&
        name_same_table(names[0], names[1], o->to->target_schema, o->to->target_table))
        return node_fail(o->r->tree, place, o->r->err,
                         "is the operator's own target: it would run for ever; remove it");
    if (!config_marks(o->r->config, names[0], names[1]))
        return node_fail(o->r->tree, place, o->r->err,
                         "is no marked table; add {name: %s.%s} to tables", names[0], names[1]);
    return 0;
}

/* Each of the columns must be in the events of the table. */
static int read_columns(struct reading *o, const struct config_operator_source *source,
                        const struct node *list)
{
    const char *const names[2] = {source->schema, source->table};
    const struct node *place = list->first;

    if (o->to->form == CONFIG_CALL && source->columns.count > 0)
        return node_fail(o->r->tree, list, o->r->err,
                         "a call has no ids: its function gets events; write tables: [%s]",
                         source->table);
    if (o->to->form != CONFIG_CALL && source->columns.count == 0)
        return node_fail(o->r->tree, list, o->r->err,
                         "no column; write {%s: COLUMN}, the column with the target's id",
                         source->table);
    if (source->keys && source->columns.count != 1)
        return node_fail(o->r->tree, list, o->r->err,
                         "%zu columns; write the one whose value is $1 of keys",
                         source->columns.count);
    if (!source->keys && source->columns.count != o->to->target_id.count)
        return node_fail(o->r->tree, list, o->r->err,
                         "%zu columns; write one for each of target_id, which are %zu",
                         source->columns.count, o->to->target_id.count);
    for (size_t i = 0; i < source->columns.count; i++, place = place->next) {
        int code = rules_mapped_column(o->r, names, source->columns.items[i].text, place);
        if (code < 0)
            return code;
    }
    return 0;
}

static int one_source(struct reading *o, size_t index)
{
    struct raw_source *from = &o->from->tables[index];
    struct config_operator_source *to = &o->to->sources[index];
    const struct node *place =
        node_at(o->r->tree, "operators[%zu].tables[%zu].table", o->index, index);
    const struct node *columns =
        node_at(o->r->tree, "operators[%zu].tables[%zu].columns", o->index, index);
    char *names[2] = {NULL, NULL};

    int code = operator_table_name(o, from->table, place, names);
    if (code == 0)
        code = check_source(o, names, place);
    to->schema = names[0];
    to->table = names[1];
    to->keys = rules_take(&from->keys);
    o->to->source_count = index + 1;
    if (code == 0)
        code = rules_column_names(o->r, columns, from->columns, from->columns_count, &to->columns);
    if (code == 0 && to->keys && !strstr(to->keys, "$1"))
        code = node_fail(o->r->tree, place, o->r->err,
                         "keys does not use $1, the value of map; restrict it to that");
    return code < 0 ? code : read_columns(o, to, columns);
}

int operator_sources(struct reading *o)
{
    size_t count = o->from->tables_count;
    bool any_column = false;

    if (count == 0)
        return node_fail(
            o->r->tree, PLACE(o, "tables"), o->r->err, "%s",
            o->to->form == CONFIG_CALL
                ? "no source; write tables: [TABLE], whose events the function gets"
                : "no source; write tables: {TABLE: COLUMN}, the column with the target's id");
    o->to->sources = calloc(count, sizeof(*o->to->sources));
    if (!o->to->sources)
        return rules_no_memory(o->r);
    for (size_t i = 0; i < count; i++) {
        int code = one_source(o, i);
        if (code < 0)
            return code;
        any_column = any_column || !o->to->sources[i].keys;
    }
    if (!any_column)
        return node_fail(o->r->tree, PLACE(o, "tables"), o->r->err,
                         "none gives the ids by a column, from where all are computed at the first "
                         "start; add {TABLE: COLUMN}, the table that has them");
    return 0;
}

int operator_delete_with(struct reading *o)
{
    if (o->from->delete_with_count > 0 && o->to->form == CONFIG_CALL)
        return node_fail(o->r->tree, PLACE(o, "delete_with"), o->r->err,
                         "a call has no rows of its own; remove it");
    for (size_t i = 0; i < o->from->delete_with_count; i++) {
        const struct node *place =
            node_at(o->r->tree, "operators[%zu].delete_with[%zu]", o->index, i);
        char *names[2] = {NULL, NULL};
        int code = operator_table_name(o, o->from->delete_with[i], place, names);
        if (code < 0)
            return code;
        struct config_operator_source *source = operator_source(o->to, names[0], names[1]);
        free(names[0]);
        free(names[1]);
        if (!source)
            return node_fail(o->r->tree, place, o->r->err,
                             "is not among the operator's tables; add it there or remove it here");
        if (source->keys)
            return node_fail(o->r->tree, place, o->r->err,
                             "has keys: its rows are none of the target's; remove it here");
        source->delete_with = true;
    }
    if (o->from->delete_with_count > 0 && !o->to->on_delete)
        return node_fail(o->r->tree, PLACE(o, "delete_with"), o->r->err,
                         "events leaves delete out; add it there or remove delete_with");
    return 0;
}
