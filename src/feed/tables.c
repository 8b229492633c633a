#include "feed/tables.h"

#include <assert.h>
#include <errno.h>

/* Of each parent in an error: eight of them fit. */
#define NAME_SHOWN_MAX 64

static_assert(TOPIC_LEVELS_MAX == CONFIG_SCOPE_COLUMNS_MAX, "a column a level");

/* What the keys of the topics of SCOPE begin with does not change: it is made once. */
static int init_scope(struct feed_scope *scope, struct table_name table,
                      const struct config_scope *config)
{
    struct str levels[2 * TOPIC_LEVELS_MAX] = {0};
    struct topic topic = {.kind = TOPIC_SCOPE, .table = table, .levels = levels};

    buffer_init(&scope->key, TOPIC_KEY_MAX);
    for (size_t i = 0; i < config->column_count; i++) {
        levels[2 * i] = str_from(config->columns[i].parent);
        scope->levels[i] = (struct feed_level){
            str_from(config->columns[i].column),
            table_name_parse(levels[2 * i]),
        };
    }
    scope->level_count = topic.level_count = config->column_count;
    return topic_key_begin(&scope->key, &topic);
}

static int init_scopes(struct feed_table *table, const struct config_table *config,
                       struct error *err)
{
    if (config->scope_count == 0)
        return 0;
    table->scopes = calloc(config->scope_count, sizeof(*table->scopes));
    if (table->scopes == NULL)
        return error_set(err, -ENOMEM, "Table %s.%s: out of memory", config->schema, config->table);
    for (size_t i = 0; i < config->scope_count; i++) {
        table->scope_count++;
        int status = init_scope(&table->scopes[i], table->name, &config->scopes[i]);
        if (status < 0)
            return error_set(err, status, "Table %s.%s: no memory for its scopes", config->schema,
                             config->table);
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
    for (size_t i = 0; i < tables->count; i++) {
        struct feed_table *table = &tables->tables[i];
        for (size_t j = 0; j < table->scope_count; j++)
            buffer_release(&table->scopes[j].key);
        free(table->scopes);
    }
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

static bool is_scope(const struct feed_scope *scope, const struct topic *topic)
{
    if (scope->level_count != topic->level_count)
        return false;
    for (size_t i = 0; i < scope->level_count; i++) {
        if (!table_name_equal(scope->levels[i].parent, table_name_parse(topic->levels[2 * i])))
            return false;
    }
    return true;
}

static bool has_scope(const struct feed_table *table, const struct topic *topic)
{
    for (size_t i = 0; i < table->scope_count; i++) {
        if (is_scope(&table->scopes[i], topic))
            return true;
    }
    return false;
}

static int refuse_scope(const struct topic *topic, struct error *err)
{
    struct buffer parents;

    buffer_init(&parents, ERROR_TEXT_MAX);
    for (size_t i = 0; i < topic->level_count; i++)
        buffer_printf(&parents, "%s\"%.*s\"", i > 0 ? ", " : "",
                      STR_ARG(str_truncate(topic->levels[2 * i], NAME_SHOWN_MAX)));
    error_set(err, -ENOENT,
              "Table \"%.*s.%.*s\" has no scope %.*s; list it under scopes: in the configuration",
              STR_ARG(topic->table.schema), STR_ARG(topic->table.table),
              STR_ARG(buffer_str(&parents)));
    buffer_release(&parents);
    return -ENOENT;
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
    if (topic->kind == TOPIC_SCOPE && (table == NULL || !has_scope(table, topic)))
        return refuse_scope(topic, err);
    return 0;
}
