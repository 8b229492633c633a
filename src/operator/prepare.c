#include "operator/prepare.h"
#include "operator/catalog_check.h"
#include "operator/select.h"
#include "operator/statements.h"
#include <errno.h>
#include <stdlib.h>

/* --- the operator's query ----------------------------------------------------------------- */

static const char *query_key(const struct session *s)
{
    static const char *const keys[] = {[CONFIG_QUERY] = "query",
                                       [CONFIG_BATCH] = "query",
                                       [CONFIG_SELECT] = "select",
                                       [CONFIG_CALL] = "call"};
    return keys[s->op->form];
}

static void on_query_described(void *owner, const PGresult *result)
{
    struct session *s = owner;
    size_t wanted = s->op->target_id.count;
    if (PQresultStatus(result) != PGRES_COMMAND_OK || (size_t)PQnparams(result) == wanted)
        return;
    error_set(&s->refusal, -EINVAL,
              "%s: has %d parameters; it must have %zu, one for each column of target_id",
              query_key(s), PQnparams(result), wanted);
}

static void on_query_prepared(void *owner, const struct error *err)
{
    struct session *s = owner;
    if (s->refusal.code)
        session_fail(s, &s->refusal);
    else if (err)
        session_fail_in(s, err, query_key(s));
    else
        session_prepare_own(s);
}

/* The types of one id's columns are left to the server, which sees what they are compared with. */
static void prepare_query(struct session *s, const char *sql)
{
    int typed = s->op->form == CONFIG_QUERY ? 0 : (int)s->id_types.count;
    (void)pg_conn_prepare_typed(s->conn, STATEMENT_QUERY, sql, typed, s->id_types.array_oids);
    (void)pg_conn_describe(s->conn, STATEMENT_QUERY, on_query_described);
    session_sync(s, on_query_prepared);
}

/* --- of the form select: as it is, then in a MERGE -------------------------------------------- */

static void on_select_described(void *owner, const PGresult *result)
{
    struct session *s = owner;
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        select_read(&s->select, s->op, result, &s->refusal);
}

static void on_target_columns(void *owner, const PGresult *result)
{
    struct session *s = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && !s->refusal.code)
        select_check(&s->select, s->op, result, &s->refusal);
}

static void on_select_done(void *owner, const struct error *err)
{
    struct session *s = owner;
    struct buffer sql;
    if (err || s->refusal.code) {
        on_query_prepared(s, err);
        return;
    }
    buffer_init(&sql, SELECT_MERGE_MAX);
    select_merge(&sql, &s->select, s->op, &s->id_types);
    if (buffer_append_char(&sql, '\0') < 0) {
        error_set(&s->refusal, -ENOMEM, "select: no memory for its MERGE");
        session_fail(s, &s->refusal);
    } else {
        prepare_query(s, sql.data);
    }
    buffer_release(&sql);
}

static void prepare_select(struct session *s)
{
    const char *values[] = {s->op->target_schema, s->op->target_table};
    select_release(&s->select);
    (void)pg_conn_prepare_typed(s->conn, "", s->op->query, (int)s->id_types.count,
                                s->id_types.oids);
    (void)pg_conn_describe(s->conn, "", on_select_described);
    (void)pg_conn_send(s->conn, &(struct pg_statement){.sql = select_target_sql,
                                                       .parameter_count = 2,
                                                       .values = values,
                                                       .on_result = on_target_columns});
    session_sync(s, on_select_done);
}

/* --- of the form call ------------------------------------------------------------------------ */

static void on_function(void *owner, const PGresult *result)
{
    struct session *s = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        catalog_check_function(s->op, result, &s->refusal);
}

static void prepare_call(struct session *s)
{
    const char *values[] = {s->op->call_schema, s->op->call_function};
    struct buffer sql;
    buffer_init(&sql, STATEMENT_MAX);
    statement_call(&sql, s->op);
    if (buffer_append_char(&sql, '\0') < 0) {
        error_set(&s->refusal, -ENOMEM, "call: no memory for its statement");
    } else {
        (void)pg_conn_send(s->conn, &(struct pg_statement){.sql = catalog_function_sql,
                                                           .parameter_count = 2,
                                                           .values = values,
                                                           .on_result = on_function});
        (void)pg_conn_prepare(s->conn, STATEMENT_QUERY, sql.data);
    }
    buffer_release(&sql);
    session_sync(s, on_query_prepared);
}

/* --- keys --------------------------------------------------------------------------------------
 */

static void prepare_form(struct session *s)
{
    if (s->op->form == CONFIG_SELECT)
        prepare_select(s);
    else if (s->op->form == CONFIG_CALL)
        prepare_call(s);
    else
        prepare_query(s, s->op->query);
}

static void on_keys_described(void *owner, const PGresult *result)
{
    struct session *s = owner;
    if (PQresultStatus(result) == PGRES_COMMAND_OK && !s->refusal.code)
        catalog_check_keys(s->op, result, &s->refusal);
}

