/* config/walpiper.yaml against the schema: it loads as it stands, and documents every key. */
#include "config/file.h"
#include "config/schema.h"
#include "scene.h"

static const char *text;

/* "  # level: ", at the beginning of a line or behind '{' or ', ', commented out or not. */
static bool documents(const char *key)
{
    for (const char *at = strstr(text, key); at; at = strstr(at + 1, key)) {
        bool begins = at == text || strchr(" {#\n", at[-1]);
        if (begins && at[strlen(key)] == ':')
            return true;
    }
    return false;
}

static unsigned check_keys(const struct cyaml_schema_value *schema)
{
    unsigned count = 0;

    if (schema->type == CYAML_SEQUENCE)
        return check_keys(schema->sequence.entry);
    if (schema->type != CYAML_MAPPING)
        return 0;
    for (const struct cyaml_schema_field *field = schema->mapping.fields; field->key; field++) {
        /* Made by normalise() of pairs, which have the user's own names. */
        bool internal = strcmp(field->key, "column") == 0 || strcmp(field->key, "parent") == 0 ||
                        (strcmp(field->key, "table") == 0 && field[1].key &&
                         strcmp(field[1].key, "column") == 0);
        ck_assert_msg(internal || documents(field->key), "%s: not in config/walpiper.yaml",
                      field->key);
        count += 1 + check_keys(&field->value);
    }
    return count;
}

START_TEST(test_every_key_is_documented)
{
    char *file = NULL;
    size_t len = 0;
    struct error err = {0};

    ck_assert_int_eq(file_read(&file, &len, SOURCE_ROOT "/config/walpiper.yaml", 1 << 20, &err), 0);
    text = file;
    ck_assert(documents("app_name"));
    ck_assert(!documents("no_such_key"));
    ck_assert_uint_gt(check_keys(&config_schema), 70);
    free(file);
}
END_TEST

START_TEST(test_the_demo_loads)
{
    struct config c = {0};
    struct error err = {0};

    scene_clear_environment();
    ck_assert_int_eq(chdir(SOURCE_ROOT), 0);
    int code = config_load(&c, "config/walpiper.yaml", &err);
    ck_assert_msg(code == 0, "%s", err.text);
    ck_assert_uint_eq(c.table_count, 3);
    ck_assert_str_eq(c.tables[1].scopes[0].columns[0].parent, "posts");
    ck_assert_str_eq(c.operators[0].name, "post_with_comments_counts");
    ck_assert_str_eq(c.operators[0].sources[1].table, "posts");
    ck_assert(c.operators[0].sources[1].delete_with);
    ck_assert_ptr_nonnull(strstr(c.operators[0].query, "MERGE INTO post_with_comments_counts"));
    ck_assert_ptr_null(c.database.url);
    ck_assert_str_eq(c.http.listen[0].text, "127.0.0.1:4000");
    ck_assert_str_eq(c.admin.listen, "127.0.0.1:4001");
    ck_assert_str_eq(c.journal.path, "data/journal");
    config_release(&c);
}
END_TEST

START_TEST(test_the_demo_takes_its_places_from_the_environment)
{
    struct config c = {0};
    struct error err = {0};

    setenv("DATABASE_URL", "postgresql:///demo?host=/tmp", 1);
    setenv("WALPIPER_LISTEN", "unix:/tmp/w", 1);
    setenv("WALPIPER_ADMIN_LISTEN", "unix:/tmp/a", 1);
    setenv("WALPIPER_JOURNAL", "/tmp/j", 1);
    ck_assert_int_eq(chdir(SOURCE_ROOT), 0);
    int code = config_load(&c, "config/walpiper.yaml", &err);
    ck_assert_msg(code == 0, "%s", err.text);
    ck_assert_str_eq(c.database.url, "postgresql:///demo?host=/tmp");
    ck_assert_str_eq(c.http.listen[0].text, "unix:/tmp/w");
    ck_assert_str_eq(c.admin.listen, "unix:/tmp/a");
    ck_assert_str_eq(c.journal.path, "/tmp/j");
    config_release(&c);

    code = config_load(&c, "config/minimal.yaml", &err);
    ck_assert_msg(code == 0, "%s", err.text);
    config_release(&c);
    scene_clear_environment();
}
END_TEST

/* The defaults that the file shows are those that apply: it says nothing but them and the demo. */
START_TEST(test_the_demo_shows_the_defaults)
{
    struct config shown = {0};
    struct error err = {0};

    scene_clear_environment();
    ck_assert_int_eq(chdir(SOURCE_ROOT), 0);
    ck_assert_int_eq(config_load(&shown, "config/walpiper.yaml", &err), 0);
    struct config plain = scene_right("");
    ck_assert_str_eq(shown.app_name, plain.app_name);
    ck_assert_str_eq(shown.slot.name, plain.slot.name);
    ck_assert_int_eq(shown.slot.durable, plain.slot.durable);
    ck_assert_int_eq(shown.slot.recreate, plain.slot.recreate);
    ck_assert_str_eq(shown.publication, plain.publication);
    ck_assert_str_eq(shown.events.table, plain.events.table);
    ck_assert_str_eq(shown.events.consumer, plain.events.consumer);
    ck_assert_uint_eq(shown.journal.retention_bytes, plain.journal.retention_bytes);
    ck_assert_uint_eq(shown.journal.retention_age_us, plain.journal.retention_age_us);
    ck_assert_uint_eq(shown.journal.max_event, plain.journal.max_event);
    ck_assert_int_eq(shown.journal.on_large_event, plain.journal.on_large_event);
    ck_assert_int_eq(shown.auth.mode, plain.auth.mode);
    ck_assert_int_eq(shown.auth.allow_public, plain.auth.allow_public);
    ck_assert_int_eq(shown.auth.jwt.algorithm, plain.auth.jwt.algorithm);
    ck_assert_uint_eq(shown.http.cors_origins.count, plain.http.cors_origins.count);
    ck_assert_mem_eq(&shown.retry, &plain.retry, sizeof(plain.retry));
    ck_assert_mem_eq(&shown.log, &plain.log, sizeof(plain.log));
    ck_assert_uint_eq(shown.http.heartbeat_ms, plain.http.heartbeat_ms);
    ck_assert_uint_eq(shown.http.stall_timeout_ms, plain.http.stall_timeout_ms);
    ck_assert_uint_eq(shown.http.drain_ms, plain.http.drain_ms);
    ck_assert_uint_eq(shown.http.threads, plain.http.threads);
    ck_assert_uint_eq(shown.http.max_connections, plain.http.max_connections);
    config_release(&shown);
    config_release(&plain);
}
END_TEST

UNIT_SUITE("config/schema", test_every_key_is_documented, test_the_demo_loads,
           test_the_demo_takes_its_places_from_the_environment, test_the_demo_shows_the_defaults)
