#include "scene.h"

static const char full[] =
    "app_name: shop\n"
    "database: {url: 'postgresql://u@h/d', hostname: elsewhere, port: 5433}\n"
    "slot: {name: shop_1, durable: false, recreate: true, plugin: wal2json}\n"
    "publication: Shop\n"
    "state_schema: shop_state\n"
    "tables:\n"
    "  - name: posts\n"
    "    id: number\n"
    "  - name: shop.comments\n"
    "    scopes: [{post_id: posts}, {author_id: users}, {org: shop.orgs, columns: a}]\n"
    "    exclude: [secret, token]\n"
    "    ignore_updates_of: [updated_at, secret]\n"
    "  - {name: '\"we.ird\".\"ta\"\"ble\"'}\n"
    "events:\n"
    "  table: shop.feed\n"
    "  columns: {id: i, type: t, consumer: c, payload: p, timestamp: ts}\n"
    "  retention: 0\n"
    "journal: {path: /var/lib/j, retention: {bytes: 64MB, age: 36h}, max_hold: 3GB, max_event: "
    "512MB,\n"
    "  on_large_event: stop}\n"
    "http:\n"
    "  listen: ['127.0.0.1:4000', '[::1]:4000', 'unix:/run/w.sock']\n"
    "  threads: 3\n"
    "  heartbeat: 1500ms\n"
    "  request_timeout: 20s\n"
    "  stall_timeout: 2m\n"
    "  drain: 0\n"
    "  max_connections: 77\n"
    "  max_connections_per_client: 7\n"
    "  max_connections_per_consumer: 8\n"
    "  max_topics: 9\n"
    "  max_filters: 0\n"
    "  max_head: 32kB\n"
    "  publish_rate: 50\n"
    "  proxy_protocol: true\n"
    "  cors: {origins: ['https://a.example', 'http://localhost:8080']}\n"
    "  tls: {certificate: \"\", key: \"\"}\n"
    "auth:\n"
    "  mode: gateway\n"
    "  allow_public: true\n"
    "  jwt: {algorithm: HS256, secret: \"${WALPIPER_JWT_SECRET}\", jwks_file: \"\","
    " audience: \"\", issuer: \"\", query_token: true}\n"
    "  gateway: {trusted: [10.1.0.0/16, 'fd00::/8', unix]}\n"
    "operators:\n"
    "  - name: counts\n"
    "    target: shop.counts\n"
    "    target_id: post\n"
    "    events: [insert, delete]\n"
    "    tables: {shop.comments: post_id, public.posts: id, shop.feed: id}\n"
    "    delete_with: [posts]\n"
    "    query: |\n"
    "      MERGE INTO counts\n"
    "      USING (SELECT $1) s ON true\n"
    "    batch: false\n"
    "    on_error: stop\n"
    "    batch_size: 10000\n"
    "    lanes: 16\n"
    "    rebuild_rate: 250\n"
    "retry: {min_restart_time: 1, max_restart_time: 20, backoff_multiplicator: 1.5,"
    " max_retries: 0}\n"
    "plugins: []\n"
    "numbers_as_strings: [int8, numeric]\n"
    "log: {level: trace, format: json}\n";

