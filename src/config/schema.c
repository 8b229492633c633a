/* config/schema.c - the tables, from the leaves up. How they are applied is in load.c. */
#include "config/schema.h"
#include "config/config.h"
#include "config/node.h"

#define NAME_BYTES 1024 /* longer than any name; the rules say how long one may be */
#define TEXT_BYTES (1u << 20)
#define ITEMS NODE_CHILDREN_MAX /* the tree refuses more, and says so */

#define TEXT(key, type, member)                                                                    \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_OPTIONAL, type, member, 0, TEXT_BYTES)
#define NEEDED(key, type, member)                                                                  \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 1, NAME_BYTES)
#define WORD(key, type, member, words)                                                             \
    CYAML_FIELD_ENUM(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, type, member, words,            \
                     CYAML_ARRAY_LEN(words))
#define LIST(key, type, member, item)                                                              \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER, type, member, &(item), 0,  \
                         ITEMS)
#define KEYS(key, type, member, fields)                                                            \
    CYAML_FIELD_MAPPING(key, CYAML_FLAG_OPTIONAL, type, member, fields)

static const struct cyaml_strval booleans[] = {{"true", true}, {"false", false}};
static const struct cyaml_strval plugins[] = {
    {"auto", CONFIG_PLUGIN_AUTO},
    {"wal2json", CONFIG_PLUGIN_WAL2JSON},
    {"pgoutput", CONFIG_PLUGIN_PGOUTPUT},
};
static const struct cyaml_strval auth_modes[] = {
    {"none", CONFIG_AUTH_NONE},
    {"gateway", CONFIG_AUTH_GATEWAY},
    {"jwt", CONFIG_AUTH_JWT},
};
static const struct cyaml_strval jwt_algorithms[] = {
    {"HS256", CONFIG_HS256}, {"HS384", CONFIG_HS384}, {"HS512", CONFIG_HS512},
    {"RS256", CONFIG_RS256}, {"PS256", CONFIG_PS256}, {"ES256", CONFIG_ES256},
    {"ES384", CONFIG_ES384},
};
static const struct cyaml_strval large_event_policies[] = {
    {"strip", CONFIG_STRIP_EVENT},
    {"stop", CONFIG_STOP_CAPTURE},
};
static const struct cyaml_strval error_policies[] = {
    {"park", CONFIG_PARK},
    {"stop", CONFIG_STOP},
    {"skip", CONFIG_SKIP},
};
static const struct cyaml_strval event_types[] = {
    {"insert", RAW_INSERT},
    {"update", RAW_UPDATE},
    {"delete", RAW_DELETE},
};
static const struct cyaml_strval log_levels[] = {
    {"trace", LOG_TRACE}, {"debug", LOG_DEBUG}, {"info", LOG_INFO},
    {"warn", LOG_WARN},   {"error", LOG_ERROR},
};
static const struct cyaml_strval log_formats[] = {{"logfmt", LOG_LOGFMT}, {"json", LOG_JSON}};

static const struct cyaml_schema_value text_item = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, TEXT_BYTES),
};
static const struct cyaml_schema_value event_type_item = {
    CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, int, event_types, CYAML_ARRAY_LEN(event_types)),
};

/* --- sections without lists of their own
 * ------------------------------------------------------------ */

