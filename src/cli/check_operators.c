/* The operators: what they would be refused for, and what would fail later. */
#include "cli/check_parts.h"
#include "cli/operator_statements.h"
#include "loop/child.h"
#include "operator/catalog_check.h"
#include "operator/definition.h"
#include "operator/select.h"
#include "operator/state_sql.h"
#include "pg/failure.h"

#define STATEMENT "walpiper_check"

/* --- state tables ---------------------------------------------------------------------------- */

static bool check_state(struct check *c, const char *object)
{
    static const char sql[] =
        "SELECT n.oid IS NOT NULL, obj_description(n.oid, 'pg_namespace') = $1,"
        " pg_has_role(n.nspowner, 'USAGE'), has_schema_privilege(n.oid, 'USAGE')"
        " FROM (SELECT) one LEFT JOIN pg_namespace n ON n.nspname = $2";
    const char *schema = c->config->state_schema;
    const char *values[] = {STATE_SQL_VERSION, schema};
    char mend[CHECK_MEND_MAX];

    if (!check_ask(c, object, sql, 2, values))
        return false;
    bool exists = server_true(&c->server, 0, 0), current = server_true(&c->server, 0, 1);
    bool may = exists ? server_true(&c->server, 0, 2) : c->may_create;
    bool usable = server_true(&c->server, 0, 3);
    snprintf(mend, sizeof(mend), "GRANT %s ON %s %s TO %s", exists ? "USAGE" : "CREATE",
             exists ? "SCHEMA" : "DATABASE", exists ? schema : c->database_sql.text, c->role.text);
    if (current && usable)
        finding(c->findings, FINDING_OK, object, NULL, "has the tables of operators");
    else if (current)
        finding(c->findings, FINDING_ERROR, object, mend, "the role may not use it");
    else if (may)
        finding(c->findings, FINDING_OK, object, NULL, "the service makes its tables");
    else
        finding(c->findings, FINDING_ERROR, object,
                exists ? "psql -1 -f sql/state.sql -f sql/state_swap.sql, as the schema's owner"
                       : mend,
                "%s",
                exists ? "lacks tables of this version, and the role does not own it"
                       : "does not exist, and the role may not make it");
    return true;
}

/* --- target and sources ---------------------------------------------------------------------- */

/* "a, b" for SQL; cut when it is longer than any mend may be. */
static struct str columns_sql(const struct config_names *columns, char text[CHECK_MEND_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < columns->count && len < CHECK_MEND_MAX; i++)
        len += (size_t)snprintf(text + len, CHECK_MEND_MAX - len, "%s%s", i == 0 ? "" : ", ",
                                sql_name(columns->items[i].text).text);
    return (struct str){text, len < CHECK_MEND_MAX ? len : CHECK_MEND_MAX - 1};
}

/* A question about columns of a table, with the parameters of catalog_check_sql. */
static bool ask_of_columns(struct check *c, const char *object, const char *sql,
                           const char *const table[2], const struct config_names *columns)
{
    struct buffer names;
    buffer_init(&names, CATALOG_NAMES_MAX);
    bool asked = catalog_check_names(&names, columns) == 0 &&
                 check_ask(c, object, sql, 3, (const char *[]){table[0], table[1], names.data});
    buffer_release(&names);
    return asked;
}

static const char target_sql[] =
    "SELECT concat_ws(', ', CASE WHEN NOT has_table_privilege(c.oid, 'SELECT')"
    "  THEN 'SELECT' END, CASE WHEN NOT has_table_privilege(c.oid, 'INSERT') THEN 'INSERT' END,"
    "  CASE WHEN NOT has_table_privilege(c.oid, 'UPDATE') THEN 'UPDATE' END,"
    "  CASE WHEN NOT has_table_privilege(c.oid, 'DELETE') THEN 'DELETE' END),"
    " EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique"
    "  AND i.indisvalid AND i.indpred IS NULL AND NOT EXISTS ("
    "   SELECT FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS k (attnum)"
    "   WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
    "    AND a.attnum = k.attnum AND a.attname = ANY ($3::text[]))))"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')";

/* The rule of the running service, then what would fail or be slow later. */
static bool check_target(struct check *c, const char *object, const struct config_operator *op,
                         struct id_types *ret_types)
{
    const char *const names[] = {op->target_schema, op->target_table};
    struct sql_name table = sql_table(op->target_schema, op->target_table);
    char mend[CHECK_MEND_MAX], columns[CHECK_MEND_MAX];
    struct str id = columns_sql(&op->target_id, columns);
    struct error err = {0};