START_TEST(test_every_key_reaches_the_struct)
{
    struct config c = scene_right(full);

    ck_assert_str_eq(c.app_name, "shop");
    ck_assert_str_eq(c.slot.name, "shop_1");
    ck_assert(!c.slot.durable);
    ck_assert(c.slot.recreate);
    ck_assert_int_eq(c.slot.plugin, CONFIG_PLUGIN_WAL2JSON);
    ck_assert_str_eq(c.publication, "Shop");
    ck_assert_str_eq(c.state_schema, "shop_state");
    ck_assert(c.events.enabled);
    ck_assert_str_eq(c.events.schema, "shop");
    ck_assert_str_eq(c.events.table, "feed");
    ck_assert_str_eq(c.events.id, "i");
    ck_assert_str_eq(c.events.type, "t");
    ck_assert_str_eq(c.events.consumer, "c");
    ck_assert_str_eq(c.events.payload, "p");
    ck_assert_str_eq(c.events.timestamp, "ts");
    ck_assert_str_eq(c.journal.path, "/var/lib/j");
    ck_assert_uint_eq(c.journal.retention_bytes, 64u << 20);
    ck_assert_uint_eq(c.journal.retention_age_us, 36ull * 3600 * 1000000);
    ck_assert_uint_eq(c.journal.max_hold, 3ull << 30);
    ck_assert_uint_eq(c.journal.max_event, 512u << 20);
    ck_assert_int_eq(c.journal.on_large_event, CONFIG_STOP_CAPTURE);
    ck_assert_uint_eq(c.http.listen_count, 3);
    ck_assert_str_eq(c.http.listen[1].text, "[::1]:4000");
    ck_assert_str_eq(c.http.listen[2].text, "unix:/run/w.sock");
    ck_assert_uint_eq(c.http.threads, 3);
    ck_assert_uint_eq(c.http.heartbeat_ms, 1500);
    ck_assert_uint_eq(c.http.stall_timeout_ms, 120000);
    ck_assert_uint_eq(c.http.drain_ms, 0);
    ck_assert_uint_eq(c.http.max_connections, 77);
    ck_assert_uint_eq(c.http.request_timeout_ms, 20000);
    ck_assert_uint_eq(c.http.max_connections_per_client, 7);
    ck_assert_uint_eq(c.http.max_connections_per_consumer, 8);
    ck_assert_uint_eq(c.http.max_topics, 9);
    ck_assert_uint_eq(c.http.max_filters, 0);
    ck_assert_uint_eq(c.http.max_head, 32768);
    ck_assert_uint_eq(c.http.publish_rate, 50);
    ck_assert(c.http.proxy_protocol);
    ck_assert_int_eq(c.auth.mode, CONFIG_AUTH_GATEWAY);
    ck_assert(c.auth.allow_public);
    ck_assert_uint_eq(c.auth.trusted_count, 3);
    ck_assert_uint_eq(c.auth.trusted[0].bits, 96 + 16);
    ck_assert_int_eq(c.auth.trusted[2].address.kind, ADDRESS_LOCAL);
    ck_assert_uint_eq(c.http.cors_origins.count, 2);
    ck_assert_str_eq(c.http.cors_origins.items[1].text, "http://localhost:8080");
    ck_assert_uint_eq(c.retry.min_restart_ms, 1);
    ck_assert_uint_eq(c.retry.max_restart_ms, 20);
    ck_assert(c.retry.multiplicator == 1.5);
    ck_assert_uint_eq(c.retry.max_retries, 0);
    ck_assert_uint_eq(c.numbers_as_strings.count, 2);
    ck_assert_str_eq(c.numbers_as_strings.items[1].text, "numeric");
    ck_assert_int_eq(c.log.level, LOG_TRACE);
    ck_assert_int_eq(c.log.format, LOG_JSON);
    config_release(&c);
}
END_TEST

START_TEST(test_tables_are_split_and_keep_their_scopes)
{
    struct config c = scene_right(full);

    ck_assert_uint_eq(c.table_count, 3);
    ck_assert_str_eq(c.tables[0].schema, "public");
    ck_assert_str_eq(c.tables[0].table, "posts");
    ck_assert_str_eq(c.tables[0].id, "number");
    ck_assert_uint_eq(c.tables[0].scope_count, 0);
    ck_assert_str_eq(c.tables[1].schema, "shop");
    ck_assert_ptr_null(c.tables[1].id);
    ck_assert_uint_eq(c.tables[1].scope_count, 3);
    ck_assert_uint_eq(c.tables[1].scopes[1].column_count, 1);
    ck_assert_str_eq(c.tables[1].scopes[1].columns[0].column, "author_id");
    ck_assert_str_eq(c.tables[1].scopes[1].columns[0].parent, "users");
    ck_assert_uint_eq(c.tables[1].scopes[2].column_count, 2);
    ck_assert_str_eq(c.tables[1].scopes[2].columns[0].column, "org");
    ck_assert_str_eq(c.tables[1].scopes[2].columns[0].parent, "shop.orgs");
    ck_assert_str_eq(c.tables[1].scopes[2].columns[1].column, "columns");
    ck_assert_str_eq(c.tables[1].scopes[2].columns[1].parent, "a");
    ck_assert_uint_eq(c.tables[0].exclude.count, 0);
    ck_assert_uint_eq(c.tables[1].exclude.count, 2);
    ck_assert_str_eq(c.tables[1].exclude.items[1].text, "token");
    ck_assert_uint_eq(c.tables[1].ignore_updates_of.count, 2);
    ck_assert_str_eq(c.tables[1].ignore_updates_of.items[0].text, "updated_at");
    ck_assert(config_names_have(&c.tables[1].exclude, "secret"));
    ck_assert(!config_names_have(&c.tables[1].exclude, "Secret"));
    ck_assert_str_eq(c.tables[2].schema, "we.ird");
    ck_assert_str_eq(c.tables[2].table, "ta\"ble");
    config_release(&c);
}
END_TEST

