#include "source/setup.h"
#include "base/log.h"
#include "base/lsn.h"
#include "pg/identifier.h"
#include "source/catalog.h"
#include "source/columns.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SQL_MAX (16 * 1024 * 1024)
#define OLDEST_SERVER 150000 /* MERGE, row filters in the catalog */

/* One question to the server: send() asks, the next step follows when it was answered. */
struct setup_step {
    void (*send)(struct setup *setup);
    bool types_only; /* part of the short setup that only reads types */
};

static void step_done(void *owner, const struct error *err);

/* --- ending ---------------------------------------------------------------------------------- */

static void setup_end(struct setup *s, const struct error *err)
{
    pg_conn_close(s->conn);
    s->conn = NULL;
    buffer_release(&s->missing);
    s->on_done(s->owner, err);
}

/* Remembers the first refusal; the setup ends when the step's answers are all read. */
static void refuse(struct setup *s, const struct error *err)
{
    if (s->failure.code == 0)
        s->failure = *err;
}

#define REFUSE(setup, code, ...)                                                                   \
    do {                                                                                           \
        struct error refusal = {0};                                                                \
        error_set(&refusal, code, __VA_ARGS__);                                                    \
        refuse(setup, &refusal);                                                                   \
    } while (0)

static void query(struct setup *s, const char *sql, const char *const *values, int count,
                  pg_on_result on_result)
{
    pg_conn_send(s->conn, &(struct pg_statement){.sql = sql,
                                                 .values = values,
                                                 .parameter_count = count,
                                                 .on_result = on_result});
    pg_conn_sync(s->conn, step_done);
}

static bool has_rows(const PGresult *result)
{
    return PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0;
}

static const char *cell(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column);
}

static struct str cell_str(const PGresult *result, int row, int column)
{
    return (struct str){PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)};
}

static void copy_cell(char *out, size_t size, const PGresult *result, int column)
{
    snprintf(out, size, "%s", cell(result, 0, column));
}

/* The first table of RESULT, or an empty text. */
static void copy_table(char *out, size_t size, const PGresult *result)
{
    out[0] = '\0';
    if (has_rows(result))
        snprintf(out, size, "%s.%s", cell(result, 0, 0), cell(result, 0, 1));
}

/* --- server ---------------------------------------------------------------------------------- */

static void on_server(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (!has_rows(result))
        return;
    copy_cell(s->facts->database, sizeof(s->facts->database), result, 2);
    if (strtol(cell(result, 0, 0), NULL, 10) < OLDEST_SERVER)
        REFUSE(s, -EINVAL, "server version %s: PostgreSQL 15 or later is needed",
               cell(result, 0, 4));
    else if (strcmp(cell(result, 0, 1), "logical") != 0)
        REFUSE(s, -EINVAL,
               "wal_level is %s, logical decoding needs logical: run ALTER SYSTEM SET wal_level = "
               "logical and restart the server",
               cell(result, 0, 1));
    else if (strcmp(cell(result, 0, 3), "UTF8") != 0)
        REFUSE(s, -EINVAL, "database %s is encoded as %s: walpiper streams JSON and needs UTF8",
               s->facts->database, cell(result, 0, 3));
}

static void send_server(struct setup *s)
{
    query(s,
          "SELECT current_setting('server_version_num'), current_setting('wal_level'),"
          " current_database(), current_setting('server_encoding'),"
          " current_setting('server_version')",
          NULL, 0, on_server);
}

/* --- tables ---------------------------------------------------------------------------------- */

/* Appends {"a","b"}: an array literal of the tables' schemas (or names), the events table first. */
static void table_array(struct buffer *out, const struct config *config, bool schemas)
{
    buffer_append_char(out, '{');
    if (config->events.enabled)
        catalog_array_element(out,
                              str_from(schemas ? config->events.schema : config->events.table));
    for (size_t i = 0; i < config->table_count; i++) {
        const struct config_table *t = &config->tables[i];
        catalog_array_element(out, str_from(schemas ? t->schema : t->table));
    }
    buffer_append_char(out, '}');
    buffer_append_char(out, '\0');
}

/* Runs SQL with the configured tables as two arrays, $1 schemas and $2 names, and PUBLICATION as $3
 * where the query has one. */
static void query_tables(struct setup *s, const char *sql, bool publication, pg_on_result on_result)
{
    struct buffer schemas, names;
    buffer_init(&schemas, SQL_MAX);
    buffer_init(&names, SQL_MAX);
    table_array(&schemas, s->config, true);
    table_array(&names, s->config, false);
    const char *values[] = {schemas.data, names.data, s->config->publication};
    if (schemas.failed || names.failed) {
        REFUSE(s, -ENOMEM, "no memory for the list of tables");
        pg_conn_sync(s->conn, step_done);
    } else {
        query(s, sql, values, publication ? 3 : 2, on_result);
    }
    buffer_release(&schemas);
    buffer_release(&names);
}