static const struct cyaml_schema_field database_fields[] = {
    TEXT("url", struct raw_database, url),
    TEXT("hostname", struct raw_database, hostname),
    TEXT("port", struct raw_database, port),
    TEXT("database", struct raw_database, database),
    TEXT("username", struct raw_database, username),
    TEXT("password", struct raw_database, password),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field slot_fields[] = {
    TEXT("name", struct raw_slot, name),
    WORD("durable", struct raw_slot, durable, booleans),
    WORD("recreate", struct raw_slot, recreate, booleans),
    WORD("plugin", struct raw_slot, plugin, plugins),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field events_columns_fields[] = {
    TEXT("id", struct raw_events_columns, id),
    TEXT("type", struct raw_events_columns, type),
    TEXT("consumer", struct raw_events_columns, consumer),
    TEXT("payload", struct raw_events_columns, payload),
    TEXT("timestamp", struct raw_events_columns, timestamp),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field events_fields[] = {
    TEXT("table", struct raw_events, table),
    KEYS("columns", struct raw_events, columns, events_columns_fields),
    TEXT("retention", struct raw_events, retention),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field retention_fields[] = {
    TEXT("bytes", struct raw_retention, bytes),
    TEXT("age", struct raw_retention, age),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field journal_fields[] = {
    TEXT("path", struct raw_journal, path),
    KEYS("retention", struct raw_journal, retention, retention_fields),
    TEXT("max_hold", struct raw_journal, max_hold),
    TEXT("max_event", struct raw_journal, max_event),
    WORD("on_large_event", struct raw_journal, on_large_event, large_event_policies),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field cors_fields[] = {
    LIST("origins", struct raw_cors, origins, text_item),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field tls_fields[] = {
    TEXT("certificate", struct raw_tls, certificate),
    TEXT("key", struct raw_tls, key),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field http_fields[] = {
    LIST("listen", struct raw_http, listen, text_item),
    TEXT("threads", struct raw_http, threads),
    TEXT("heartbeat", struct raw_http, heartbeat),
    TEXT("request_timeout", struct raw_http, request_timeout),
    TEXT("stall_timeout", struct raw_http, stall_timeout),
    TEXT("drain", struct raw_http, drain),
    TEXT("max_connections", struct raw_http, max_connections),
    TEXT("max_connections_per_client", struct raw_http, max_connections_per_client),
    TEXT("max_connections_per_consumer", struct raw_http, max_connections_per_consumer),
    TEXT("max_topics", struct raw_http, max_topics),
    TEXT("max_filters", struct raw_http, max_filters),
    TEXT("max_head", struct raw_http, max_head),
    TEXT("publish_rate", struct raw_http, publish_rate),
    WORD("proxy_protocol", struct raw_http, proxy_protocol, booleans),
    KEYS("cors", struct raw_http, cors, cors_fields),
    KEYS("tls", struct raw_http, tls, tls_fields),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field jwt_fields[] = {
    WORD("algorithm", struct raw_jwt, algorithm, jwt_algorithms),
    TEXT("secret", struct raw_jwt, secret),
    TEXT("jwks_file", struct raw_jwt, jwks_file),
    TEXT("audience", struct raw_jwt, audience),
    TEXT("issuer", struct raw_jwt, issuer),
    WORD("query_token", struct raw_jwt, query_token, booleans),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field gateway_fields[] = {
    LIST("trusted", struct raw_gateway, trusted, text_item),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field auth_fields[] = {
    WORD("mode", struct raw_auth, mode, auth_modes),
    WORD("allow_public", struct raw_auth, allow_public, booleans),
    KEYS("jwt", struct raw_auth, jwt, jwt_fields),
    KEYS("gateway", struct raw_auth, gateway, gateway_fields),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field admin_fields[] = {
    TEXT("listen", struct raw_admin, listen),
    WORD("allow_public", struct raw_admin, allow_public, booleans),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field retry_fields[] = {
    TEXT("min_restart_time", struct raw_retry, min_restart_time),
    TEXT("max_restart_time", struct raw_retry, max_restart_time),
    TEXT("backoff_multiplicator", struct raw_retry, backoff_multiplicator),
    TEXT("max_retries", struct raw_retry, max_retries),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field log_fields[] = {
    WORD("level", struct raw_log, level, log_levels),
    WORD("format", struct raw_log, format, log_formats),
    CYAML_FIELD_END,
};

/* --- tables and operators
 * ---------------------------------------------------------------------------- */

static const struct cyaml_schema_field scope_column_fields[] = {
    NEEDED("column", struct raw_scope_column, column),
    NEEDED("parent", struct raw_scope_column, parent),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_value scope_column_item = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_scope_column, scope_column_fields),
};

static const struct cyaml_schema_field scope_fields[] = {
    LIST("columns", struct raw_scope, columns, scope_column_item),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_value scope_item = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_scope, scope_fields),
};

static const struct cyaml_schema_field table_fields[] = {
    NEEDED("name", struct raw_table, name),
    TEXT("id", struct raw_table, id),
    LIST("scopes", struct raw_table, scopes, scope_item),
    LIST("exclude", struct raw_table, exclude, text_item),
    LIST("ignore_updates_of", struct raw_table, ignore_updates_of, text_item),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_value table_item = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_table, table_fields),
};

static const struct cyaml_schema_field source_fields[] = {
    NEEDED("table", struct raw_source, table),
    LIST("columns", struct raw_source, columns, text_item),
    TEXT("keys", struct raw_source, keys),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_value source_item = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_source, source_fields),
};

static const struct cyaml_schema_field notify_fields[] = {
    TEXT("url", struct raw_notify, url),
    LIST("command", struct raw_notify, command, text_item),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field operator_fields[] = {
    NEEDED("name", struct raw_operator, name),
    TEXT("target", struct raw_operator, target),
    LIST("target_id", struct raw_operator, target_id, text_item),
    LIST("events", struct raw_operator, events, event_type_item),
    LIST("tables", struct raw_operator, tables, source_item),
    LIST("delete_with", struct raw_operator, delete_with, text_item),
    TEXT("query", struct raw_operator, query),
    TEXT("query_file", struct raw_operator, query_file),
    WORD("batch", struct raw_operator, batch, booleans),
    TEXT("select", struct raw_operator, select),
    TEXT("call", struct raw_operator, call),
    KEYS("database", struct raw_operator, database, database_fields),
    WORD("on_error", struct raw_operator, on_error, error_policies),
    KEYS("on_error_notify", struct raw_operator, on_error_notify, notify_fields),
    TEXT("batch_size", struct raw_operator, batch_size),
    TEXT("lanes", struct raw_operator, lanes),
    TEXT("rebuild_rate", struct raw_operator, rebuild_rate),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_value operator_item = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_operator, operator_fields),
};

/* --- the whole
 * --------------------------------------------------------------------------------------- */

static const struct cyaml_schema_field raw_fields[] = {
    TEXT("app_name", struct raw, app_name),
    KEYS("database", struct raw, database, database_fields),
    KEYS("slot", struct raw, slot, slot_fields),
    TEXT("publication", struct raw, publication),
    TEXT("state_schema", struct raw, state_schema),
    LIST("tables", struct raw, tables, table_item),
    KEYS("events", struct raw, events, events_fields),
    KEYS("journal", struct raw, journal, journal_fields),
    KEYS("http", struct raw, http, http_fields),
    KEYS("auth", struct raw, auth, auth_fields),
    KEYS("admin", struct raw, admin, admin_fields),
    LIST("operators", struct raw, operators, operator_item),
    KEYS("retry", struct raw, retry, retry_fields),
    LIST("plugins", struct raw, plugins, text_item),
    LIST("numbers_as_strings", struct raw, numbers_as_strings, text_item),
    KEYS("log", struct raw, log, log_fields),
    CYAML_FIELD_END,
};

const struct cyaml_schema_value config_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw, raw_fields),
};