START_TEST(test_operators_know_their_sources)
{
    struct config c = scene_right(full);
    const struct config_operator *o = &c.operators[0];

    ck_assert_uint_eq(c.operator_count, 1);
    ck_assert_str_eq(o->name, "counts");
    ck_assert_str_eq(o->target_schema, "shop");
    ck_assert_str_eq(o->target_table, "counts");
    ck_assert_uint_eq(o->target_id.count, 1);
    ck_assert_str_eq(o->target_id.items[0].text, "post");
    ck_assert_int_eq(o->form, CONFIG_QUERY);
    ck_assert(o->on_insert && !o->on_update && o->on_delete);
    ck_assert_uint_eq(o->source_count, 3);
    ck_assert_str_eq(o->sources[0].schema, "shop");
    ck_assert_str_eq(o->sources[0].table, "comments");
    ck_assert_str_eq(o->sources[0].columns.items[0].text, "post_id");
    ck_assert(!o->sources[0].delete_with);
    ck_assert_str_eq(o->sources[1].table, "posts");
    ck_assert(o->sources[1].delete_with);
    ck_assert_str_eq(o->query, "MERGE INTO counts\nUSING (SELECT $1) s ON true\n");
    ck_assert_int_eq(o->on_error, CONFIG_STOP);
    ck_assert_uint_eq(o->batch_size, 10000);
    ck_assert_uint_eq(o->lanes, 16);
    ck_assert_uint_eq(o->rebuild_rate, 250);
    config_release(&c);
}
END_TEST

static void assert_defaults(const struct config *c)
{
    ck_assert_str_eq(c->app_name, "walpiper");
    ck_assert_ptr_null(c->database.url);
    ck_assert_str_eq(c->database.hostname, "localhost");
    ck_assert_str_eq(c->database.port, "5432");
    ck_assert_str_eq(c->database.database, "postgres");
    ck_assert_str_eq(c->database.username, "postgres");
    ck_assert_ptr_null(c->database.password);
    ck_assert_str_eq(c->slot.name, "walpiper");
    ck_assert(c->slot.durable);
    ck_assert(!c->slot.recreate);
    ck_assert_int_eq(c->slot.plugin, CONFIG_PLUGIN_AUTO);
    ck_assert_str_eq(c->publication, "walpiper");
    ck_assert_str_eq(c->state_schema, "walpiper");
    ck_assert_uint_eq(c->table_count, 0);
    ck_assert(c->events.enabled);
    ck_assert_str_eq(c->events.schema, "public");
    ck_assert_str_eq(c->events.table, "events");
    ck_assert_str_eq(c->events.consumer, "subscriber");
    ck_assert_str_eq(c->journal.path, "data/journal");
    ck_assert_uint_eq(c->journal.retention_bytes, 1u << 30);
    ck_assert_uint_eq(c->journal.retention_age_us, 7ull * 24 * 3600 * 1000000);
    ck_assert_uint_eq(c->journal.max_hold, 10ull << 30);
    ck_assert_uint_eq(c->journal.max_event, 64u << 20);
    ck_assert_int_eq(c->journal.on_large_event, CONFIG_STRIP_EVENT);
    ck_assert_uint_eq(c->http.listen_count, 1);
    ck_assert_str_eq(c->http.listen[0].text, "127.0.0.1:4000");
    ck_assert_uint_ge(c->http.threads, 1);
    ck_assert_uint_eq(c->http.heartbeat_ms, 10000);
    ck_assert_uint_eq(c->http.stall_timeout_ms, 30000);
    ck_assert_uint_eq(c->http.drain_ms, 5000);
    ck_assert_uint_eq(c->http.max_connections, 100000);
    ck_assert_uint_eq(c->http.request_timeout_ms, 15000);
    ck_assert_uint_eq(c->http.max_connections_per_client, 0);
    ck_assert_uint_eq(c->http.max_connections_per_consumer, 0);
    ck_assert_uint_eq(c->http.max_topics, 1000);
    ck_assert_uint_eq(c->http.max_filters, 20);
    ck_assert_uint_eq(c->http.max_head, 16384);
    ck_assert_uint_eq(c->http.publish_rate, 0);
    ck_assert(!c->http.proxy_protocol);
    ck_assert_int_eq(c->auth.mode, CONFIG_AUTH_NONE);
    ck_assert(!c->auth.allow_public);
    ck_assert_ptr_null(c->auth.jwt.secret);
    ck_assert_ptr_null(c->auth.trusted);
    ck_assert_uint_eq(c->http.cors_origins.count, 0);
    ck_assert_uint_eq(c->operator_count, 0);
    ck_assert_uint_eq(c->retry.min_restart_ms, 500);
    ck_assert_uint_eq(c->retry.max_restart_ms, 10000);
    ck_assert(c->retry.multiplicator == 2.0);
    ck_assert_uint_eq(c->retry.max_retries, 5);
    ck_assert_int_eq(c->log.level, LOG_INFO);
    ck_assert_int_eq(c->log.format, LOG_LOGFMT);
}

