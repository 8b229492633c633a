/* The streamed tables: kind, replica identity and columns. */
#include "cli/check_parts.h"
#include "cli/check_rules.h"
#include "source/columns.h"

/* --- one table ------------------------------------------------------------------------------- */

static void table_object(char object[CHECK_OBJECT_MAX], const char *schema, const char *table)
{
    snprintf(object, CHECK_OBJECT_MAX, "table %s.%s", schema, table);
}

enum { IDENTITY_NOTHING, IDENTITY_NONE, IDENTITY_KEY, IDENTITY_FULL };

/* A published table without identity refuses the application's own UPDATE and DELETE. */
static void tell_identity(struct check *c, const char *object, struct sql_name sql, int identity)
{
    char mend[CHECK_MEND_MAX];

    if (identity == IDENTITY_FULL) {
        finding(c->findings, FINDING_OK, object, NULL, "replica identity is full");
        return;
    }
    if (identity == IDENTITY_KEY) {
        finding(c->findings, FINDING_OK, object, NULL,
                "replica identity is a key: changes of other columns come without old values");
        return;
    }
    snprintf(mend, sizeof(mend), "%sALTER TABLE %s REPLICA IDENTITY FULL",
             identity == IDENTITY_NONE ? "give it a primary key, or " : "", sql.text);
    finding(c->findings, FINDING_ERROR, object, mend,
            "replica identity is %s: while published, it refuses UPDATE and DELETE",
            identity == IDENTITY_NONE ? "missing" : "nothing");
}

bool check_identity(struct check *c, const char *schema, const char *table)
{
    /* Of a partitioned table each leaf has its own, and the weakest counts. */
    static const char sql[] =
        "SELECT n.nspname, l.relname, CASE l.relreplident WHEN 'f' THEN 3 WHEN 'n' THEN 0"
        "  ELSE 1 + EXISTS (SELECT FROM pg_index i WHERE i.indrelid = l.oid AND"
        "   CASE l.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END)::int END"
        " FROM (SELECT t.oid, t.relkind FROM pg_class t JOIN pg_namespace s"
        "   ON s.oid = t.relnamespace WHERE s.nspname = $1 AND t.relname = $2) t,"
        "  pg_class l JOIN pg_namespace n ON n.oid = l.relnamespace"
        " WHERE (l.oid = t.oid AND t.relkind = 'r')"
        "  OR l.oid IN (SELECT p.relid FROM pg_partition_tree(t.oid) p WHERE p.isleaf)"
        " ORDER BY 3 LIMIT 1";
    const char *values[] = {schema, table};
    char object[CHECK_OBJECT_MAX];

    table_object(object, schema, table);
    if (!check_ask(c, object, sql, 2, values))
        return false;
    if (server_rows(&c->server) == 0) {
        finding(c->findings, FINDING_OK, object, NULL, "is partitioned and has no partition yet");
        return true;
    }
    tell_identity(c, object,
                  sql_table(server_cell(&c->server, 0, 0), server_cell(&c->server, 0, 1)),
                  (int)server_number(&c->server, 0, 2));
    return true;
}

/* --- configured tables ----------------------------------------------------------------------- */

struct table_facts {
    bool good; /* exists and can be published */
    int64_t key_columns;
};

/* float and numeric: not their arrays, nor domains over them (source/inexact.h). */
static const char table_sql[] =
    "SELECT c.relkind, c.relpersistence, (SELECT i.indnkeyatts FROM pg_index i"
    "  WHERE i.indrelid = c.oid AND i.indisprimary),"
    " (SELECT string_agg(format('%s.%s.%s', n.nspname, c.relname, a.attname), ', '"
    "   ORDER BY a.attnum) FROM pg_attribute a"
    "  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    "  AND a.attgenerated = '' AND a.atttypid IN (700, 701, 1700))"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relname = $2";

static bool examine(struct check *c, const char *schema, const char *table, const char *mend,
                    struct table_facts *ret_facts)
{
    const char *values[] = {schema, table};
    const struct server *s = &c->server;
    char object[CHECK_OBJECT_MAX];