    if (!ask_of_columns(c, object, catalog_check_sql, names, &op->target_id))
        return false;
    if (catalog_check_target(op, c->server.result, ret_types, &err) < 0) {
        finding_of_error(c->findings, FINDING_ERROR, object, NULL, &err);
        return true;
    }
    if (!ask_of_columns(c, object, target_sql, names, &op->target_id))
        return false;
    if (server_rows(&c->server) == 0)
        return true;
    const char *lacks = server_cell(&c->server, 0, 0);
    if (*lacks) {
        snprintf(mend, sizeof(mend), "GRANT %s ON %s TO %s", lacks, table.text, c->role.text);
        finding(c->findings, FINDING_ERROR, object, mend, "the role lacks %s on %s.%s", lacks,
                op->target_schema, op->target_table);
    }
    if (!server_true(&c->server, 0, 1)) {
        snprintf(mend, sizeof(mend), "ALTER TABLE %s ADD UNIQUE (%.*s)", table.text, STR_ARG(id));
        finding(c->findings, FINDING_WARNING, object, mend,
                "target_id: %.*s of %s.%s is not unique, an id may have several rows and each look "
                "for it scans the table",
                STR_ARG(id), op->target_schema, op->target_table);
    }
    return true;
}

static void check_rights_on_source(struct check *c, const char *object,
                                   const struct config_operator_source *source)
{
    char mend[CHECK_MEND_MAX];

    if (!server_true(&c->server, 0, 0)) {
        snprintf(mend, sizeof(mend), "GRANT USAGE ON SCHEMA %s TO %s",
                 sql_name(source->schema).text, c->role.text);
        finding(c->findings, FINDING_ERROR, object, mend, "the role may not use schema %s",
                source->schema);
    }
    if (!server_true(&c->server, 0, 1)) {
        snprintf(mend, sizeof(mend), "GRANT SELECT ON %s TO %s",
                 sql_table(source->schema, source->table).text, c->role.text);
        finding(c->findings, FINDING_ERROR, object, mend,
                "the role may not read the ids of %s.%s, to compute all rows anew", source->schema,
                source->table);
    }
}

/* What the service prepares of a source with keys, from the catalog's row of its column. */
static int prepare_keys(struct check *c, const struct config_operator *op, size_t index,
                        const struct id_types *types, struct error *err)
{
    const struct config_operator_source *source = &op->sources[index];
    struct server *s = &c->server;
    struct id_types key = {0};
    struct buffer sql;

    int rc = catalog_check_key(source, s->result, &key, err);
    if (rc < 0)
        return rc;
    buffer_init(&sql, SELECT_MERGE_MAX);
    statement_keys(&sql, source, &key, types);
    rc = buffer_append_char(&sql, '\0');
    if (rc == 0)
        rc = server_take(s, PQprepare(s->pg, "", source->keys, 1, key.oids), err);
    if (rc == 0)
        rc = server_take(s, PQdescribePrepared(s->pg, ""), err);
    if (rc == 0)
        rc = catalog_check_keys(op, s->result, err);
    if (rc == 0)
        rc = server_take(s, PQprepare(s->pg, "", sql.data, 0, NULL), err);
    buffer_release(&sql);
    return err->sqlstate[0] ? error_prefix(err, "keys") : rc;
}

/* A rebuild reads the ids from the sources, whatever the query reads. */
static bool check_source(struct check *c, const char *object, const struct config_operator *op,
                         size_t index, const struct id_types *types)
{
    static const char sql[] = "SELECT has_schema_privilege(n.oid, 'USAGE'),"
                              " bool_and(has_column_privilege(c.oid, a.attnum, 'SELECT'))"
                              " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                              " JOIN pg_attribute a ON a.attrelid = c.oid"
                              " WHERE n.nspname = $1 AND c.relname = $2"
                              " AND a.attname = ANY ($3::text[]) GROUP BY n.oid";
    const struct config_operator_source *source = &op->sources[index];
    const char *const table[] = {source->schema, source->table};
    struct error err = {0};

    if (!ask_of_columns(c, object, catalog_check_sql, table, &source->columns))
        return false;
    int rc = catalog_check_source(op, index, c->server.result, &err);
    if (rc == 0 && source->keys && types->count > 0)
        rc = prepare_keys(c, op, index, types, &err);
    if (rc < 0)
        finding_of_error(c->findings, FINDING_ERROR, object,
                         err.sqlstate[0] ? "correct keys" : NULL, &err);
    if (source->keys)
        return PQstatus(c->server.pg) == CONNECTION_OK; /* its rows are read by keys alone */
    if (!ask_of_columns(c, object, sql, table, &source->columns))
        return false;
    if (server_rows(&c->server) > 0)
        check_rights_on_source(c, object, source);
    return true;
}

/* --- the query ------------------------------------------------------------------------------- */

/* EXPLAIN asks for the rights and runs nothing. */
static bool check_rights(struct check *c, const char *object, int parameters)
{
    static const char nulls[] = "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL";
    char sql[sizeof("EXPLAIN EXECUTE " STATEMENT "()") + sizeof(nulls)];
    int len = parameters * (int)strlen("NULL, ") - (int)strlen(", ");
    struct error err = {0};

    snprintf(sql, sizeof(sql), "EXPLAIN EXECUTE " STATEMENT "(%.*s)", len, nulls);
    if (server_query(&c->server, sql, 0, NULL, &err) == 0)
        return true;
    if (strcmp(err.sqlstate, "42501") != 0)
        return PQstatus(c->server.pg) == CONNECTION_OK;
    error_prefix(&err, "query");
    char mend[CHECK_MEND_MAX];
    snprintf(mend, sizeof(mend), "GRANT the right to %s", c->role.text);
    finding_of_error(c->findings, FINDING_ERROR, object, mend, &err);
    return true;
}