START_TEST(test_what_is_not_said_has_its_default)
{
    static const char *const texts[] = {
        "",
        "# nothing but words\n",
        "~\n",
        "{}\n",
        "http:\nlog: ~\nslot: null\ntables:\ndatabase: {url: '', hostname: , password: ''}\n",
        "http: {}\ntables: []\noperators: []\n",
    };

    scene_clear_environment();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config c = scene_right(texts[i]);
        assert_defaults(&c);
        config_release(&c);
    }
}
END_TEST

START_TEST(test_pg_variables_fill_what_database_leaves_out)
{
    scene_clear_environment();
    setenv("PGHOST", "/run/postgresql", 1);
    setenv("PGUSER", "me", 1);
    struct config c = scene_right("database: {username: you}\n");
    scene_clear_environment();

    ck_assert_ptr_null(c.database.hostname); /* libpq reads PGHOST itself */
    ck_assert_str_eq(c.database.username, "you");
    ck_assert_str_eq(c.database.port, "5432");
    config_release(&c);
}
END_TEST

START_TEST(test_url_wins_over_the_single_fields)
{
    struct config c = scene_right(full);

    ck_assert_str_eq(c.database.url, "postgresql://u@h/d");
    ck_assert_ptr_null(c.database.hostname);
    ck_assert_ptr_null(c.database.port);
    config_release(&c);
}
END_TEST

#define ON_TABLE_A                                                                                 \
    "tables: [{name: a}]\noperators: [{name: o, target: t, tables: {a: id}, query: SELECT $1, "

START_TEST(test_an_operator_may_have_another_database_of_the_same_server)
{
    scene_clear_environment();
    struct config c = scene_right(
        "database: {hostname: h, port: 5433, database: d, username: u, password: p}\n" ON_TABLE_A
        "database: {database: reports}}]\n");
    const struct config_database *d = c.operators[0].database;
    ck_assert_ptr_nonnull(d);
    ck_assert_ptr_null(d->url);
    ck_assert_str_eq(d->hostname, "h");
    ck_assert_str_eq(d->port, "5433");
    ck_assert_str_eq(d->database, "reports");
    ck_assert_str_eq(d->username, "u");
    ck_assert_str_eq(d->password, "p");
    config_release(&c);

    struct config url = scene_right("database: {url: 'postgresql://u@h/d'}\n" ON_TABLE_A
                                    "database: {database: reports, username: me}}]\n");
    d = url.operators[0].database;
    ck_assert_str_eq(d->url, "postgresql://u@h/d");
    ck_assert_str_eq(d->database, "reports");
    ck_assert_str_eq(d->username, "me");
    ck_assert_ptr_null(d->hostname);
    config_release(&url);
}
END_TEST

START_TEST(test_a_password_is_not_that_of_another_role)
{
    scene_clear_environment();
    struct config c = scene_right("database: {password: p}\n" ON_TABLE_A
                                  "database: {database: reports, username: me}}]\n");
    ck_assert_ptr_null(c.operators[0].database->password);
    config_release(&c);
}
END_TEST