    *ret_facts = (struct table_facts){0};
    table_object(object, schema, table);
    if (!check_ask(c, object, table_sql, 2, values))
        return false;
    if (server_rows(s) == 0) {
        finding(c->findings, FINDING_ERROR, object, mend, "does not exist");
        return true;
    }
    if (!strchr("rp", server_cell(s, 0, 0)[0])) {
        finding(c->findings, FINDING_ERROR, object, mend, "is no table, only tables are published");
        return true;
    }
    if (server_cell(s, 0, 1)[0] != 'p') {
        char logged[CHECK_MEND_MAX];
        snprintf(logged, sizeof(logged), "ALTER TABLE %s SET LOGGED",
                 sql_table(schema, table).text);
        finding(c->findings, FINDING_ERROR, object, logged,
                "is not logged, only logged tables are published");
        return true;
    }
    *ret_facts = (struct table_facts){.good = true, .key_columns = server_number(s, 0, 2)};
    if (!server_null(s, 0, 3))
        buffer_printf(&c->inexact_columns, "%s%s", c->inexact_columns.len > 0 ? ", " : "",
                      server_cell(s, 0, 3));
    return check_identity(c, schema, table);
}

/* Asks for a column's type; false as check_ask(). *RET_EXISTS: row 0 has it. */
static bool find_column(struct check *c, const char *schema, const char *table, const char *column,
                        bool *ret_exists)
{
    static const char sql[] =
        "SELECT t.typname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " JOIN pg_type d ON d.oid = a.atttypid"
        " JOIN pg_type t ON t.oid = coalesce(nullif(d.typbasetype, 0), d.oid)"
        " WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3";
    const char *values[] = {schema, table, column};
    char object[CHECK_OBJECT_MAX];

    table_object(object, schema, table);
    if (!check_ask(c, object, sql, 3, values))
        return false;
    *ret_exists = server_rows(&c->server) > 0;
    return true;
}

static bool check_table(struct check *c, const struct config_table *t)
{
    char object[CHECK_OBJECT_MAX];
    struct table_facts facts;

    if (!examine(c, t->schema, t->table, "create it, or take it out of tables", &facts))
        return false;
    if (!facts.good)
        return true;
    table_object(object, t->schema, t->table);
    if (!t->id && facts.key_columns != 1)
        finding(c->findings, FINDING_OK, object, NULL,
                "has no topics of single rows: its primary key is not one column, and tables[].id "
                "names none");
    return true;
}

static void tell_columns(struct check *c)
{
    struct columns_problem problem;
    char object[CHECK_OBJECT_MAX];

    for (int row = 0; row < server_rows(&c->server); row++) {
        columns_problem_read(&problem, c->server.result, row, c->config->publication);
        table_object(object, problem.schema, problem.table);
        finding(c->findings, problem.warning ? FINDING_WARNING : FINDING_ERROR, object,
                problem.mend, "%s", problem.cause);
    }
}

/* The columns that the configuration names, of all tables at once, as the service looks at them. */
static bool check_columns(struct check *c)
{
    struct buffer arrays[COLUMNS_ARRAYS] = {0};
    size_t count = 0;
    bool good = columns_arrays(arrays, c->config, &count) == 0;

    if (!good)
        finding(c->findings, FINDING_ERROR, "tables", NULL, "no memory for the list of columns");
    if (good && count > 0) {
        const char *values[] = {arrays[0].data, arrays[1].data, arrays[2].data,
                                arrays[3].data, arrays[4].data, c->config->publication};
        good = check_ask(c, "tables", columns_sql, 6, values);
        if (good)
            tell_columns(c);
    }
    for (size_t i = 0; i < COLUMNS_ARRAYS; i++)
        buffer_release(&arrays[i]);
    return good;
}

bool check_tables(struct check *c)
{
    for (size_t i = 0; i < c->config->table_count; i++)
        if (!check_table(c, &c->config->tables[i]))
            return false;
    return check_columns(c);
}

/* --- the events table ------------------------------------------------------------------------ */

static bool check_events_column(struct check *c, const char *role, const char *column)
{
    const struct config *config = c->config;
    char object[CHECK_OBJECT_MAX], mend[CHECK_MEND_MAX];
    bool exists;

    if (!find_column(c, config->events.schema, config->events.table, column, &exists))
        return false;
    table_object(object, config->events.schema, config->events.table);
    if (!exists) {
        snprintf(mend, sizeof(mend), "correct events.columns.%s, or load sql/schema.sql", role);
        finding(c->findings, FINDING_ERROR, object, mend, "has no column %s", column);
        return true;
    }
    const char *type = server_cell(&c->server, 0, 0);
    const char *wanted = events_column_complaint(role, type);
    if (wanted) {
        snprintf(mend, sizeof(mend), "correct events.columns.%s, or make the column %s", role,
                 wanted);
        finding(c->findings, FINDING_ERROR, object, mend, "column %s is of type %s", column, type);
    }
    return true;
}