/* A table that is dropped or renamed while the service runs is no reason to capture no more of the
 * others. */
static void on_missing_tables(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (!has_rows(result))
        return;
    const char *schema = cell(result, 0, 0), *table = cell(result, 0, 1);
    const struct config *config = s->config;
    if (s->keep_publication)
        log_warn(
            "source",
            "tables: %s.%s is no longer in database %s: before the next start create it or take "
            "it out of the configuration",
            schema, table, s->facts->database);
    else if (config->events.enabled && strcmp(schema, config->events.schema) == 0 &&
             strcmp(table, config->events.table) == 0)
        REFUSE(s, -ENOENT,
               "events.table: %s.%s does not exist in database %s: create it with psql -f "
               "sql/schema.sql, or turn the feed off with events: {table: \"\"}",
               schema, table, s->facts->database);
    else
        REFUSE(s, -ENOENT,
               "tables: %s.%s does not exist in database %s, or is no table: create it or take it "
               "out of the configuration",
               schema, table, s->facts->database);
}

static void send_tables(struct setup *s)
{
    query_tables(s,
                 "SELECT u.s, u.t FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u(s, t, n)"
                 " WHERE NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace ns"
                 "  ON ns.oid = c.relnamespace WHERE ns.nspname = u.s AND c.relname = u.t"
                 "  AND c.relkind IN ('r', 'p')) ORDER BY u.n",
                 false, on_missing_tables);
}

/* --- publication ----------------------------------------------------------------------------- */

static void on_publication(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    s->publication_exists = has_rows(result);
    if (s->publication_exists)
        copy_cell(s->facts->actions, sizeof(s->facts->actions), result, 0);
    else
        snprintf(s->facts->actions, sizeof(s->facts->actions), "insert,update,delete,truncate");
}

static void send_publication(struct setup *s)
{
    const char *values[] = {s->config->publication};
    query(s,
          "SELECT concat_ws(',', CASE WHEN pubinsert THEN 'insert' END,"
          " CASE WHEN pubupdate THEN 'update' END, CASE WHEN pubdelete THEN 'delete' END,"
          " CASE WHEN pubtruncate THEN 'truncate' END) FROM pg_publication WHERE pubname = $1",
          values, 1, on_publication);
}

static void on_unpublished(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return;
    for (int row = 0; row < PQntuples(result); row++) {
        if (row > 0)
            buffer_append_str(&s->missing, STR(", "));
        pg_qualified(&s->missing, cell_str(result, row, 0), cell_str(result, row, 1));
    }
}

static void send_unpublished(struct setup *s)
{
    query_tables(s,
                 "SELECT u.s, u.t FROM unnest($1::text[], $2::text[]) AS u(s, t)"
                 " WHERE NOT EXISTS (SELECT FROM pg_publication p WHERE p.pubname = $3 AND"
                 "  (p.puballtables OR EXISTS (SELECT FROM pg_publication_rel r"
                 "   JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n"
                 "   ON n.oid = c.relnamespace WHERE r.prpubid = p.oid AND n.nspname = u.s"
                 "   AND c.relname = u.t) OR EXISTS (SELECT FROM pg_publication_namespace pn"
                 "   JOIN pg_namespace n ON n.oid = pn.pnnspid WHERE pn.pnpubid = p.oid"
                 "   AND n.nspname = u.s)))",
                 true, on_unpublished);
}

/* The publication must exist before the slot does: the slot decodes with the catalog of its past.
 */
static void send_publish(struct setup *s)
{
    if (s->publication_exists && (s->keep_publication || s->missing.len == 0)) {
        pg_conn_sync(s->conn, step_done);
        return;
    }
    struct buffer sql;
    buffer_init(&sql, SQL_MAX);
    buffer_append_str(&sql, s->publication_exists ? STR("ALTER PUBLICATION ")
                                                  : STR("CREATE PUBLICATION "));
    pg_identifier(&sql, str_from(s->config->publication));
    if (s->missing.len > 0) {
        buffer_append_str(&sql, s->publication_exists ? STR(" ADD TABLE ") : STR(" FOR TABLE "));
        buffer_append_str(&sql, buffer_str(&s->missing));
    }
    if (!s->publication_exists) /* a partitioned table has events under its own name */
        buffer_append_str(&sql, STR(" WITH (publish_via_partition_root = true)"));
    if (buffer_append_char(&sql, '\0') < 0) {
        REFUSE(s, -ENOMEM, "no memory for the list of tables");
        pg_conn_sync(s->conn, step_done);
    } else {
        log_info("source", "publication %s: %s", s->config->publication, sql.data);
        query(s, sql.data, NULL, 0, NULL);
    }
    buffer_release(&sql);
}