START_TEST(test_what_is_said_of_the_sources_server_is_not_meant_for_another)
{
    scene_clear_environment();
    setenv("PGHOST", "elsewhere", 1);
    setenv("PGDATABASE", "elsewhere", 1);
    struct config c = scene_right("database: {port: 5433, username: u, password: p}\n" ON_TABLE_A
                                  "database: {hostname: other}}]\n");
    scene_clear_environment();
    const struct config_database *d = c.operators[0].database;
    ck_assert_str_eq(d->hostname, "other");
    ck_assert_str_eq(d->port, "5432");
    ck_assert_str_eq(d->database, "postgres");
    ck_assert_str_eq(d->username, "postgres");
    ck_assert_ptr_null(d->password);
    config_release(&c);

    struct config url = scene_right("database: {password: p}\n" ON_TABLE_A
                                    "database: {url: 'postgresql://x/y', password: q}}]\n");
    d = url.operators[0].database;
    ck_assert_str_eq(d->url, "postgresql://x/y");
    ck_assert_ptr_null(d->hostname);
    ck_assert_ptr_null(d->password);
    config_release(&url);
}
END_TEST

START_TEST(test_a_target_in_another_database_feeds_nobody)
{
    scene_clear_environment();
    struct config c = scene_right("tables: [{name: a}]\n"
                                  "operators: [{name: o, target: a, tables: {a: id},"
                                  " query: SELECT $1, database: {database: copy}}]\n");
    ck_assert_str_eq(c.operators[0].target_table, "a");
    config_release(&c);
}
END_TEST

START_TEST(test_one_value_is_a_list_of_one)
{
    struct config c =
        scene_right("http: {listen: 'unix:/tmp/x'}\n"
                    "tables: [{name: a}]\n"
                    "operators: [{name: o, target: t, tables: {a: id}, events: update,"
                    " delete_with: [], query: 'SELECT $1'}]\n");

    ck_assert_uint_eq(c.http.listen_count, 1);
    ck_assert_str_eq(c.http.listen[0].text, "unix:/tmp/x");
    ck_assert(!c.operators[0].on_insert && c.operators[0].on_update && !c.operators[0].on_delete);
    ck_assert_str_eq(c.operators[0].target_id.items[0].text, "id");
    ck_assert_int_eq(c.operators[0].on_error, CONFIG_PARK);
    ck_assert_uint_eq(c.operators[0].batch_size, 500);
    ck_assert_uint_eq(c.operators[0].lanes, 1);
    ck_assert_uint_eq(c.operators[0].rebuild_rate, 0);
    config_release(&c);
}
END_TEST

START_TEST(test_operator_without_events_takes_all)
{
    struct config c = scene_right("tables: [{name: a}]\n"
                                  "operators: [{name: o, target: t, tables: {a: id},"
                                  " query: 'SELECT $1'}]\n");

    ck_assert(c.operators[0].on_insert && c.operators[0].on_update && c.operators[0].on_delete);
    config_release(&c);
}
END_TEST

START_TEST(test_events_table_may_be_off_or_an_operator_source)
{
    struct config off = scene_right("events: {table: ''}\ntables: [{name: events}]\n");
    ck_assert(!off.events.enabled);
    ck_assert_uint_eq(off.table_count, 1);
    config_release(&off);

    struct config source = scene_right("operators: [{name: o, target: t, tables: {events: id},"
                                       " query: 'SELECT $1'}]\n");
    ck_assert_str_eq(source.operators[0].sources[0].table, "events");
    config_release(&source);
}
END_TEST

START_TEST(test_a_variable_stays_one_value)
{
    /* Read as YAML again, each of these would end the value, open another key, or fail. */
    static const char *const values[] = {
        "a\nhttp: {threads: 9}\n",
        "x: y",
        "'single' \"double\" \\ back",
        "- item",
        "[1, 2]",
        "*alias",
        "&anchor",
        "!!tag",
        "# comment",
        "${HOME}",
        "  spaces  ",
        "%",
        "caf\xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x90\x98",
        "\t\x01\x7f",
        "null",
        "~",
        "true",
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        setenv("HOSTILE", values[i], 1);
        struct config c = scene_right("app_name: ${HOSTILE}\n");
        ck_assert_str_eq(c.app_name, values[i]);
        ck_assert_uint_eq(c.http.max_connections, 100000);
        config_release(&c);
    }
    unsetenv("HOSTILE");
}
END_TEST

START_TEST(test_unused_variable_may_be_unset)
{
    scene_clear_environment();
    struct config c = scene_right("auth: {jwt: {secret: '${WALPIPER_JWT_SECRET}'}}\n");
    config_release(&c);
    setenv("WALPIPER_JWT_SECRET", "x", 1);
    c = scene_right("auth: {jwt: {secret: '${WALPIPER_JWT_SECRET}'}}\n");
    config_release(&c);
    scene_clear_environment();
}
END_TEST

