#include "source/catalog.h"
#include "base/marked.h"
#include <errno.h>
#include <stdlib.h>

/* Base and element types come before what is built on them: depth 0 is built on nothing. */
const char catalog_types_sql[] =
    "WITH RECURSIVE t AS ("
    " SELECT oid, typname, typdelim, typbasetype AS base,"
    "  CASE WHEN typlen = -1 AND typcategory = 'A' THEN typelem ELSE 0::oid END AS element"
    "  FROM pg_type WHERE typtype <> 'p'),"
    " d AS (SELECT t.*, 0 AS depth FROM t WHERE base = 0 AND element = 0"
    " UNION ALL SELECT t.*, d.depth + 1 FROM t JOIN d"
    "  ON (t.base = d.oid AND t.base <> 0) OR (t.element = d.oid AND t.element <> 0)"
    "  WHERE d.depth < 64)"
    " SELECT oid, typname, base, element, typdelim FROM d ORDER BY depth";

/* One row a column, in the order of the table. The last field says whether the publication
 * publishes it: before 18 none does a generated one, though attnames lists it. */
const char catalog_relations_sql[] =
    "SELECT p.schemaname, p.tablename, a.attname, a.atttypid,"
    " coalesce(a.attnum = ANY (i.indkey), false),"
    " a.attname = ANY (p.attnames) AND (a.attgenerated = ''"
    "  OR current_setting('server_version_num')::int >= 180000)"
    " FROM pg_publication_tables p"
    " JOIN pg_namespace n ON n.nspname = p.schemaname"
    " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary"
    " WHERE p.pubname = $1 ORDER BY 1, 2, a.attnum";

/* In the order of catalog_relations_sql; a table that was published and has no column gives no
 * event. */
const char catalog_tables_sql[] =
    "SELECT p.schemaname, p.tablename FROM pg_publication_tables p"
    " JOIN pg_namespace n ON n.nspname = p.schemaname"
    " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename"
    " WHERE p.pubname = $1 AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
    "  AND a.attnum > 0 AND NOT a.attisdropped) ORDER BY 1, 2";

static struct str cell(const PGresult *result, int row, int column)
{
    return (struct str){PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)};
}

static uint32_t cell_oid(const PGresult *result, int row, int column)
{
    return (uint32_t)strtoul(PQgetvalue(result, row, column), NULL, 10);
}

int catalog_read_types(struct relation_cache *cache, const PGresult *result)
{
    for (int row = 0; row < PQntuples(result); row++) {
        int rc = relation_cache_add_type(cache, cell_oid(result, row, 0), cell(result, row, 1),
                                         cell_oid(result, row, 2), cell_oid(result, row, 3),
                                         *PQgetvalue(result, row, 4));
        if (rc < 0)
            return rc;
    }
    return 0;
}

int catalog_array_element(struct buffer *out, struct str text)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        buffer_append_char(out, ',');
    buffer_append_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            buffer_append_char(out, '\\');
        buffer_append_char(out, text.data[i]);
    }
    return buffer_append_char(out, '"');
}

int catalog_wal2json_name(struct buffer *out, struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (memchr(" ,.*'\\", name.data[i], 6))
            buffer_append_char(out, '\\');
        buffer_append_char(out, name.data[i]);
    }
    return out->failed;
}

static bool is_published(const PGresult *result, int row)
{
    return *PQgetvalue(result, row, 5) == 't';
}

static int put_relation(struct relation_cache *cache, const PGresult *result, int first, int end,
                        struct relation_cache_column *columns)
{
    uint16_t count = 0;
    for (int row = first; row < end; row++)
        if (is_published(result, row))
            columns[count++] = (struct relation_cache_column){
                .name = cell(result, row, 2),
                .type_oid = cell_oid(result, row, 3),
                .primary_key = *PQgetvalue(result, row, 4) == 't',
            };
    const struct relation *relation;
    uint32_t missing;
    return relation_cache_put(cache, cell(result, first, 0), cell(result, first, 1), columns, count,
                              &relation, &missing);
}

/* The rows FIRST to END (not included) are the columns of one relation. */
static int read_relation(struct relation_cache *cache, const PGresult *result, int first, int end)
{
    struct relation_cache_column *columns = calloc((size_t)(end - first), sizeof(*columns));
    if (!columns)
        return -ENOMEM;
    int rc = put_relation(cache, result, first, end, columns);
    for (int row = first; row < end && rc == 0; row++)
        if (!is_published(result, row))
            rc = relation_cache_leave_out(cache, cell(result, row, 0), cell(result, row, 1),
                                          cell(result, row, 2));
    free(columns);
    return rc;
}

static void append_table(struct buffer *tables, const PGresult *result, int row)
{
    if (tables->len > 0)
        buffer_append_char(tables, ',');
    catalog_wal2json_name(tables, cell(result, row, 0));
    buffer_append_char(tables, '.');
    catalog_wal2json_name(tables, cell(result, row, 1));
}

int catalog_read_tables(const PGresult *result, struct buffer *tables)
{
    buffer_reset(tables);
    for (int row = 0; row < PQntuples(result); row++)
        append_table(tables, result, row);
    return buffer_append_char(tables, '\0');
}

static bool same_table(const PGresult *result, int a, int b)
{
    return str_equal(cell(result, a, 0), cell(result, b, 0)) &&
           str_equal(cell(result, a, 1), cell(result, b, 1));
}

int catalog_read_marked(const PGresult *result, struct buffer *list)
{
    buffer_reset(list);
    for (int row = 0; row < PQntuples(result); row++)
        if (row == 0 || !same_table(result, row - 1, row))
            marked_list(list, cell(result, row, 0), cell(result, row, 1));
    return list->failed;
}

int catalog_read_relations(struct relation_cache *cache, const PGresult *result,
                           struct buffer *tables, size_t *ret_count, struct error *err)
{
    size_t count = 0;
    int rows = PQntuples(result);
    for (int first = 0, end; first < rows; first = end) {
        for (end = first + 1; end < rows && same_table(result, first, end);)
            end++;
        int rc = read_relation(cache, result, first, end);
        /* A type made since the types were read: the next try reads it. */
        if (rc < 0)
            return error_set(err, rc == -ENOENT ? -EAGAIN : rc,
                             "%s.%s: its columns could not be read from the catalog",
                             PQgetvalue(result, first, 0), PQgetvalue(result, first, 1));
        append_table(tables, result, first);
        count++;
    }
    *ret_count = count;
    return buffer_append_char(tables, '\0') < 0
               ? error_set(err, -ENOMEM, "no memory for the list of tables")
               : 0;
}
