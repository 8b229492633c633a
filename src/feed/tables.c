#include "feed/tables.h"

#include <errno.h>

static int init_scopes(struct feed_table *table, const struct config_table *config,
                       struct error *err)
{
    if (config->scope_count == 0)
        return 0;
    table->scopes = calloc(config->scope_count, sizeof(*table->scopes));
    if (table->scopes == NULL)
        return error_set(err, -ENOMEM, "Table %s.%s: out of memory", config->schema, config->table);
    for (size_t i = 0; i < config->scope_count; i++) {
        const struct config_scope *scope = &config->scopes[i];
        if (scope->column_count != 1)
            return error_set(err, -ENOTSUP,
                             "Table %s.%s: scope %zu has %zu columns; nested scopes are not "
                             "available yet, write one column a scope",
                             config->schema, config->table, i + 1, scope->column_count);
        table->scopes[i] = (struct feed_scope){
            str_from(scope->columns[0].column),
            table_name_parse(str_from(scope->columns[0].parent)),
        };
        table->scope_count++;
    }
    return 0;
}

static int init_tables(struct feed_tables *tables, const struct config *config, struct error *err)
{
    for (size_t i = 0; i < config->table_count; i++) {
        const struct config_table *from = &config->tables[i];
        struct feed_table *table = &tables->tables[tables->count++];
        table->name = (struct table_name){str_from(from->schema), str_from(from->table)};
        table->id = str_from(from->id);
        int status = init_scopes(table, from, err);
        if (status < 0)
            return status;
    }
    return 0;
}

static void init_events(struct feed_tables *tables, const struct config *config)
{
    struct table_name name = {str_from(config->events.schema), str_from(config->events.table)};

    if (!config->events.enabled)
        return;
    tables->consumer = str_from(config->events.consumer);
    tables->events = feed_tables_find(tables, name);
    if (tables->events != NULL)
        return;
    struct feed_table *table = &tables->tables[tables->count++];
    table->name = name;
    table->id = str_from(config->events.id);
    tables->events = table;
}

int feed_tables_init(struct feed_tables *ret, const struct config *config, struct error *err)
{
    struct feed_tables tables = {0};

    tables.tables = calloc(config->table_count + 1, sizeof(*tables.tables));
    if (tables.tables == NULL)
        return error_set(err, -ENOMEM, "Feed: out of memory");
    int status = init_tables(&tables, config, err);
    if (status < 0) {
        feed_tables_release(&tables);
        return status;
    }
    init_events(&tables, config);
    *ret = tables;
    return 0;
}

void feed_tables_release(struct feed_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++)
        free(tables->tables[i].scopes);
    free(tables->tables);
    *tables = (struct feed_tables){0};
}

const struct feed_table *feed_tables_find(const struct feed_tables *tables, struct table_name name)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (table_name_equal(tables->tables[i].name, name))
            return &tables->tables[i];
    }
    return NULL;
}

static bool has_scope(const struct feed_table *table, struct table_name parent)
{
    for (size_t i = 0; i < table->scope_count; i++) {
        if (table_name_equal(table->scopes[i].parent, parent))
            return true;
    }
    return false;
}

int feed_tables_check(const struct feed_tables *tables, const struct topic *topic,
                      struct error *err)
{
    const struct feed_table *table = feed_tables_find(tables, topic->table);

    if (table == NULL && (tables->marked == NULL ||
                          !marked_has(tables->marked, topic->table.schema, topic->table.table)))
        return error_set(err, -ENOENT,
                         "Table \"%.*s.%.*s\" is not streamed; list it under tables: in the "
                         "configuration",
                         STR_ARG(topic->table.schema), STR_ARG(topic->table.table));
    if (topic->kind == TOPIC_SCOPE && (table == NULL || !has_scope(table, topic->parent)))
        return error_set(err, -ENOENT,
                         "Table \"%.*s.%.*s\" has no scope \"%.*s\"; list it under scopes: in the "
                         "configuration",
                         STR_ARG(topic->table.schema), STR_ARG(topic->table.table),
                         STR_ARG(topic->parent.table));
    return 0;
}
