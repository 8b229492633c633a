#include "source/columns.h"
#include "pg/identifier.h"
#include "source/catalog.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ARRAY_MAX (64 * 1024 * 1024)

/* --- the lists of the configuration ---------------------------------------------------------- */

struct list {
    const char *key;
    enum column_rule_kind kind;
    const struct config_names *columns;
};

struct listed {
    const struct config_table *table;
    const char *key;
    enum column_rule_kind kind; /* of a list */
    const char *column;
};

typedef int (*listed_visit)(void *context, const struct listed *listed);

static int each_of_list(const struct config_table *table, const struct list *list,
                        listed_visit visit, void *context)
{
    for (size_t i = 0; i < list->columns->count; i++) {
        const struct listed listed = {table, list->key, list->kind, list->columns->items[i].text};
        int rc = visit(context, &listed);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int each_listed(const struct config *config, listed_visit visit, void *context)
{
    int rc = 0;
    for (size_t i = 0; i < config->table_count && rc == 0; i++) {
        const struct config_table *table = &config->tables[i];
        const struct list exclude = {"exclude", COLUMN_EXCLUDE, &table->exclude};
        const struct list ignore = {"ignore_updates_of", COLUMN_IGNORE, &table->ignore_updates_of};
        rc = each_of_list(table, &exclude, visit, context);
        if (rc == 0)
            rc = each_of_list(table, &ignore, visit, context);
    }
    return rc;
}

static int each_of_topics(const struct config_table *table, listed_visit visit, void *context)
{
    struct listed listed = {.table = table, .key = "id", .column = table->id};
    int rc = table->id ? visit(context, &listed) : 0;

    listed.key = "scopes";
    for (size_t i = 0; i < table->scope_count; i++) {
        const struct config_scope *scope = &table->scopes[i];
        for (size_t j = 0; j < scope->column_count && rc == 0; j++) {
            listed.column = scope->columns[j].column;
            rc = visit(context, &listed);
        }
    }
    return rc;
}

/* Those of the lists, and those that topics go by. */
static int each_named(const struct config *config, listed_visit visit, void *context)
{
    int rc = each_listed(config, visit, context);
    for (size_t i = 0; i < config->table_count && rc == 0; i++)
        rc = each_of_topics(&config->tables[i], visit, context);
    return rc;
}

static int count_one(void *context, const struct listed *listed)
{
    size_t *count = context;
    (void)listed;
    (*count)++;
    return 0;
}

static int add_rule(void *context, const struct listed *listed)
{
    struct column_rules *rules = context;
    rules->items[rules->count++] = (struct column_rule){
        .schema = str_from(listed->table->schema),
        .table = str_from(listed->table->table),
        .column = str_from(listed->column),
        .kind = listed->kind,
    };
    return 0;
}

int columns_rules(struct column_rules *ret_rules, const struct config *config)
{
    struct column_rules rules = {0};
    size_t count = 0;
    each_listed(config, count_one, &count);
    if (count > 0) {
        rules.items = calloc(count, sizeof(*rules.items));
        if (!rules.items)
            return -ENOMEM;
    }
    each_listed(config, add_rule, &rules);
    for (size_t i = 0; i < config->numbers_as_strings.count && i < COLUMN_RULES_NUMBERS; i++)
        rules.numbers_as_strings[rules.number_count++] =
            str_from(config->numbers_as_strings.items[i].text);
    column_rules_sort(&rules);
    *ret_rules = rules;
    return 0;
}

/* --- what the catalog says of them ----------------------------------------------------------- */

/* The events of a partitioned table come under the names of its partitions, and those of a
 * partition under that of its root, as the publication has it: rules go by the name of the event.
 * Topics go by the primary key ($5: of tables that name no other column). */
const char columns_sql[] =
    "SELECT DISTINCT ON (u.s, u.t, u.k, p.problem, p.of) u.s, u.t, u.c, u.k, p.problem"
    " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[])"
    "  WITH ORDINALITY AS u(s, t, c, k, by_key, n)"
    " JOIN pg_namespace ns ON ns.nspname = u.s"
    " JOIN pg_class c ON c.relnamespace = ns.oid AND c.relname = u.t"
    " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = u.c AND a.attnum > 0"
    "  AND NOT a.attisdropped"
    " LEFT JOIN pg_publication pub ON pub.pubname = $6"
    " CROSS JOIN LATERAL (SELECT CASE WHEN a.attname IS NULL THEN 'missing'"
    "  WHEN u.k IN ('id', 'scopes') THEN NULL"
    "  WHEN u.by_key AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid"
    "   AND i.indisprimary AND a.attnum = ANY (i.indkey)) THEN 'key'"
    "  WHEN c.relkind = 'p' AND NOT pub.pubviaroot THEN 'partitions'"
    "  WHEN EXISTS (SELECT FROM pg_partition_ancestors(c.oid) r JOIN pg_class rc ON rc.oid = "
    "r.relid"
    "   JOIN pg_namespace rn ON rn.oid = rc.relnamespace JOIN pg_publication_tables pt"
    "   ON pt.schemaname = rn.nspname AND pt.tablename = rc.relname"
    "   WHERE r.relid <> c.oid AND pt.pubname = $6) THEN 'root'"
    "  WHEN u.k = 'ignore_updates_of' AND c.relkind <> 'p' AND c.relreplident <> 'f' THEN "
    "'identity'"
    "  WHEN u.k = 'ignore_updates_of' AND c.relkind = 'p' AND (c.relreplident <> 'f'"
    "   OR EXISTS (SELECT FROM pg_partition_tree(c.oid) l JOIN pg_class lc ON lc.oid = l.relid"
    "   WHERE l.isleaf AND lc.relreplident <> 'f')) THEN 'identities' END) q(problem)"
    " CROSS JOIN LATERAL (SELECT q.problem,"
    "  CASE WHEN q.problem IN ('missing', 'key') THEN u.c END AS of) p"
    " WHERE p.problem IS NOT NULL ORDER BY u.s, u.t, u.k, p.problem, p.of, u.n";

static int put_element(void *context, const struct listed *listed)
{
    struct buffer *arrays = context;
    const char *const texts[COLUMNS_ARRAYS] = {
        listed->table->schema, listed->table->table,          listed->column,
        listed->key,           listed->table->id ? "f" : "t",
    };
    for (size_t i = 0; i < COLUMNS_ARRAYS; i++)
        catalog_array_element(&arrays[i], str_from(texts[i]));
    return 0;
}

int columns_arrays(struct buffer arrays[COLUMNS_ARRAYS], const struct config *config,
                   size_t *ret_count)
{
    size_t count = 0;
    int rc = 0;
    for (size_t i = 0; i < COLUMNS_ARRAYS; i++) {
        buffer_init(&arrays[i], ARRAY_MAX);
        buffer_append_char(&arrays[i], '{');
    }
    each_named(config, count_one, &count);
    each_named(config, put_element, arrays);
    for (size_t i = 0; i < COLUMNS_ARRAYS; i++) {
        buffer_append_char(&arrays[i], '}');
        if (buffer_append_char(&arrays[i], '\0') < 0)
            rc = -ENOMEM;
    }
    if (rc == 0)
        *ret_count = count;
    return rc;
}

/* A warning: the service does as it should, without the list. */
static void tell_identity(struct columns_problem *p, const char *key, bool partitioned)
{
    struct buffer name;
    buffer_init(&name, 256);
    pg_qualified(&name, str_from(p->schema), str_from(p->table));
    p->warning = true;
    snprintf(p->cause, sizeof(p->cause),
             "%s needs REPLICA IDENTITY FULL: what an update has changed is not known, and it is "
             "an event",
             key);
    if (partitioned)
        snprintf(p->mend, sizeof(p->mend), "walpiper mark %s.%s --full", p->schema, p->table);
    else
        snprintf(p->mend, sizeof(p->mend), "ALTER TABLE %.*s REPLICA IDENTITY FULL",
                 STR_ARG(buffer_str(&name)));
    buffer_release(&name);
}

static void tell_partitions(struct columns_problem *p, const char *key, const char *publication)
{
    struct buffer name;
    buffer_init(&name, 256);
    pg_identifier(&name, str_from(publication));
    snprintf(p->cause, sizeof(p->cause),
             "%s has no effect: the publication has its partitions under names of their own", key);
    snprintf(p->mend, sizeof(p->mend),
             "ALTER PUBLICATION %.*s SET (publish_via_partition_root = true)",
             STR_ARG(buffer_str(&name)));
    buffer_release(&name);
}

void columns_problem_read(struct columns_problem *ret_problem, const PGresult *result, int row,
                          const char *publication)
{
    struct columns_problem *p = ret_problem;
    const char *column = PQgetvalue(result, row, 2), *key = PQgetvalue(result, row, 3);
    const char *problem = PQgetvalue(result, row, 4);

    p->warning = false;
    p->schema = PQgetvalue(result, row, 0);
    p->table = PQgetvalue(result, row, 1);
    if (str_starts_with(str_from(problem), STR("identit"))) {
        tell_identity(p, key, strcmp(problem, "identities") == 0);
        return;
    }
    if (strcmp(problem, "partitions") == 0) {
        tell_partitions(p, key, publication);
        return;
    }
    snprintf(p->mend, sizeof(p->mend), "correct tables[].%s in the configuration", key);
    if (strcmp(problem, "key") == 0)
        snprintf(p->cause, sizeof(p->cause),
                 "%s names column %s of the primary key, which topics go by", key, column);
    else if (strcmp(problem, "root") == 0)
        snprintf(p->cause, sizeof(p->cause),
                 "%s has no effect: its rows are published as those of its root; say it there",
                 key);
    else
        snprintf(p->cause, sizeof(p->cause), "%s names column %s, which does not exist", key,
                 column);
}
