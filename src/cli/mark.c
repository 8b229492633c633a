#include "cli/mark.h"
#include "base/cleanup.h"
#include "cli/server.h"
#include "config/config.h"
#include "config/name.h"
#include <errno.h>
#include <time.h>

/* A running service looks at the publication every two seconds. */
#define STREAM_WAIT_MS 10000
#define STREAM_LOOK_MS 100

const char cli_mark_help[] =
    "Adds TABLE (schema.table, or table for the schema public) to the publication, which is "
    "created if\n"
    "it is missing. Where a service reads the slot, waits until it has taken the table up.\n"
    "\n"
    "      --full               also ALTER TABLE ... REPLICA IDENTITY FULL: events then have all "
    "old values\n";
const char cli_unmark_help[] =
    "Drops TABLE (schema.table, or table for the schema public) from the publication. A table that "
    "the\n"
    "configuration lists is marked again at the next start.\n"
    "\n";

struct marking {
    struct config config;
    struct server server;
    const char *file;
    char *schema, *table;
    struct sql_name sql; /* the table */
    /* What the catalog says. */
    bool publication_exists;
    bool all_tables;   /* the publication is FOR ALL TABLES */
    bool whole_schema; /* the publication has the table's schema */
    bool listed;       /* the publication has the table itself */
    bool identified;   /* UPDATE and DELETE can be published */
};

static void marking_release(struct marking *m)
{
    server_close(&m->server);
    config_release(&m->config);
    free(m->schema);
    free(m->table);
}

/* "ERR; mend" with the SQL that someone with more rights can run. */
static int fail_statement(const struct marking *m, const char *sql, struct error *err)
{
    if (strcmp(err->sqlstate, "42501") == 0)
        error_set(err, -EPERM, "%s.%s: %s; run as the owner of table and publication: %s",
                  m->schema, m->table, err->text, sql);
    else
        error_prefix(err, "%s.%s", m->schema, m->table);
    return err->code;
}

static int execute(struct marking *m, const char *sql, struct error *err)
{
    int rc = server_query(&m->server, sql, 0, NULL, err);
    return rc < 0 ? fail_statement(m, sql, err) : 0;
}

/* --- what is there --------------------------------------------------------------------------- */

static int read_names(struct marking *m, const char *name, struct error *err)
{
    const char *complaint = NULL;
    int rc = name_split(name, &m->schema, &m->table, &complaint);
    if (rc == -EINVAL)
        return error_set(err, rc, "\"%s\": %s", name, complaint);
    if (rc < 0)
        return error_set(err, rc, "no memory");
    m->sql = sql_table(m->schema, m->table);
    return 0;
}

static int look(struct marking *m, struct error *err)
{
    /* Of a partitioned table the identities of the leaves count, where the rows are. */
    static const char sql[] =
        "SELECT p.oid IS NOT NULL, coalesce(p.puballtables, false),"
        " EXISTS (SELECT FROM pg_publication_namespace s"
        "  WHERE s.pnpubid = p.oid AND s.pnnspid = n.oid),"
        " EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = c.oid),"
        " (SELECT coalesce(bool_and(l.relreplident = 'f' OR EXISTS (SELECT FROM pg_index i"
        "   WHERE i.indrelid = l.oid AND CASE l.relreplident WHEN 'd' THEN i.indisprimary"
        "    WHEN 'i' THEN i.indisreplident ELSE false END)), true)"
        "  FROM pg_class l WHERE (l.oid = c.oid AND c.relkind = 'r')"
        "  OR l.oid IN (SELECT t.relid FROM pg_partition_tree(c.oid) t WHERE t.isleaf))"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_publication p ON p.pubname = $3"
        " WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')";
    const char *values[] = {m->schema, m->table, m->config.publication};
    int rc = server_query(&m->server, sql, 3, values, err);
    if (rc < 0)
        return error_prefix(err, "%s.%s", m->schema, m->table);
    if (server_rows(&m->server) == 0)
        return error_set(err, -ENOENT,
                         "%s.%s: there is no such table in database %s; write it as "
                         "the server has it, schema.table",
                         m->schema, m->table, PQdb(m->server.pg));
    m->publication_exists = server_true(&m->server, 0, 0);
    m->all_tables = server_true(&m->server, 0, 1);
    m->whole_schema = server_true(&m->server, 0, 2);
    m->listed = server_true(&m->server, 0, 3);
    m->identified = server_true(&m->server, 0, 4);
    return 0;
}

static int marking_open(struct marking *m, const struct cli_options *options, struct error *err)
{
    m->file = options->config_file;
    int rc = config_load(&m->config, options->config_file, err);
    if (rc == 0)
        rc = read_names(m, options->arguments[0], err);
    if (rc == 0)
        rc = server_open(&m->server, &m->config, err);
    return rc == 0 ? look(m, err) : rc;
}

/* --- mark ------------------------------------------------------------------------------------ */

static int add_table(struct marking *m, struct error *err)
{
    char sql[640];
    struct sql_name publication = sql_name(m->config.publication);
    if (m->publication_exists)
        snprintf(sql, sizeof(sql), "ALTER PUBLICATION %s ADD TABLE %s", publication.text,
                 m->sql.text);
    else
        snprintf(sql, sizeof(sql),
                 "CREATE PUBLICATION %s FOR TABLE %s WITH (publish_via_partition_root = true)",
                 publication.text, m->sql.text);
    return execute(m, sql, err);
}

