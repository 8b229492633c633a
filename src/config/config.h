/* config/config.h - the whole configuration in one struct: read, checked and complete, or one error
 * that names file, line and key. Borrows nothing; owns every string. Must not include other rooms
 * than base. Formats: contract section 2; every key is documented in config/walpiper.yaml. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/error.h"
#include "base/log.h"
#include "config/network.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_name { /* one name of a list */
    char *text;
};

#define CONFIG_SCOPE_COLUMNS_MAX 8

/* One level of a scope: {post_id: posts} gives the topic posts/<post_id>/comments. */
struct config_scope_column {
    char *column;
    char *parent;
};
struct config_scope {
    struct config_scope_column *columns; /* from the outermost parent inwards, as in the topic */
    size_t column_count;                 /* 1 to CONFIG_SCOPE_COLUMNS_MAX */
};

struct config_names {
    struct config_name *items;
    size_t count;
};

struct config_table {
    char *schema; /* split from name; public when not said */
    char *table;
    char *id; /* NULL: the primary key */
    struct config_scope *scopes;
    size_t scope_count;
    struct config_names exclude; /* in no event; never the id, of a scope or of an operator */
    struct config_names ignore_updates_of; /* likewise; an update of nothing else is no event */
};

enum config_plugin { CONFIG_PLUGIN_AUTO, CONFIG_PLUGIN_WAL2JSON, CONFIG_PLUGIN_PGOUTPUT };
enum config_auth { CONFIG_AUTH_NONE, CONFIG_AUTH_GATEWAY, CONFIG_AUTH_JWT };
enum config_jwt_algorithm {
    CONFIG_HS256, /* the HS are signed with a secret, the others checked with public keys */
    CONFIG_HS384,
    CONFIG_HS512,
    CONFIG_RS256,
    CONFIG_PS256,
    CONFIG_ES256,
    CONFIG_ES384,
};
enum config_on_large_event { CONFIG_STRIP_EVENT, CONFIG_STOP_CAPTURE };
enum config_on_error { CONFIG_PARK, CONFIG_STOP, CONFIG_SKIP };

/* How to reach a database. NULL: left to libpq (PG* variables, .pgpass). */
struct config_database {
    char *url; /* a libpq URI or key=value string; what the others say beside it wins */
    char *hostname, *port, *database, *username, *password;
};

/* How an operator says what a derived row is. */
enum config_form {
    CONFIG_QUERY,  /* SQL for one id: $1, and of an id of N columns $1 to $N */
    CONFIG_BATCH,  /* SQL for many: the same parameters are arrays */
    CONFIG_SELECT, /* the SELECT of one row; the MERGE is ours */
    CONFIG_CALL,   /* a function that gets each event; it has no ids */
};

#define CONFIG_ID_COLUMNS_MAX 8

/* Which columns of a source table are the target's id, in the order of target_id; none for a call.
 * Or a query for the ids that a row touches, and the column whose value is its $1. */
struct config_operator_source {
    char *schema;
    char *table;
    struct config_names columns;
    char *keys;       /* the query; NULL: none */
    bool delete_with; /* a delete here deletes the target row */
};

struct config_operator {
    char *name;
    char *target_schema; /* NULL: not said, which only a call may */
    char *target_table;
    struct config_names target_id; /* 1 to CONFIG_ID_COLUMNS_MAX; none for a call */
    bool on_insert, on_update, on_delete;
    struct config_operator_source *sources;
    size_t source_count;
    enum config_form form;
    char *query; /* of query or select, or read from query_file; NULL for a call */
    char *call_schema, *call_function; /* for a call, else NULL */
    /* Owned: where the target is; NULL: where the sources are. What it leaves out and the server of
     * the sources has is in it. */
    struct config_database *database;
    enum config_on_error on_error;
    unsigned batch_size;   /* ids in one transaction */
    unsigned lanes;        /* connections */
    unsigned rebuild_rate; /* ids a second; 0: no limit */
    struct {
        char *url;      /* NULL: none */
        char *origin;   /* of the url: scheme, host and port; what else is in it may be secret */
        char **command; /* program and arguments, ends with NULL; NULL: none */
    } notify;           /* who is told of failures; one of them at most */
};

struct config {
    char *file; /* as given */
    char *app_name;
    struct config_database database; /* with url all others are NULL */
    struct {
        char *name;
        bool durable;
        bool recreate;
        enum config_plugin plugin;
    } slot;
    char *publication;
    char *state_schema;          /* of walpiper's own tables: a plain word */
    struct config_table *tables; /* without the events table */
    size_t table_count;
    struct {
        bool enabled;
        char *schema, *table;
        char *id, *type, *consumer, *payload, *timestamp; /* column names */
    } events;
    struct {
        char *path;
        uint64_t retention_bytes; /* 0: no limit */
        uint64_t retention_age_us;
        uint64_t max_hold;  /* bytes that operators may keep beyond; 0: no limit */
        uint64_t max_event; /* bytes of a record */
        enum config_on_large_event on_large_event;
    } journal;
    struct {
        struct config_name *listen;
        size_t listen_count;
        unsigned threads; /* resolved: at least 1 */
        unsigned heartbeat_ms;
        unsigned request_timeout_ms;
        unsigned stall_timeout_ms;
        unsigned drain_ms; /* 0: all at once */
        unsigned max_connections;
        unsigned max_connections_per_client;   /* 0: no limit */
        unsigned max_connections_per_consumer; /* 0: no limit */
        unsigned max_topics, max_filters;      /* of a request */
        unsigned max_head;                     /* bytes of the head of a request */
        unsigned publish_rate;                 /* requests a second; 0: no limit */
        bool proxy_protocol;
        struct config_names cors_origins; /* "https://app.example", or one "*" */
    } http;
    struct {
        enum config_auth mode;
        bool allow_public;
        struct {
            enum config_jwt_algorithm algorithm;
            char *secret;    /* of an HS algorithm in mode jwt, else NULL */
            char *jwks_file; /* of the others in mode jwt, else NULL */
            char *audience;  /* NULL: not checked */
            char *issuer;    /* NULL: not checked */
            bool query_token;
        } jwt;
        struct network *trusted; /* who may set X-Consumer-Id, in mode gateway; else NULL */
        size_t trusted_count;
    } auth;
    struct {
        char *listen; /* NULL: there is no admin listener */
    } admin;
    struct config_operator *operators;
    size_t operator_count;
    struct config_names numbers_as_strings; /* of int2, int4, int8, float4, float8, numeric */
    struct {
        uint32_t min_restart_ms, max_restart_ms;
        double multiplicator;
        uint32_t max_retries;
    } retry;
    struct {
        enum log_level level;
        enum log_format format;
    } log;
};

/* Reads FILE. Relative paths in it (query_file, journal.path) are relative to the working
 * directory. 0; -ENOENT, -EINVAL or others with "FILE:LINE: key: cause; mend" in ERR. */
int config_load(struct config *ret_config, const char *file, struct error *err);
void config_release(struct config *config); /* safe on a zeroed one */

bool config_names_have(const struct config_names *names, const char *name);

/* "HS256", as in a token's head. */
const char *config_jwt_algorithm_name(enum config_jwt_algorithm algorithm);
/* Whether it is one of those with a secret. */
bool config_jwt_has_secret(enum config_jwt_algorithm algorithm);

/* "wal2json", as in CREATE_REPLICATION_SLOT; NULL for auto. */
const char *config_plugin_name(enum config_plugin plugin);

/* Is the table one of tables:, or the events table? */
bool config_marks(const struct config *config, const char *schema, const char *table);

#endif