static void on_filtered(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    copy_table(s->facts->filtered, sizeof(s->facts->filtered), result);
}

static void send_filtered(struct setup *s)
{
    const char *values[] = {s->config->publication};
    query(s,
          "SELECT n.nspname, c.relname FROM pg_publication p JOIN pg_publication_rel r"
          " ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n"
          " ON n.oid = c.relnamespace WHERE p.pubname = $1"
          " AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL) ORDER BY 1, 2",
          values, 1, on_filtered);
}

/* --- columns that the configuration names ---------------------------------------------------- */

/* As for tables: what is done to them while the service runs does not stop it. */
static void on_columns(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    struct columns_problem problem;
    if (!has_rows(result))
        return;
    for (int row = 0; row < PQntuples(result); row++) {
        columns_problem_read(&problem, result, row, s->config->publication);
        if (problem.warning && s->columns_told)
            continue;
        if (s->keep_publication || problem.warning)
            log_warn("source", "tables: %s.%s: %s: %s", problem.schema, problem.table,
                     problem.cause, problem.mend);
        else
            REFUSE(s, -EINVAL, "tables: %s.%s: %s: %s", problem.schema, problem.table,
                   problem.cause, problem.mend);
    }
    s->columns_told = true;
}

static void send_columns(struct setup *s)
{
    struct buffer arrays[COLUMNS_ARRAYS] = {0};
    size_t count = 0;
    int rc = columns_arrays(arrays, s->config, &count);
    if (rc < 0)
        REFUSE(s, rc, "no memory for the list of columns");
    if (rc < 0 || count == 0) {
        pg_conn_sync(s->conn, step_done);
    } else {
        const char *values[] = {arrays[0].data, arrays[1].data, arrays[2].data,
                                arrays[3].data, arrays[4].data, s->config->publication};
        query(s, columns_sql, values, 6, on_columns);
    }
    for (size_t i = 0; i < COLUMNS_ARRAYS; i++)
        buffer_release(&arrays[i]);
}

/* --- slot ------------------------------------------------------------------------------------ */

static void on_slot(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    struct setup_facts *f = s->facts;
    f->slot_exists = has_rows(result);
    if (!f->slot_exists)
        return;
    copy_cell(f->slot_plugin, sizeof(f->slot_plugin), result, 0);
    copy_cell(f->slot_database, sizeof(f->slot_database), result, 1);
    f->slot_active = cell(result, 0, 2)[0] == 't';
    copy_cell(f->slot_holder, sizeof(f->slot_holder), result, 3);
    copy_cell(f->slot_status, sizeof(f->slot_status), result, 4);
    if (lsn_parse(cell_str(result, 0, 5), &f->slot_confirmed) < 0)
        f->slot_confirmed = 0;
}

static void send_slot(struct setup *s)
{
    const char *values[] = {s->config->slot.name};
    query(s,
          "SELECT coalesce(plugin, ''), coalesce(database, ''), active, active_pid,"
          " coalesce(wal_status, ''), coalesce(confirmed_flush_lsn, '0/0')"
          " FROM pg_replication_slots WHERE slot_name = $1",
          values, 1, on_slot);
}

/* --- catalog --------------------------------------------------------------------------------- */

static void on_types(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && catalog_read_types(s->cache, result) < 0)
        REFUSE(s, -ENOMEM, "no memory for the types of the database");
}

static void send_types(struct setup *s)
{
    query(s, catalog_types_sql, NULL, 0, on_types);
}

static void on_relations(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    struct error err = {0};
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return;
    relation_cache_begin_reading(s->cache);
    inexact_read(&s->facts->inexact, result);
    if (catalog_read_marked(result, &s->facts->marked) < 0)
        REFUSE(s, -ENOMEM, "no memory for the list of tables");
    else if (catalog_read_relations(s->cache, result, &s->facts->table_count, &err) < 0)
        refuse(s, &err);
    else if (s->facts->table_count == 0 && !s->facts->partitioned[0])
        REFUSE(s, -ENOENT,
               "publication %s has no tables: name some under tables, or run ALTER PUBLICATION",
               s->config->publication);
}

static void send_relations(struct setup *s)
{
    const char *values[] = {s->config->publication};
    query(s, catalog_relations_sql, values, 1, on_relations);
}

static void on_partitions(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && catalog_read_partitions(s->cache, result) < 0)
        REFUSE(s, -ENOMEM, "no memory for the partitions of the publication");
}