/* Of a partitioned table each leaf has an identity of its own. */
static int set_full(struct marking *m, struct error *err)
{
    char sql[320];
    PGresult *leaves;
    static const char leaves_sql[] =
        "SELECT n.nspname, c.relname FROM pg_partition_tree($1::regclass) t"
        " JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE t.relid <> $1::regclass AND c.relkind IN ('r', 'p')";
    const char *values[] = {m->sql.text};
    int rc = server_query(&m->server, leaves_sql, 1, values, err);
    if (rc < 0)
        return error_prefix(err, "%s.%s", m->schema, m->table);
    snprintf(sql, sizeof(sql), "ALTER TABLE %s REPLICA IDENTITY FULL", m->sql.text);
    leaves = m->server.result;
    m->server.result = NULL;
    rc = execute(m, sql, err);
    for (int row = 0; rc == 0 && row < PQntuples(leaves); row++) {
        struct sql_name leaf = sql_table(PQgetvalue(leaves, row, 0), PQgetvalue(leaves, row, 1));
        snprintf(sql, sizeof(sql), "ALTER TABLE %s REPLICA IDENTITY FULL", leaf.text);
        rc = execute(m, sql, err);
    }
    PQclear(leaves);
    return rc;
}

/* A published table without replica identity refuses the application's own UPDATE and DELETE. */
static int refuse_unidentified(const struct marking *m, struct error *err)
{
    return error_set(err, -EINVAL,
                     "%s.%s: has no replica identity, once published it would refuse UPDATE and "
                     "DELETE; give it a primary key, or mark it with --full",
                     m->schema, m->table);
}

static int mark(struct marking *m, bool full, struct error *err)
{
    bool published = m->all_tables || m->whole_schema || m->listed;
    if (!m->identified && !full)
        return refuse_unidentified(m, err);
    int rc = execute(m, "BEGIN", err);
    if (rc == 0 && full)
        rc = set_full(m, err);
    if (rc == 0 && !published)
        rc = add_table(m, err);
    if (rc == 0)
        rc = execute(m, "COMMIT", err);
    return rc;
}

/* The service that reads the slot takes the table up with a new stream: topics, and with wal2json
 * the rows themselves, count from then on. True without a service, and once that stream has the
 * slot; false when that takes too long. */
static bool await_stream(struct marking *m)
{
    static const char sql[] =
        "SELECT count(a.pid) = 0, coalesce(bool_and(a.backend_start >= $2::timestamptz), false)"
        " FROM pg_replication_slots s JOIN pg_stat_activity a ON a.pid = s.active_pid"
        " WHERE s.slot_name = $1";
    const struct timespec pause = {.tv_nsec = STREAM_LOOK_MS * 1000000};
    struct error unheard = {0};
    char marked_at[64];
    if (server_query(&m->server, "SELECT clock_timestamp()", 0, NULL, &unheard) < 0)
        return false;
    snprintf(marked_at, sizeof(marked_at), "%s", server_cell(&m->server, 0, 0));
    const char *values[] = {m->config.slot.name, marked_at};
    for (int waited = 0; waited <= STREAM_WAIT_MS; waited += STREAM_LOOK_MS) {
        if (server_query(&m->server, sql, 2, values, &unheard) < 0)
            return false;
        if ((waited == 0 && server_true(&m->server, 0, 0)) || server_true(&m->server, 0, 1))
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

enum cli_exit cli_mark(const struct cli_options *options)
{
    struct marking m = {0};
    struct error err = {0};
    int rc = marking_open(&m, options, &err);
    if (rc == 0)
        rc = mark(&m, options->full, &err);
    if (rc == 0) {
        bool published = m.all_tables || m.whole_schema || m.listed;
        bool captured = published || await_stream(&m);
        printf("%s.%s: %s publication %s%s%s\n", m.schema, m.table,
               published              ? "is already in"
               : m.publication_exists ? "added to"
                                      : "is the first table of the new",
               m.config.publication, options->full ? ", replica identity is full" : "",
               captured ? "" : "; the service that reads the slot has not taken it up yet");
    }
    marking_release(&m);
    return rc == 0 ? CLI_DONE : cli_fail(CLI_FAILED, "%s", err.text);
}

/* --- unmark ---------------------------------------------------------------------------------- */

static int drop_table(struct marking *m, struct error *err)
{
    char sql[640];
    if (m->all_tables || m->whole_schema)
        return error_set(
            err, -EINVAL,
            "%s.%s: publication %s is for all tables%s, so that none can be taken out; "
            "make it anew with DROP PUBLICATION and CREATE PUBLICATION %s FOR TABLE "
            "the tables that you want",
            m->schema, m->table, m->config.publication, m->all_tables ? "" : " of the schema",
            sql_name(m->config.publication).text);
    if (!m->listed)
        return 0;
    snprintf(sql, sizeof(sql), "ALTER PUBLICATION %s DROP TABLE %s",
             sql_name(m->config.publication).text, m->sql.text);
    return execute(m, sql, err);
}

enum cli_exit cli_unmark(const struct cli_options *options)
{
    struct marking m = {0};
    struct error err = {0};
    int rc = marking_open(&m, options, &err);
    if (rc == 0)
        rc = drop_table(&m, &err);
    if (rc == 0) {
        printf("%s.%s: %s publication %s", m.schema, m.table,
               m.listed ? "dropped from" : "is not in", m.config.publication);
        if (config_marks(&m.config, m.schema, m.table))
            printf("; %s lists it, so the next start marks it again: take it out there", m.file);
        printf("\n");
    }
    marking_release(&m);
    return rc == 0 ? CLI_DONE : cli_fail(CLI_FAILED, "%s", err.text);
}