START_TEST(test_tokens)
{
    struct config c = scene_right(
        "auth: {mode: jwt, jwt: {algorithm: HS384, query_token: true, audience: a, issuer: i,"
        " secret: 0123456789abcdef0123456789abcdef0123456789abcdef}}\n");

    ck_assert_int_eq(c.auth.mode, CONFIG_AUTH_JWT);
    ck_assert_str_eq(config_jwt_algorithm_name(c.auth.jwt.algorithm), "HS384");
    ck_assert_uint_eq(strlen(c.auth.jwt.secret), 48);
    ck_assert_str_eq(c.auth.jwt.audience, "a");
    ck_assert_str_eq(c.auth.jwt.issuer, "i");
    ck_assert(c.auth.jwt.query_token);
    ck_assert_ptr_null(c.auth.jwt.jwks_file);
    config_release(&c);
}
END_TEST

START_TEST(test_the_secret_comes_from_its_variable)
{
    setenv("WALPIPER_JWT_SECRET", "an environment's secret: 32 bytes", 1);
    struct config c = scene_right("auth: {mode: jwt}\n");
    ck_assert_str_eq(c.auth.jwt.secret, "an environment's secret: 32 bytes");
    ck_assert_ptr_null(c.auth.jwt.audience);
    config_release(&c);
    scene_clear_environment();
    c = scene_right("auth: {mode: jwt, jwt: {algorithm: ES256, jwks_file: keys.json,"
                    " secret: '${WALPIPER_JWT_SECRET}'}}\n");
    ck_assert_str_eq(c.auth.jwt.jwks_file, "keys.json");
    ck_assert_ptr_null(c.auth.jwt.secret);
    config_release(&c);
}
END_TEST

START_TEST(test_the_gateway_is_near_unless_said)
{
    struct config c = scene_right("auth: {mode: gateway}\n");

    ck_assert_uint_eq(c.auth.trusted_count, 3);
    ck_assert_int_eq(c.auth.trusted[0].address.bytes[12], 127);
    ck_assert_uint_eq(c.auth.trusted[0].bits, 96 + 8);
    ck_assert_uint_eq(c.auth.trusted[1].bits, 128);
    ck_assert_int_eq(c.auth.trusted[2].address.kind, ADDRESS_LOCAL);
    config_release(&c);
    c = scene_right("http: {cors: {origins: '*'}}\n");
    ck_assert_str_eq(c.http.cors_origins.items[0].text, "*");
    config_release(&c);
}
END_TEST

START_TEST(test_public_listeners_by_mode)
{
    static const char *const right[] = {
        "http: {listen: '0.0.0.0:80'}\nauth: {mode: gateway}\n",
        "http: {listen: '0.0.0.0:80'}\nauth: {mode: jwt, jwt: {algorithm: RS256, jwks_file: x}}\n",
        "http: {listen: '0.0.0.0:80'}\nauth: {allow_public: true}\n",
        "http: {listen: ['127.9.9.9:80', 'localhost:81', '[::1]:82', 'unix:x']}\n",
    };

    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        struct config c = scene_right(right[i]);
        config_release(&c);
    }
}
END_TEST

START_TEST(test_release_is_safe_on_a_zeroed_one)
{
    struct config c = {0};

    config_release(&c);
    config_release(&c);
}
END_TEST

START_TEST(test_a_source_may_give_many_ids)
{
    struct config c = scene_right("tables: [{name: a}, {name: b}]\n"
                                  "operators: [{name: o, target: t, query: $1, tables: {a: id,"
                                  " b: {keys: SELECT id FROM a WHERE b = $1, map: nr}}}]\n");
    const struct config_operator *o = &c.operators[0];

    ck_assert_ptr_null(o->sources[0].keys);
    ck_assert_str_eq(o->sources[1].keys, "SELECT id FROM a WHERE b = $1");
    ck_assert_uint_eq(o->sources[1].columns.count, 1);
    ck_assert_str_eq(o->sources[1].columns.items[0].text, "nr");
    config_release(&c);
}
END_TEST