static void send_partitions(struct setup *s)
{
    const char *values[] = {s->config->publication};
    query(s, catalog_partitions_sql, values, 1, on_partitions);
}

static void on_partitioned(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    copy_table(s->facts->partitioned, sizeof(s->facts->partitioned), result);
}

static void send_partitioned(struct setup *s)
{
    const char *values[] = {s->config->publication};
    query(s, catalog_partitioned_sql, values, 1, on_partitioned);
}

static void on_list(struct setup *s, const PGresult *result, const char *option)
{
    s->facts->wal2json_option = option;
    if (catalog_read_list(result, &s->facts->wal2json_tables) < 0)
        REFUSE(s, -ENOMEM, "no memory for the list of tables");
}

static void on_unmarked(void *owner, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) <= CATALOG_UNMARKED_MAX)
        on_list(owner, result, "filter-tables");
}

static void send_unmarked(struct setup *s)
{
    const char *values[] = {s->config->publication};
    s->facts->wal2json_option = NULL;
    query(s, catalog_unmarked_sql, values, 1, on_unmarked);
}

static void on_marked(void *owner, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        on_list(owner, result, "add-tables");
}

static void send_marked(struct setup *s)
{
    const char *values[] = {s->config->publication};
    if (s->facts->wal2json_option)
        pg_conn_sync(s->conn, step_done);
    else
        query(s, catalog_marked_sql, values, 1, on_marked);
}

static void on_shape(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK &&
        catalog_read_shape(result, &s->facts->shape) < 0)
        REFUSE(s, -ENOMEM, "no memory for the shape of the publication");
}

/* Before all else is read of the tables: what changes while it is read is noticed by the watch. */
static void send_shape(struct setup *s)
{
    const char *values[] = {s->config->publication};
    query(s, catalog_shape_sql, values, 1, on_shape);
}

/* --- a question of the decoder --------------------------------------------------------------- */

static void on_relation(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    struct error err = {0};
    if (PQresultStatus(result) == PGRES_TUPLES_OK &&
        catalog_read_relation(s->cache, result, relation_cache_asked(s->cache), &err) < 0)
        refuse(s, &err);
}

static void send_relation(struct setup *s)
{
    struct relation_name asked = relation_cache_asked(s->cache);
    if (asked.table.len == 0) {
        pg_conn_sync(s->conn, step_done);
        return;
    }
    char *schema = strndup(asked.schema.data, asked.schema.len);
    char *table = strndup(asked.table.data, asked.table.len);
    const char *values[] = {s->config->publication, schema, table};
    if (schema && table) {
        query(s, catalog_relation_sql, values, 3, on_relation);
    } else {
        REFUSE(s, -ENOMEM, "no memory for the name of a table");
        pg_conn_sync(s->conn, step_done);
    }
    free(schema);
    free(table);
}

/* --- the order ------------------------------------------------------------------------------- */

static const struct setup_step steps[] = {
    {send_server, false},
    {send_tables, false},
    {send_publication, false},
    {send_unpublished, false},
    {send_publish, false},
    {send_columns, false},
    {send_filtered, false},
    {send_partitioned, false},
    {send_slot, false},
    {send_shape, false},
    {send_types, true},
    {send_relations, false},
    {send_partitions, false},
    {send_unmarked, false},
    {send_marked, false},
    {send_relation, true},
    {NULL, true},
};

static void run_step(struct setup *s)
{
    while (!s->facts && !s->step->types_only)
        s->step++;
    if (s->step->send)
        s->step->send(s);
    else
        setup_end(s, NULL);
}

static void step_done(void *owner, const struct error *err)
{
    struct setup *s = owner;
    struct error failure = s->failure.code ? s->failure : (struct error){0};
    if (!failure.code && err) {
        failure = *err;
        if (strncmp(err->sqlstate, "42501", 5) == 0) {
            failure.code = -EPERM;
            error_prefix(&failure, "publication %s", s->config->publication);
        }
    }
    if (failure.code) {
        setup_end(s, &failure);
        return;
    }
    s->step++;
    run_step(s);
}

static void on_ready(void *owner)
{
    run_step(owner);
}

static void on_closed(void *owner, const struct error *why)
{
    setup_end(owner, why);
}

int setup_start(struct setup *s, struct error *err)
{
    static const struct pg_conn_events events = {.on_ready = on_ready, .on_closed = on_closed};
    s->step = steps;
    error_clear(&s->failure);
    s->publication_exists = false;
    buffer_init(&s->missing, SQL_MAX);
    return pg_conn_start(&s->conn, s->loop, s->params, &events, s, err);
}

void setup_cancel(struct setup *s)
{
    pg_conn_close(s->conn);
    s->conn = NULL;
    buffer_release(&s->missing);
}
