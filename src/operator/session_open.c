/* operator/session_open.c - the first steps of a session: connections, settings, state tables. The
 * catalog checks of prepare.c follow. */
#include "operator/catalog_check.h"
#include "operator/prepare.h"
#include "operator/state_sql.h"
#include "operator/statements.h"
#include "pg/result.h"
#include "pg/state_text.h"
#include <errno.h>
#include <stdlib.h>

/* --- 2. the state tables --------------------------------------------------------------------- */

/* That of sql/state.sql. It is held from before the version is looked at: a script that runs again
 * where all is there already would only be in the way of those that work. */
#define INSTALLER_LOCK "(8603095177213112)"

static void installed(struct session *s)
{
    (void)pg_conn_send(s->conn,
                       &(struct pg_statement){.sql = "SELECT pg_advisory_unlock" INSTALLER_LOCK});
    prepare_start(s);
}

static void on_installed(void *owner, const struct error *err)
{
    struct session *s = owner;
    char what[160];
    snprintf(what, sizeof(what),
             "its tables in schema %s cannot be created (GRANT CREATE ON DATABASE, or run "
             "sql/state.sql and sql/state_swap.sql as its owner)",
             s->lane.group->schema);
    if (err)
        session_fail_in(s, err, what);
    else
        installed(s);
}

static void install(struct session *s)
{
    struct buffer sql;
    buffer_init(&sql, STATEMENT_MAX);
    pg_state_text(&sql, s->lane.group->schema, state_sql());
    if (buffer_append_char(&sql, '\0') < 0)
        session_fail(s, &(struct error){.code = -ENOMEM, .text = "no memory for its tables"});
    else
        (void)pg_conn_script(s->conn, sql.data, on_installed);
    buffer_release(&sql);
}

static void on_version(void *owner, const PGresult *result)
{
    struct session *s = owner;
    s->state_installed = pg_has_rows(result) && !PQgetisnull(result, 0, 0) &&
                         strcmp(PQgetvalue(result, 0, 0), STATE_SQL_VERSION) == 0;
}

static void ask_for_version(struct session *s, const char *sql, pg_on_done on_done)
{
    (void)pg_conn_send(s->conn, &(struct pg_statement){.sql = sql,
                                                       .parameter_count = 1,
                                                       .values = &s->lane.group->schema,
                                                       .on_result = on_version});
    session_sync(s, on_done);
}

static void on_version_again(void *owner, const struct error *err)
{
    struct session *s = owner;
    if (err)
        session_fail(s, err);
    else if (s->state_installed)
        installed(s);
    else
        install(s);
}

#define VERSION_SQL "SELECT obj_description(to_regnamespace(quote_ident($1)), 'pg_namespace')"

/* In a transaction of its own: that which waited does not know of the new schema. */
static void on_locked(void *owner, const struct error *err)
{
    struct session *s = owner;
    if (err)
        session_fail(s, err);
    else
        ask_for_version(s, VERSION_SQL, on_version_again);
}

/* --- 1. settings, and which version of the state tables is there ----------------------------- */

/* Each statement behind the fence must see what was committed before it. The process: libpq knows
 * only what a pooler in between has made up. */
static const char settings_sql[] =
    "SELECT pg_backend_pid(), " STATEMENT_SETTINGS
    ", set_config('default_transaction_isolation', 'read committed', false)";

static int pid_of(const PGresult *result)
{
    return pg_has_rows(result) ? (int)strtol(PQgetvalue(result, 0, 0), NULL, 10) : 0;
}

static void on_pid(void *owner, const PGresult *result)
{
    struct session *s = owner;
    s->pid = pid_of(result);
}

/* Circles of operators are told by the tables that they name, which must be of one database. */
static void on_place(void *owner, const PGresult *result)
{
    struct session *s = owner;
    if (pg_has_rows(result) && strcmp(PQgetvalue(result, 0, 0), s->place) == 0)
        error_set(&s->refusal, -EINVAL,
                  "database: is that of the sources, where circles of operators would not be "
                  "found; leave database out");
}

static void on_settings_done(void *owner, const struct error *err)
{
    struct session *s = owner;
    if (!session_passed(s, err))
        return;
    if (s->state_installed) {
        prepare_start(s);
    } else {
        (void)pg_conn_send(s->conn,
                           &(struct pg_statement){.sql = "SELECT pg_advisory_lock" INSTALLER_LOCK});
        session_sync(s, on_locked);
    }
}

static void set_up(struct session *s)
{
    (void)pg_conn_send(s->conn, &(struct pg_statement){.sql = settings_sql, .on_result = on_pid});
    if (s->apart)
        (void)pg_conn_send(s->conn,
                           &(struct pg_statement){.sql = catalog_place_sql, .on_result = on_place});
    ask_for_version(s, VERSION_SQL, on_settings_done);
}

static void on_closed(void *owner, const struct error *why)
{
    struct session *s = owner;
    if (s->lane.group->target)
        session_fail_in(s, why, "its database");
    else
        session_fail(s, why);
}

/* --- 0. the connection to the sources, where they are in another database -------------------- */

static void on_apart_done(void *owner, const struct error *err)
{
    struct session *s = owner;
    if (!err && s->refusal.code)
        err = &s->refusal;
    if (err)
        session_fail_in(s, err, "the database of its sources");
    else
        set_up(s);
}

static void on_apart_pid(void *owner, const PGresult *result)
{
    struct session *s = owner;
    s->apart_pid = pid_of(result);
}

static void on_apart_place(void *owner, const PGresult *result)
{
    struct session *s = owner;
    if (pg_has_rows(result))
        snprintf(s->place, sizeof(s->place), "%s", PQgetvalue(result, 0, 0));
}

/* A standby may see a commit that its primary shows to nobody yet. */
static void on_standby(void *owner, const PGresult *result)
{
    struct session *s = owner;
    if (pg_has_rows(result) && pg_true(result, 0, 0))
        error_set(&s->refusal, -ECONNRESET, "a standby; let database lead to the primary");
}

static void on_apart_connected(void *owner)
{
    struct session *s = owner;
    (void)pg_conn_send(s->apart,
                       &(struct pg_statement){.sql = settings_sql, .on_result = on_apart_pid});
    (void)pg_conn_send(
        s->apart, &(struct pg_statement){.sql = catalog_place_sql, .on_result = on_apart_place});
    (void)pg_conn_send(s->apart, &(struct pg_statement){.sql = "SELECT pg_is_in_recovery()",
                                                        .on_result = on_standby});
    session_sync_sources(s, on_apart_done);
}

static void on_apart_closed(void *owner, const struct error *why)
{
    session_fail_in(owner, why, "the database of its sources");
}

static void on_connected(void *owner)
{
    static const struct pg_conn_events events = {.on_ready = on_apart_connected,
                                                 .on_closed = on_apart_closed};
    struct session *s = owner;
    struct error err = {0};
    if (!s->lane.group->target)
        set_up(s);
    else if (pg_conn_start(&s->apart, s->loop, s->params, &events, s, &err) < 0)
        session_fail(s, &err);
}

static void on_notify(void *owner, const char *channel, const char *payload)
{
    struct session *s = owner;
    if (strcmp(payload, s->op->name) == 0)
        s->events->on_command(s);
}

int session_open(struct session *s, struct error *err)
{
    static const struct pg_conn_events events = {
        .on_ready = on_connected, .on_closed = on_closed, .on_notify = on_notify};
    const struct pg_params *target = s->lane.group->target;
    error_clear(&s->refusal);
    s->pid = s->apart_pid = 0;
    return pg_conn_start(&s->conn, s->loop, target ? target : s->params, &events, s, err);
}