START_TEST(test_a_call_has_a_function_and_no_ids)
{
    struct config c = scene_right("tables: [{name: a}, {name: s.b}]\n"
                                  "operators: [{name: o, call: s.f, tables: [a, s.b]},"
                                  " {name: p, call: F, target: t, tables: a}]\n");
    const struct config_operator *o = &c.operators[0];

    ck_assert_int_eq(o->form, CONFIG_CALL);
    ck_assert_str_eq(o->call_schema, "s");
    ck_assert_str_eq(o->call_function, "f");
    ck_assert_ptr_null(o->target_table);
    ck_assert_uint_eq(o->target_id.count, 0);
    ck_assert_uint_eq(o->source_count, 2);
    ck_assert_str_eq(o->sources[1].table, "b");
    ck_assert_uint_eq(o->sources[1].columns.count, 0);
    ck_assert_str_eq(c.operators[1].call_schema, "public");
    ck_assert_str_eq(c.operators[1].target_table, "t");
    ck_assert_str_eq(c.operators[1].sources[0].table, "a");
    config_release(&c);
}
END_TEST

START_TEST(test_an_id_may_have_several_columns)
{
    struct config c = scene_right("tables: [{name: a}, {name: b}]\n"
                                  "operators: [{name: o, target: t, target_id: [org, id],"
                                  " tables: {a: [x, y], b: [id, org]}, batch: true,"
                                  " query: 'SELECT $1, $2'}]\n");
    const struct config_operator *o = &c.operators[0];

    ck_assert_int_eq(o->form, CONFIG_BATCH);
    ck_assert_uint_eq(o->target_id.count, 2);
    ck_assert_str_eq(o->target_id.items[1].text, "id");
    ck_assert_uint_eq(o->sources[0].columns.count, 2);
    ck_assert_str_eq(o->sources[0].columns.items[1].text, "y");
    ck_assert_str_eq(o->sources[1].columns.items[1].text, "org");
    config_release(&c);
}
END_TEST

START_TEST(test_who_is_told_of_failures)
{
    struct config c = scene_right(
        "tables: [{name: a}]\n"
        "operators:\n"
        "- {name: o, target: t, tables: {a: id}, query: $1,\n"
        "   on_error_notify: 'https://u:p%40@ops.example:8443/hidden?token=x#y'}\n"
        "- {name: p, target: u, tables: {a: id}, query: $1,\n"
        "   on_error_notify: {command: [alert, -v, '']}}\n"
        "- {name: q, target: v, tables: {a: id}, query: $1, on_error_notify: {command: alert}}\n"
        "- {name: r, target: w, tables: {a: id}, query: $1, on_error_notify: ''}\n");

    ck_assert_str_eq(c.operators[0].notify.url, "https://u:p%40@ops.example:8443/hidden?token=x#y");
    ck_assert_str_eq(c.operators[0].notify.origin, "https://ops.example:8443/");
    ck_assert_ptr_null(c.operators[0].notify.command);
    ck_assert_ptr_null(c.operators[1].notify.url);
    ck_assert_str_eq(c.operators[1].notify.command[1], "-v");
    ck_assert_str_eq(c.operators[1].notify.command[2], "");
    ck_assert_ptr_null(c.operators[1].notify.command[3]);
    ck_assert_str_eq(c.operators[2].notify.command[0], "alert");
    ck_assert_ptr_null(c.operators[2].notify.command[1]);
    ck_assert(!c.operators[3].notify.url && !c.operators[3].notify.command);
    config_release(&c);
}
END_TEST

UNIT_SUITE("config/config", test_tokens, test_the_secret_comes_from_its_variable,
           test_the_gateway_is_near_unless_said, test_every_key_reaches_the_struct,
           test_tables_are_split_and_keep_their_scopes, test_operators_know_their_sources,
           test_an_id_may_have_several_columns, test_a_call_has_a_function_and_no_ids,
           test_a_source_may_give_many_ids, test_who_is_told_of_failures,
           test_what_is_not_said_has_its_default, test_pg_variables_fill_what_database_leaves_out,
           test_url_wins_over_the_single_fields,
           test_an_operator_may_have_another_database_of_the_same_server,
           test_a_password_is_not_that_of_another_role,
           test_what_is_said_of_the_sources_server_is_not_meant_for_another,
           test_a_target_in_another_database_feeds_nobody, test_one_value_is_a_list_of_one,
           test_operator_without_events_takes_all,
           test_events_table_may_be_off_or_an_operator_source, test_a_variable_stays_one_value,
           test_unused_variable_may_be_unset, test_public_listeners_by_mode,
           test_release_is_safe_on_a_zeroed_one)