static bool check_events_access(struct check *c)
{
    static const char sql[] =
        "SELECT has_table_privilege(c.oid, 'SELECT'), EXISTS (SELECT FROM pg_index i"
        "  JOIN pg_attribute f ON f.attrelid = c.oid AND f.attnum = i.indkey[0]"
        "  JOIN pg_attribute s ON s.attrelid = c.oid AND s.attnum = i.indkey[1]"
        "  WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL"
        "  AND f.attname = $3 AND s.attname = $4)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = $1 AND c.relname = $2";
    const struct config *config = c->config;
    const char *values[] = {config->events.schema, config->events.table, config->events.consumer,
                            config->events.id};
    struct sql_name table = sql_table(config->events.schema, config->events.table);
    char object[CHECK_OBJECT_MAX], mend[CHECK_MEND_MAX];

    table_object(object, config->events.schema, config->events.table);
    if (!check_ask(c, object, sql, 4, values))
        return false;
    bool readable = server_true(&c->server, 0, 0), indexed = server_true(&c->server, 0, 1);
    if (!readable) {
        snprintf(mend, sizeof(mend), "GRANT SELECT ON %s TO %s", table.text, c->role.text);
        finding(c->findings, FINDING_ERROR, object, mend,
                "the role may not read it, for subscribers that come back late");
    }
    if (!indexed) {
        snprintf(mend, sizeof(mend), "CREATE INDEX CONCURRENTLY ON %s (%s, %s)", table.text,
                 sql_name(config->events.consumer).text, sql_name(config->events.id).text);
        finding(c->findings, FINDING_WARNING, object, mend,
                "has no index on (%s, %s): subscribers that come back late scan the table",
                config->events.consumer, config->events.id);
    }
    return true;
}

/* POST /events need not be used, so what it lacks is no error. */
static bool check_events_insert(struct check *c)
{
    /* The sequence of an identity column comes with the table, that of a serial does not. */
    static const char sql[] =
        "SELECT (SELECT bool_and(has_column_privilege(c.oid, a.attnum, 'INSERT'))"
        "  FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ($4, $5, $6, $7)),"
        " (SELECT format('%I.%I', sn.nspname, s.relname) FROM pg_attribute a"
        "  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid"
        "   AND d.refobjsubid = a.attnum AND d.deptype = 'a'"
        "  JOIN pg_class s ON d.classid = 'pg_class'::regclass AND s.oid = d.objid"
        "  JOIN pg_namespace sn ON sn.oid = s.relnamespace"
        "  WHERE a.attrelid = c.oid AND a.attname = $3"
        "   AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE')"
        "    END LIMIT 1)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = $1 AND c.relname = $2";
    const struct config *config = c->config;
    const char *values[] = {config->events.schema,   config->events.table,
                            config->events.id,       config->events.type,
                            config->events.consumer, config->events.payload,
                            config->events.timestamp};
    struct sql_name table = sql_table(config->events.schema, config->events.table);
    char object[CHECK_OBJECT_MAX], mend[CHECK_MEND_MAX];

    table_object(object, config->events.schema, config->events.table);
    if (!check_ask(c, object, sql, 7, values))
        return false;
    if (!server_true(&c->server, 0, 0)) {
        snprintf(mend, sizeof(mend), "GRANT INSERT ON %s TO %s", table.text, c->role.text);
        finding(c->findings, FINDING_WARNING, object, mend,
                "the role may not insert into it, as POST /events does");
    }
    if (!server_null(&c->server, 0, 1)) {
        snprintf(mend, sizeof(mend), "GRANT USAGE ON SEQUENCE %s TO %s",
                 server_cell(&c->server, 0, 1), c->role.text);
        finding(c->findings, FINDING_WARNING, object, mend,
                "the role may not use the sequence of its ids, as POST /events does");
    }
    return true;
}

bool check_events(struct check *c)
{
    const struct config *config = c->config;
    const struct {
        const char *role, *column;
    } columns[] = {
        {"id", config->events.id},
        {"type", config->events.type},
        {"consumer", config->events.consumer},
        {"payload", config->events.payload},
        {"timestamp", config->events.timestamp},
    };
    struct table_facts facts;

    if (!config->events.enabled)
        return true;
    if (!examine(c, config->events.schema, config->events.table,
                 "psql -f sql/schema.sql, or turn the feed off with events: {table: \"\"}", &facts))
        return false;
    for (size_t i = 0; facts.good && i < sizeof(columns) / sizeof(columns[0]); i++)
        if (!check_events_column(c, columns[i].role, columns[i].column))
            return false;
    return !facts.good || (check_events_access(c) && check_events_insert(c));
}
