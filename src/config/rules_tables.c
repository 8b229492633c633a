/* config/rules_tables.c - the marked tables, and the events table. */
#include "config/name.h"
#include "config/rules.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int events_columns(struct rules *r)
{
    struct raw_events_columns *from = &r->raw->events.columns;
    const struct {
        const char *key;
        char **from;
        char **to;
    } columns[] = {
        {"id", &from->id, &r->config->events.id},
        {"type", &from->type, &r->config->events.type},
        {"consumer", &from->consumer, &r->config->events.consumer},
        {"payload", &from->payload, &r->config->events.payload},
        {"timestamp", &from->timestamp, &r->config->events.timestamp},
    };

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        const struct node *place = node_at(r->tree, "events.columns.%s", columns[i].key);
        int code = rules_check(r, name_check_identifier(*columns[i].from), place);
        for (size_t j = 0; j < i && code == 0; j++)
            if (strcmp(*columns[j].to, *columns[i].from) == 0)
                code = node_fail(r->tree, place, r->err, "is the column of %s already; mend one",
                                 columns[j].key);
        if (code < 0)
            return code;
        *columns[i].to = rules_take(columns[i].from);
    }
    return 0;
}

static int rules_events(struct rules *r)
{
    const char *name = r->raw->events.table;
    const char *complaint = NULL;

    r->config->events.enabled = *name != '\0';
    if (r->config->events.enabled) {
        int code =
            name_split(name, &r->config->events.schema, &r->config->events.table, &complaint);
        if (code == -ENOMEM)
            return rules_no_memory(r);
        if (code < 0)
            return rules_check(r, complaint, node_at(r->tree, "events.table"));
    }
    return events_columns(r);
}

/* Neither the events table nor one that is listed before. */
static int table_is_new(struct rules *r, size_t index)
{
    const struct config_table *table = &r->config->tables[index];
    const struct node *place = node_at(r->tree, "tables[%zu].name", index);

    if (r->config->events.enabled &&
        name_same_table(table->schema, table->table, r->config->events.schema,
                        r->config->events.table))
        return node_fail(r->tree, place, r->err,
                         "is events.table, which is always marked; remove it here");
    for (size_t i = 0; i < index; i++)
        if (name_same_table(table->schema, table->table, r->config->tables[i].schema,
                            r->config->tables[i].table))
            return node_fail(r->tree, place, r->err, "is tables[%zu] already; remove one", i);
    return 0;
}

static int one_table(struct rules *r, size_t index)
{
    struct raw_table *from = &r->raw->tables[index];
    struct config_table *table = &r->config->tables[index];
    const char *complaint = NULL;

    int code = name_split(from->name, &table->schema, &table->table, &complaint);
    if (code == -ENOMEM)
        return rules_no_memory(r);
    if (code < 0)
        return rules_check(r, complaint, node_at(r->tree, "tables[%zu].name", index));
    r->config->table_count = index + 1;
    code = table_is_new(r, index);
    if (code == 0 && from->id && *from->id) {
        code = rules_check(r, name_check_identifier(from->id),
                           node_at(r->tree, "tables[%zu].id", index));
        table->id = rules_take(&from->id);
    }
    if (code == 0)
        code = rules_scopes(r, index);
    return code < 0 ? code : rules_columns(r, index);
}

int rules_tables(struct rules *r)
{
    size_t count = r->raw->tables_count;

    int code = rules_events(r);
    if (code < 0)
        return code;
    if (count == 0 && !r->config->events.enabled)
        return node_fail(r->tree, node_at(r->tree, "events.table"), r->err,
                         "no events table and no tables: nothing to stream; list tables");
    r->config->tables = count > 0 ? calloc(count, sizeof(*r->config->tables)) : NULL;
    if (count > 0 && !r->config->tables)
        return rules_no_memory(r);
    for (size_t i = 0; i < count; i++) {
        code = one_table(r, i);
        if (code < 0)
            return code;
    }
    return 0;
}