static bool check_query(struct check *c, const char *object, const struct config_operator *op,
                        const struct id_types *types)
{
    struct server *s = &c->server;
    struct error err = {0};

    if (operator_prepare(s, op, types, STATEMENT, &err) < 0) {
        const char *mend =
            op->form == CONFIG_SELECT ? "correct select" : "correct query or query_file";
        finding_of_error(c->findings, FINDING_ERROR, object, err.sqlstate[0] ? mend : NULL, &err);
        return PQstatus(s->pg) == CONNECTION_OK;
    }
    int parameters = PQnparams(s->result);
    bool going = true;
    if ((size_t)parameters != op->target_id.count)
        finding(c->findings, FINDING_ERROR, object, "give it one for each column of target_id",
                "query: has %d parameters", parameters);
    else
        going = check_rights(c, object, parameters);
    return going && check_ask(c, object, "DEALLOCATE " STATEMENT, 0, NULL);
}

/* The rules of the running service; whether it may be executed is only known of the name. */
static bool check_call(struct check *c, const char *object, const struct config_operator *op)
{
    struct server *s = &c->server;
    struct error err = {0};
    struct buffer sql;

    if (!check_ask(c, object, catalog_function_sql, 2,
                   (const char *[]){op->call_schema, op->call_function}))
        return false;
    int rc = catalog_check_function(op, s->result, &err);
    buffer_init(&sql, STATEMENT_MAX);
    statement_call(&sql, op);
    if (rc == 0 && buffer_append_char(&sql, '\0') == 0 &&
        server_take(s, PQprepare(s->pg, "", sql.data, 0, NULL), &err) < 0)
        rc = error_prefix(&err, "call");
    buffer_release(&sql);
    if (rc < 0)
        finding_of_error(c->findings, FINDING_ERROR, object,
                         err.sqlstate[0] ? "correct call" : NULL, &err);
    return PQstatus(s->pg) == CONNECTION_OK;
}

/* A URL that is malformed is refused with the configuration. */
static void check_notify(struct check *c, const char *object, const struct config_operator *op)
{
    struct error err = {0};

    if (op->notify.command && child_check(op->notify.command[0], &err) < 0) {
        error_prefix(&err, "on_error_notify");
        finding_of_error(c->findings, FINDING_ERROR, object, NULL, &err);
    }
}

/* AT is where its target is: C, or where it is asked in another database. */
static bool check_parts_of(struct check *c, struct check *at, const char *object,
                           const struct config_operator *op)
{
    unsigned errors = c->findings->errors;
    struct id_types types = {0};

    if (op->form == CONFIG_CALL && !check_call(at, object, op))
        return false;
    if (op->form != CONFIG_CALL && !check_target(at, object, op, &types))
        return false;
    for (size_t i = 0; i < op->source_count; i++)
        if (!check_source(c, object, op, i, &types))
            return false;
    /* Without the target's types most of it would be nonsense. */
    if (types.count > 0 && !check_query(at, object, op, &types))
        return false;
    check_notify(c, object, op);
    if (c->findings->errors == errors)
        finding(c->findings, FINDING_OK, object, NULL, "can run");
    return true;
}

/* What is wrong with its database is no reason not to look at the other operators. */
static void check_elsewhere(struct check *c, const char *object, const struct config_operator *op)
{
    char schema[CHECK_OBJECT_MAX];
    struct check there;

    if (check_target_database(c, op, object, &there)) {
        snprintf(schema, sizeof(schema), "schema %s in %s", c->config->state_schema,
                 there.database);
        (void)(check_state(&there, schema) && check_parts_of(c, &there, object, op));
    }
    server_close(&there.server);
}

static bool check_operator(struct check *c, const struct config_operator *op)
{
    char object[CHECK_OBJECT_MAX];

    snprintf(object, sizeof(object), "operator %s", op->name);
    if (!op->database)
        return check_parts_of(c, c, object, op);
    check_elsewhere(c, object, op);
    return PQstatus(c->server.pg) == CONNECTION_OK;
}

static bool check_state_of_sources(struct check *c)
{
    char object[CHECK_OBJECT_MAX];

    snprintf(object, sizeof(object), "schema %s", c->config->state_schema);
    for (size_t i = 0; i < c->config->operator_count; i++)
        if (!c->config->operators[i].database)
            return check_state(c, object);
    return true;
}

bool check_operators(struct check *c)
{
    const struct config *config = c->config;
    struct error err = {0};

    if (config->operator_count == 0)
        return true;
    if (definition_check(config->operators, config->operator_count, &err) < 0) {
        finding_of_error(c->findings, FINDING_ERROR, "operators", NULL, &err);
        return true;
    }
    if (!check_state_of_sources(c))
        return false;
    for (size_t i = 0; i < config->operator_count; i++)
        if (!check_operator(c, &config->operators[i]))
            return false;
    return true;
}
