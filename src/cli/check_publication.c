/* The publication: is it there, does it have the tables, may the service mend it? */
#include "cli/check_parts.h"
#include "pg/identifier.h"
#include "source/catalog.h"

#define LIST_MAX (1 << 20)

struct missing {
    struct buffer tables; /* as SQL */
    size_t count;
    bool owned; /* all of them by the role */
};

/* --- which tables it lacks ------------------------------------------------------------------- */

/* No finding about a table that does not exist: its own part has it. */
static bool look_for(struct check *c, struct missing *missing, const char *object,
                     const char *schema, const char *table)
{
    static const char sql[] =
        "SELECT pg_has_role(t.relowner, 'USAGE'), EXISTS (SELECT FROM pg_publication p"
        " WHERE p.pubname = $3 AND (p.puballtables"
        "  OR EXISTS (SELECT FROM pg_publication_rel r"
        "   WHERE r.prpubid = p.oid AND r.prrelid = t.oid)"
        "  OR EXISTS (SELECT FROM pg_publication_namespace s"
        "   WHERE s.pnpubid = p.oid AND s.pnnspid = t.relnamespace)))"
        " FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace"
        " WHERE n.nspname = $1 AND t.relname = $2 AND t.relkind IN ('r', 'p')";
    const char *values[] = {schema, table, c->config->publication};
    if (!check_ask(c, object, sql, 3, values))
        return false;
    if (server_rows(&c->server) == 0 || server_true(&c->server, 0, 1))
        return true;
    missing->owned = missing->owned && server_true(&c->server, 0, 0);
    buffer_append_str(&missing->tables, missing->count++ > 0 ? STR(", ") : STR(""));
    pg_qualified(&missing->tables, str_from(schema), str_from(table));
    return true;
}

static bool look_for_all(struct check *c, struct missing *missing, const char *object)
{
    const struct config *config = c->config;
    if (config->events.enabled &&
        !look_for(c, missing, object, config->events.schema, config->events.table))
        return false;
    for (size_t i = 0; i < config->table_count; i++)
        if (!look_for(c, missing, object, config->tables[i].schema, config->tables[i].table))
            return false;
    return true;
}

/* The service makes what is missing, where it may; else here is the SQL for one who may. */
static void tell_missing(struct check *c, struct missing *missing, const char *object,
                         bool publication_owned)
{
    bool may = missing->owned && (c->publication_exists ? publication_owned : c->may_create);
    struct buffer mend;

    buffer_init(&mend, LIST_MAX);
    buffer_printf(&mend, "as the owner of %s: %s PUBLICATION %s %s TABLE ",
                  c->publication_exists ? "tables and publication" : "database and tables",
                  c->publication_exists ? "ALTER" : "CREATE", sql_name(c->config->publication).text,
                  c->publication_exists ? "ADD" : "FOR");
    buffer_append_str(&mend, buffer_str(&missing->tables));
    buffer_append_char(&mend, '\0');
    const char *text = may ? NULL : mend.failed ? "add the tables" : mend.data;
    if (c->publication_exists && missing->count == 0)
        finding(c->findings, FINDING_OK, object, NULL, "has all configured tables");
    else if (c->publication_exists)
        finding(c->findings, may ? FINDING_OK : FINDING_ERROR, object, text,
                "lacks %zu of the configured tables%s", missing->count,
                may ? ", the service adds them" : ", and the role may not add them");
    else
        finding(c->findings, may ? FINDING_OK : FINDING_ERROR, object, text, "does not exist%s",
                may ? ", the service makes it" : ", and the role may not make it");
    buffer_release(&mend);
}

/* --- what is wrong with the one that exists ---------------------------------------------------
 */

