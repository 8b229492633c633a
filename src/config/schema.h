/* config/schema.h - what keys there are, of which kind: the libcyaml tables, and the raw texts that
 * they give. What the texts must say, alone and together, is in rules.h. Must not include more than
 * the tree. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/node.h"
#include <cyaml/cyaml.h>

struct raw_scope_column {
    char *column;
    char *parent;
};

struct raw_scope {
    struct raw_scope_column *columns;
    uint32_t columns_count;
};

struct raw_table {
    char *name;
    char *id;
    struct raw_scope *scopes;
    uint32_t scopes_count;
    char **exclude;
    uint32_t exclude_count;
    char **ignore_updates_of;
    uint32_t ignore_updates_of_count;
};

struct raw_source {
    char *table;
    char **columns;
    uint32_t columns_count;
    char *keys;
};

enum raw_event { RAW_INSERT, RAW_UPDATE, RAW_DELETE };

struct raw_notify {
    char *url;
    char **command;
    uint32_t command_count;
};

struct raw_database {
    char *url, *hostname, *port, *database, *username, *password;
};

struct raw_operator {
    char *name;
    char *target;
    char **target_id;
    uint32_t target_id_count;
    int *events; /* of enum raw_event; NULL: not said */
    uint32_t events_count;
    struct raw_source *tables;
    uint32_t tables_count;
    char **delete_with;
    uint32_t delete_with_count;
    char *query;
    char *query_file;
    int batch;
    char *select;
    char *call;
    struct raw_database database;
    int on_error; /* of enum config_on_error */
    struct raw_notify on_error_notify;
    char *batch_size, *lanes, *rebuild_rate;
};

struct raw_slot {
    char *name;
    int durable;
    int recreate;
    int plugin; /* of enum config_plugin */
};

struct raw_events_columns {
    char *id, *type, *consumer, *payload, *timestamp;
};

struct raw_events {
    char *table;
    struct raw_events_columns columns;
    char *retention;
};

struct raw_retention {
    char *bytes, *age;
};

struct raw_journal {
    char *path;
    struct raw_retention retention;
    char *max_hold;
    char *max_event;
    int on_large_event;
};

struct raw_cors {
    char **origins;
    uint32_t origins_count;
};

struct raw_tls {
    char *certificate, *key;
};

struct raw_http {
    char **listen;
    uint32_t listen_count;
    char *threads, *heartbeat, *request_timeout, *stall_timeout, *drain;
    char *max_connections, *max_connections_per_client, *max_connections_per_consumer;
    char *max_topics, *max_filters, *max_head, *publish_rate;
    bool proxy_protocol;
    struct raw_cors cors;
    struct raw_tls tls;
};

struct raw_jwt {
    int algorithm; /* of enum config_jwt_algorithm */
    char *secret, *jwks_file, *audience, *issuer;
    int query_token;
};

struct raw_gateway {
    char **trusted;
    uint32_t trusted_count;
};

struct raw_auth {
    int mode; /* of enum config_auth */
    int allow_public;
    struct raw_jwt jwt;
    struct raw_gateway gateway;
};

struct raw_admin {
    char *listen;
    int allow_public;
};

struct raw_retry {
    char *min_restart_time, *max_restart_time, *backoff_multiplicator, *max_retries;
};

struct raw_log {
    int level;  /* of enum log_level */
    int format; /* of enum log_format */
};

/* Every text is as in the file, variables expanded; NULL: not said. Numbers too are texts: libcyaml
 * would take "10x" for 10. Enumerations are ints, as libcyaml wants them. */
struct raw {
    char *app_name;
    struct raw_database database;
    struct raw_slot slot;
    char *publication, *state_schema;
    struct raw_table *tables;
    uint32_t tables_count;
    struct raw_events events;
    struct raw_journal journal;
    struct raw_http http;
    struct raw_auth auth;
    struct raw_admin admin;
    struct raw_operator *operators;
    uint32_t operators_count;
    struct raw_retry retry;
    char **plugins;
    uint32_t plugins_count;
    char **numbers_as_strings;
    uint32_t numbers_as_strings_count;
    struct raw_log log;
};

extern const struct cyaml_schema_value config_schema; /* a struct raw */

/* Reads the normalised TREE. 0, -ENOMEM, or -EINVAL with file, line and key in ERR. */
int schema_load(struct raw **ret_raw, const struct tree *tree, struct error *err);
void raw_free(struct raw *raw); /* NULL is fine; a text that was taken out must be NULL */

#endif