static void on_keys_prepared(void *owner, const struct error *err)
{
    struct session *s = owner;
    if (s->refusal.code)
        session_fail(s, &s->refusal);
    else if (err)
        session_fail_in(s, err, "keys");
    else
        prepare_form(s);
}

/* As it is, for what it gives, and then for a page of ids of many values. */
static void prepare_source(struct session *s, size_t index)
{
    const struct config_operator_source *source = &s->op->sources[index];
    const struct id_types *type = &s->key_types[index];
    char name[STATEMENT_NAME_MAX];
    struct buffer sql;
    buffer_init(&sql, SELECT_MERGE_MAX);
    statement_keys(&sql, source, type, &s->id_types);
    if (buffer_append_char(&sql, '\0') < 0) {
        error_set(&s->refusal, -ENOMEM, "keys: no memory for its statement");
    } else {
        struct pg_conn *conn = session_sources(s);
        (void)pg_conn_prepare_typed(conn, "", source->keys, 1, type->oids);
        (void)pg_conn_describe(conn, "", on_keys_described);
        (void)pg_conn_prepare(conn, statement_keys_name(name, index), sql.data);
    }
    buffer_release(&sql);
}

/* All that the sources' database is asked later. */
static void prepare_sources(struct session *s)
{
    for (const struct statement_text *t = statement_source_texts; t->name; t++)
        (void)pg_conn_prepare(session_sources(s), t->name, t->sql);
    for (size_t i = 0; i < s->op->source_count; i++)
        if (s->op->sources[i].keys)
            prepare_source(s, i);
    session_sync_sources(s, on_keys_prepared);
}

/* --- the catalog -------------------------------------------------------------------------- */

static void on_source(void *owner, const PGresult *result)
{
    struct session *s = owner;
    size_t index = s->checked++;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || s->refusal.code)
        return;
    const struct config_operator_source *source = &s->op->sources[index];
    if (catalog_check_source(s->op, index, result, &s->refusal) < 0 ||
        (source->keys && catalog_check_key(source, result, &s->key_types[index], &s->refusal) < 0))
        return;
    buffer_printf(&s->sources, "%s%s", index == 0 ? "" : ",", PQgetvalue(result, 0, 0));
}

static void on_sources_done(void *owner, const struct error *err)
{
    struct session *s = owner;
    if (!err && !s->refusal.code) {
        buffer_append_char(&s->sources, '}');
        buffer_append_char(&s->sources, '\0');
        if (s->sources.failed)
            error_set(&s->refusal, -EINVAL, "listens to too many tables");
    }
    if (session_passed(s, err))
        prepare_sources(s);
}

/* TABLE is its schema and its name. */
static void ask_for_relation(struct session *s, struct pg_conn *conn, const char *const table[2],
                             const struct config_names *columns, pg_on_result on_result)
{
    struct buffer names;
    buffer_init(&names, CATALOG_NAMES_MAX);
    if (catalog_check_names(&names, columns) < 0) {
        error_set(&s->refusal, -ENOMEM, "no memory for its catalog checks");
    } else {
        const char *values[] = {table[0], table[1], names.data};
        (void)pg_conn_send(conn, &(struct pg_statement){.sql = catalog_check_sql,
                                                        .parameter_count = 3,
                                                        .values = values,
                                                        .on_result = on_result});
    }
    buffer_release(&names);
}

static void ask_for_sources(struct session *s)
{
    const struct config_operator *op = s->op;
    buffer_reset(&s->sources);
    buffer_append_char(&s->sources, '{');
    for (size_t i = 0; i < op->source_count; i++) {
        const char *const table[] = {op->sources[i].schema, op->sources[i].table};
        ask_for_relation(s, session_sources(s), table, &op->sources[i].columns, on_source);
    }
    session_sync_sources(s, on_sources_done);
}

static void on_target(void *owner, const PGresult *result)
{
    struct session *s = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && !s->refusal.code)
        catalog_check_target(s->op, result, &s->id_types, &s->refusal);
}

static void on_target_done(void *owner, const struct error *err)
{
    struct session *s = owner;
    if (session_passed(s, err))
        ask_for_sources(s);
}

void prepare_start(struct session *s)
{
    const struct config_operator *op = s->op;
    s->checked = 0;
    free(s->key_types);
    s->key_types = calloc(op->source_count, sizeof(*s->key_types));
    if (!s->key_types) {
        session_fail(s, &(struct error){.code = -ENOMEM, .text = "no memory for its sources"});
        return;
    }
    if (op->form == CONFIG_CALL) {
        ask_for_sources(s);
        return;
    }
    const char *const target[] = {op->target_schema, op->target_table};
    ask_for_relation(s, s->conn, target, &op->target_id, on_target);
    session_sync(s, on_target_done);
}