static void check_kind(struct check *c, const char *object)
{
    struct sql_name name = sql_name(c->config->publication);
    char mend[CHECK_MEND_MAX];

    if (server_true(&c->server, 0, 0)) {
        snprintf(mend, sizeof(mend), "DROP PUBLICATION %s; the service makes it anew", name.text);
        finding(c->findings, FINDING_WARNING, object, mend,
                "is FOR ALL TABLES: every change of the database is streamed");
    }
    if (!server_true(&c->server, 0, 1)) {
        snprintf(mend, sizeof(mend),
                 "ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate')",
                 name.text);
        finding(c->findings, FINDING_WARNING, object, mend,
                "leaves out some of insert, update, delete and truncate, and so do the events");
    }
}

static bool check_filters(struct check *c, const char *object)
{
    const char *values[] = {c->config->publication};
    struct sql_name name = sql_name(c->config->publication);
    char mend[CHECK_MEND_MAX];

    if (!c->plugin || strcmp(c->plugin, "wal2json") != 0)
        return true;
    if (!check_ask(c, object, catalog_filtered_sql, 1, values))
        return false;
    for (int row = 0; row < server_rows(&c->server); row++) {
        const char *schema = server_cell(&c->server, row, 0);
        const char *table = server_cell(&c->server, row, 1);
        struct sql_name whole = sql_table(schema, table);
        snprintf(mend, sizeof(mend),
                 "ALTER PUBLICATION %s DROP TABLE %s; ALTER PUBLICATION %s ADD TABLE %s; or a new "
                 "slot with slot.plugin: pgoutput",
                 name.text, whole.text, name.text, whole.text);
        finding(c->findings, FINDING_ERROR, object, mend,
                "has a row filter or a column list on %s.%s, which wal2json does not honour",
                schema, table);
    }
    return true;
}

/* Tables that are published and not configured are streamed too. A leaf is looked at with its root.
 */
static bool check_others(struct check *c, const char *object)
{
    static const char sql[] =
        "SELECT p.schemaname, p.tablename, rn.nspname, r.relname FROM pg_publication_tables p"
        " JOIN pg_namespace n ON n.nspname = p.schemaname"
        " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename"
        " JOIN pg_class r ON r.oid = coalesce(pg_partition_root(c.oid), c.oid)"
        " JOIN pg_namespace rn ON rn.oid = r.relnamespace"
        " WHERE p.pubname = $1 ORDER BY 1, 2";
    const char *values[] = {c->config->publication};
    bool going = true;

    if (!check_ask(c, object, sql, 1, values))
        return false;
    PGresult *rows = c->server.result;
    c->server.result = NULL;
    for (int row = 0; going && row < PQntuples(rows); row++) {
        const char *schema = PQgetvalue(rows, row, 0), *table = PQgetvalue(rows, row, 1);
        if (!config_marks(c->config, schema, table) &&
            !config_marks(c->config, PQgetvalue(rows, row, 2), PQgetvalue(rows, row, 3)))
            going = check_identity(c, schema, table);
    }
    PQclear(rows);
    return going;
}

bool check_publication(struct check *c)
{
    static const char sql[] =
        "SELECT puballtables, pubinsert AND pubupdate AND pubdelete AND pubtruncate,"
        " pg_has_role(pubowner, 'USAGE') FROM pg_publication WHERE pubname = $1";
    const char *values[] = {c->config->publication};
    struct missing missing = {.owned = true};
    char object[CHECK_OBJECT_MAX];

    snprintf(object, sizeof(object), "publication %s", c->config->publication);
    if (!check_ask(c, object, sql, 1, values))
        return false;
    c->publication_exists = server_rows(&c->server) > 0;
    bool owned = c->publication_exists && server_true(&c->server, 0, 2);
    if (c->publication_exists)
        check_kind(c, object);
    buffer_init(&missing.tables, LIST_MAX);
    bool going = look_for_all(c, &missing, object);
    if (going)
        tell_missing(c, &missing, object, owned);
    buffer_release(&missing.tables);
    return going && check_filters(c, object) && check_others(c, object);
}
