#include "base/log.h"
#include "pg/identifier.h"
#include "source/catalog.h"
#include "source/columns.h"
#include "source/setup_steps.h"

/* --- tables ----------------------------------------------------------------------------------- */

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
        setup_skip(s);
    } else {
        setup_query(s, sql, values, publication ? 3 : 2, on_result);
    }
    buffer_release(&schemas);
    buffer_release(&names);
}

/* A table that is dropped or renamed while the service runs is no reason to capture no more of the
 * others. */
static void on_missing_tables(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (!pg_has_rows(result))
        return;
    const char *schema = setup_cell(result, 0, 0), *table = setup_cell(result, 0, 1);
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

void setup_send_tables(struct setup *s)
{
    query_tables(s,
                 "SELECT u.s, u.t FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u(s, t, n)"
                 " WHERE NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace ns"
                 "  ON ns.oid = c.relnamespace WHERE ns.nspname = u.s AND c.relname = u.t"
                 "  AND c.relkind IN ('r', 'p')) ORDER BY u.n",
                 false, on_missing_tables);
}

/* --- publication ------------------------------------------------------------------------------ */

static void on_publication(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    s->publication_exists = pg_has_rows(result);
    if (s->publication_exists)
        setup_copy_cell(s->facts->actions, sizeof(s->facts->actions), result, 0);
    else
        snprintf(s->facts->actions, sizeof(s->facts->actions), "insert,update,delete,truncate");
}

void setup_send_publication(struct setup *s)
{
    setup_query_publication(
        s,
        "SELECT concat_ws(',', CASE WHEN pubinsert THEN 'insert' END,"
        " CASE WHEN pubupdate THEN 'update' END, CASE WHEN pubdelete THEN 'delete' END,"
        " CASE WHEN pubtruncate THEN 'truncate' END) FROM pg_publication WHERE pubname = $1",
        on_publication);
}

static void on_unpublished(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return;
    for (int row = 0; row < PQntuples(result); row++) {
        if (row > 0)
            buffer_append_str(&s->missing, STR(", "));
        pg_qualified(&s->missing, pg_cell(result, row, 0), pg_cell(result, row, 1));
    }
}

void setup_send_unpublished(struct setup *s)
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
void setup_send_publish(struct setup *s)
{
    if (s->publication_exists && (s->keep_publication || s->missing.len == 0)) {
        setup_skip(s);
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
        setup_skip(s);
    } else {
        log_info("source", "publication %s: %s", s->config->publication, sql.data);
        setup_query(s, sql.data, NULL, 0, NULL);
    }
    buffer_release(&sql);
}

static void on_filtered(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    setup_copy_table(s->facts->filtered, sizeof(s->facts->filtered), result);
}

void setup_send_filtered(struct setup *s)
{
    setup_query_publication(s, catalog_filtered_sql, on_filtered);
}

/* --- columns that the configuration names ----------------------------------------------------- */

/* As for tables: what is done to them while the service runs does not stop it. */
static void on_columns(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    struct columns_problem problem;
    if (!pg_has_rows(result))
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

void setup_send_columns(struct setup *s)
{
    struct buffer arrays[COLUMNS_ARRAYS] = {0};
    size_t count = 0;
    int rc = columns_arrays(arrays, s->config, &count);
    if (rc < 0)
        REFUSE(s, rc, "no memory for the list of columns");
    if (rc < 0 || count == 0) {
        setup_skip(s);
    } else {
        const char *values[] = {arrays[0].data, arrays[1].data, arrays[2].data,
                                arrays[3].data, arrays[4].data, s->config->publication};
        setup_query(s, columns_sql, values, 6, on_columns);
    }
    for (size_t i = 0; i < COLUMNS_ARRAYS; i++)
        buffer_release(&arrays[i]);
}
