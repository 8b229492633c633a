#include "config/config.h"
#include "config/file.h"
#include "config/name.h"
#include "config/normalise.h"
#include "config/rules.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void release_names(struct config_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i].text);
    free(names->items);
}

static void release_table(struct config_table *table)
{
    for (size_t i = 0; i < table->scope_count; i++) {
        struct config_scope *scope = &table->scopes[i];
        for (size_t j = 0; j < scope->column_count; j++) {
            free(scope->columns[j].column);
            free(scope->columns[j].parent);
        }
        free(scope->columns);
    }
    free(table->scopes);
    release_names(&table->exclude);
    release_names(&table->ignore_updates_of);
    free(table->schema);
    free(table->table);
    free(table->id);
}

static void release_database(struct config_database *database)
{
    free(database->url);
    free(database->hostname);
    free(database->port);
    free(database->database);
    free(database->username);
    free(database->password);
}

static void release_operator(struct config_operator *operator)
{
    if (operator->database)
        release_database(operator->database);
    free(operator->database);
    for (size_t i = 0; i < operator->source_count; i++) {
        free(operator->sources[i].schema);
        free(operator->sources[i].table);
        release_names(&operator->sources[i].columns);
        free(operator->sources[i].keys);
    }
    free(operator->sources);
    free(operator->name);
    free(operator->target_schema);
    free(operator->target_table);
    release_names(&operator->target_id);
    free(operator->query);
    free(operator->call_schema);
    free(operator->call_function);
    free(operator->notify.url);
    free(operator->notify.origin);
    for (char **word = operator->notify.command; word && *word; word++)
        free(*word);
    free(operator->notify.command);
}

void config_release(struct config *config)
{
    char *const texts[] = {
        config->file,
        config->app_name,
        config->slot.name,
        config->publication,
        config->state_schema,
        config->events.schema,
        config->events.table,
        config->events.id,
        config->events.type,
        config->events.consumer,
        config->events.payload,
        config->events.timestamp,
        config->journal.path,
        config->auth.jwt.secret,
        config->auth.jwt.jwks_file,
        config->auth.jwt.audience,
        config->auth.jwt.issuer,
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    release_database(&config->database);
    for (size_t i = 0; i < config->table_count; i++)
        release_table(&config->tables[i]);
    for (size_t i = 0; i < config->http.listen_count; i++)
        free(config->http.listen[i].text);
    for (size_t i = 0; i < config->operator_count; i++)
        release_operator(&config->operators[i]);
    release_names(&config->numbers_as_strings);
    release_names(&config->http.cors_origins);
    free(config->auth.trusted);
    free(config->tables);
    free(config->http.listen);
    free(config->admin.listen);
    free(config->operators);
    *config = (struct config){0};
}

/* The tree is complete and in one shape: through the schema and the rules into CONFIG. */
static int read_tree(struct config *config, const struct tree *tree, struct error *err)
{
    struct raw *raw = NULL;

    int code = schema_load(&raw, tree, err);
    if (code < 0)
        return code;
    struct rules rules = {.config = config, .raw = raw, .tree = tree, .err = err};
    code = rules_apply(&rules);
    raw_free(raw);
    return code;
}

static int read_text(struct config *config, struct str text, struct error *err)
{
    struct tree tree = {0};

    int code = tree_parse(&tree, config->file, text, err);
    if (code < 0)
        return code;
    code = normalise(&tree, err);
    if (code == 0)
        code = read_tree(config, &tree, err);
    tree_release(&tree);
    return code;
}

int config_load(struct config *ret_config, const char *file, struct error *err)
{
    struct config config = {.file = str_dup(str_from(file))};
    struct str text = {NULL, 0};
    char *bytes = NULL;

    if (!config.file)
        return error_set(err, -ENOMEM, "%s: no memory to read it", file);
    int code = file_read(&bytes, &text.len, file, CONFIG_FILE_MAX, err);
    text.data = bytes;
    if (code == 0)
        code = read_text(&config, text, err);
    free(bytes);
    if (code < 0) {
        config_release(&config);
        return code;
    }
    *ret_config = config;
    return 0;
}

bool config_names_have(const struct config_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i].text, name) == 0)
            return true;
    return false;
}

const char *config_jwt_algorithm_name(enum config_jwt_algorithm algorithm)
{
    static const char *const names[] = {
        [CONFIG_HS256] = "HS256", [CONFIG_HS384] = "HS384", [CONFIG_HS512] = "HS512",
        [CONFIG_RS256] = "RS256", [CONFIG_PS256] = "PS256", [CONFIG_ES256] = "ES256",
        [CONFIG_ES384] = "ES384",
    };

    return names[algorithm];
}

bool config_jwt_has_secret(enum config_jwt_algorithm algorithm)
{
    return algorithm <= CONFIG_HS512;
}

const char *config_plugin_name(enum config_plugin plugin)
{
    switch (plugin) {
    case CONFIG_PLUGIN_WAL2JSON:
        return "wal2json";
    case CONFIG_PLUGIN_PGOUTPUT:
        return "pgoutput";
    case CONFIG_PLUGIN_AUTO:
        break;
    }
    return NULL;
}

bool config_marks(const struct config *config, const char *schema, const char *table)
{
    if (config->events.enabled &&
        name_same_table(schema, table, config->events.schema, config->events.table))
        return true;
    for (size_t i = 0; i < config->table_count; i++)
        if (name_same_table(schema, table, config->tables[i].schema, config->tables[i].table))
            return true;
    return false;
}
