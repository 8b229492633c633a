#include "source/catalog.h"
#include "base/marked.h"
#include "pg/result.h"
#include <errno.h>
#include <stdlib.h>

/* Base and element types come before what is built on them: depth 0 is built on nothing. Each table
 * has two types: the join must not look at every pair. */
const char catalog_types_sql[] =
    "WITH RECURSIVE t AS ("
    " SELECT oid, typname, typdelim, typbasetype AS base,"
    "  CASE WHEN typlen = -1 AND typcategory = 'A' THEN typelem ELSE 0::oid END AS element"
    "  FROM pg_type WHERE typtype <> 'p'),"
    " built AS (SELECT t.*, base AS below FROM t WHERE base <> 0"
    "  UNION ALL SELECT t.*, element FROM t WHERE element <> 0),"
    " d AS (SELECT t.*, 0::oid AS below, 0 AS depth FROM t WHERE base = 0 AND element = 0"
    "  UNION ALL SELECT built.*, d.depth + 1 FROM built JOIN d ON built.below = d.oid"
    "  WHERE d.depth < 64)"
    " SELECT oid, typname, base, element, typdelim FROM d ORDER BY depth";

#define PUBLISHED                                                                                  \
    " FROM pg_publication_tables p"                                                                \
    " JOIN pg_publication pub ON pub.pubname = p.pubname"                                          \
    " JOIN pg_namespace n ON n.nspname = p.schemaname"                                             \
    " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename"

/* One row a column, in the order of the table: whether it is of the primary key; whether the
 * publication publishes it (before 18 none does a generated one, though attnames lists it); whether
 * its old values can be told (relation_cache_hides_old()); and of the table its OID, whether the
 * publication has it without listing it, whether its identity is FULL (a partition has its own);
 * and the time, which is not before that of the snapshot. */
#define RELATION_ROWS                                                                              \
    "SELECT p.schemaname, p.tablename, a.attname, a.atttypid,"                                     \
    " coalesce(a.attnum = ANY (i.indkey), false),"                                                 \
    " a.attname = ANY (p.attnames) AND (a.attgenerated = ''"                                       \
    "  OR current_setting('server_version_num')::int >= 180000),"                                  \
    " c.relkind <> 'p' OR c.relreplident = 'f' OR coalesce(a.attnum = ANY (r.indkey), false),"     \
    " c.oid, NOT EXISTS (SELECT FROM pg_publication_rel l"                                         \
    "  WHERE l.prpubid = pub.oid AND l.prrelid = c.oid),"                                          \
    " c.relreplident = 'f' AND c.relkind <> 'p',"                                                  \
    " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint" PUBLISHED                         \
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"           \
    " LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary"                               \
    " LEFT JOIN pg_index r ON r.indrelid = c.oid AND CASE c.relreplident"                          \
    "  WHEN 'd' THEN r.indisprimary WHEN 'i' THEN r.indisreplident ELSE false END"                 \
    " WHERE p.pubname = $1"
#define RELATION_ORDER " ORDER BY 1, 2, a.attnum"

const char catalog_relations_sql[] = RELATION_ROWS RELATION_ORDER;

const char catalog_relation_sql[] =
    "WITH wanted AS (SELECT w.oid FROM pg_class w JOIN pg_namespace wn ON wn.oid = w.relnamespace"
    "  WHERE wn.nspname = $2 AND w.relname = $3) " RELATION_ROWS
    " AND c.oid IN (SELECT w.oid FROM wanted w UNION ALL"
    "  SELECT t.relid FROM wanted w, pg_partition_ancestors(w.oid) t)" RELATION_ORDER;

/* A published table that is partitioned is published in place of all that is below it. */
const char catalog_partitions_sql[] =
    "SELECT bn.nspname, b.relname, p.schemaname, p.tablename" PUBLISHED
    " CROSS JOIN pg_partition_tree(c.oid) t JOIN pg_class b ON b.oid = t.relid"
    " JOIN pg_namespace bn ON bn.oid = b.relnamespace"
    " WHERE p.pubname = $1 AND c.relkind = 'p' AND b.oid <> c.oid";

const char catalog_partitioned_sql[] =
    "SELECT n.nspname, c.relname FROM pg_publication pub JOIN pg_publication_rel r"
    " ON r.prpubid = pub.oid JOIN pg_class c ON c.oid = r.prrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE pub.pubname = $1 AND (c.relkind = 'p' OR c.relispartition)"
    " UNION SELECT p.schemaname, p.tablename" PUBLISHED
    "  WHERE p.pubname = $1 AND (c.relkind = 'p' OR c.relispartition) ORDER BY 1, 2 LIMIT 1";

const char catalog_filtered_sql[] =
    "SELECT n.nspname, c.relname FROM pg_publication p JOIN pg_publication_rel r"
    " ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n"
    " ON n.oid = c.relnamespace WHERE p.pubname = $1"
    " AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL) ORDER BY 1, 2";

/* The OID tells a table from another one that was given its name. */
const char catalog_shape_sql[] =
    "WITH tables AS (SELECT c.oid, p.attnames::text AS listed" PUBLISHED " WHERE p.pubname = $1"
    " UNION ALL SELECT t.relid, NULL" PUBLISHED " CROSS JOIN pg_partition_tree(c.oid) t"
    "  WHERE p.pubname = $1 AND c.relkind = 'p' AND t.relid <> c.oid),"
    " shapes AS (SELECT t.oid, concat_ws(' ', t.oid, c.relnamespace, c.relname, c.relreplident,"
    "  t.listed, (SELECT string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid,"
    "   a.attgenerated), ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid"
    "   AND a.attnum > 0 AND NOT a.attisdropped),"
    "  (SELECT string_agg(concat_ws(' ', i.indkey, i.indisprimary, i.indisreplident), ','"
    "   ORDER BY i.indexrelid) FROM pg_index i WHERE i.indrelid = c.oid"
    "   AND (i.indisprimary OR i.indisreplident))) AS shape"
    "  FROM tables t JOIN pg_class c ON c.oid = t.oid)"
    " SELECT (SELECT concat(pubinsert, pubupdate, pubdelete, pubtruncate) FROM pg_publication"
    "  WHERE pubname = $1) || ' ' || count(*) || ' ' || coalesce(md5(string_agg(shape, ';' ORDER "
    "BY oid)), '') FROM shapes";

#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(number) #number

/* Tables of the system are not written to by users; one that is not logged sends nothing. */
const char catalog_unmarked_sql[] =
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence = 'p'"
    " AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND c.oid NOT IN ("
    "SELECT c.oid" PUBLISHED " WHERE p.pubname = $1 UNION ALL"
    " SELECT t.relid" PUBLISHED " CROSS JOIN pg_partition_tree(c.oid) t"
    "  WHERE p.pubname = $1 AND c.relkind = 'p')"
    " ORDER BY 1, 2 LIMIT 1 + " TEXT_OF(CATALOG_UNMARKED_MAX);

/* Null stands for all. New tables may be ours in schemas of the publication, and wherever a
 * partitioned table or one of its partitions is. */
const char catalog_marked_sql[] =
    "SELECT NULL, NULL FROM pg_publication WHERE pubname = $1 AND puballtables"
    " UNION SELECT n.nspname, NULL FROM pg_publication pub JOIN pg_publication_namespace s"
    "  ON s.pnpubid = pub.oid JOIN pg_namespace n ON n.oid = s.pnnspid WHERE pub.pubname = $1"
    " UNION SELECT bn.nspname, NULL" PUBLISHED
    "  CROSS JOIN pg_partition_tree(coalesce(pg_partition_root(c.oid), c.oid)) t"
    "  JOIN pg_class b ON b.oid = t.relid JOIN pg_namespace bn ON bn.oid = b.relnamespace"
    "  WHERE p.pubname = $1"
    " UNION SELECT p.schemaname, p.tablename" PUBLISHED " WHERE p.pubname = $1"
    " ORDER BY 1 NULLS FIRST, 2 NULLS FIRST";

static uint32_t cell_oid(const PGresult *result, int row, int column)
{
    return (uint32_t)strtoul(PQgetvalue(result, row, column), NULL, 10);
}

int catalog_read_types(struct relation_cache *cache, const PGresult *result)
{
    for (int row = 0; row < PQntuples(result); row++) {
        int rc = relation_cache_add_type(cache, cell_oid(result, row, 0), pg_cell(result, row, 1),
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

static bool cell_bool(const PGresult *result, int row, int column)
{
    return *PQgetvalue(result, row, column) == 't';
}

static struct relation_name cell_name(const PGresult *result, int row, int column)
{
    return (struct relation_name){pg_cell(result, row, column), pg_cell(result, row, column + 1)};
}

static bool is_published(const PGresult *result, int row)
{
    return cell_bool(result, row, 5);
}

static int put_relation(struct relation_cache *cache, const PGresult *result, int first, int end,
                        struct relation_cache_column *columns)
{
    uint16_t count = 0;
    for (int row = first; row < end; row++)
        if (is_published(result, row))
            columns[count++] = (struct relation_cache_column){
                .name = pg_cell(result, row, 2),
                .type_oid = cell_oid(result, row, 3),
                .primary_key = cell_bool(result, row, 4),
                .outside_identity = !cell_bool(result, row, 6),
            };
    struct relation_cache_row row = {
        .name = cell_name(result, first, 0),
        .oid = cell_oid(result, first, 7),
        .full = cell_bool(result, first, 9),
        .columns = columns,
        .count = count,
    };
    uint32_t missing;
    if (str_to_int64(pg_cell(result, first, 10), &row.since) < 0)
        return -EPROTO;
    return relation_cache_put_row(cache, &row, &missing);
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
            rc = relation_cache_leave_out(cache, pg_cell(result, row, 0), pg_cell(result, row, 1),
                                          pg_cell(result, row, 2));
    free(columns);
    return rc;
}

static bool same_table(const PGresult *result, int a, int b)
{
    return relation_name_equal(cell_name(result, a, 0), cell_name(result, b, 0));
}

int catalog_read_relations(struct relation_cache *cache, const PGresult *result, size_t *ret_count,
                           struct error *err)
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
        count++;
    }
    *ret_count = count;
    return 0;
}

int catalog_read_partitions(struct relation_cache *cache, const PGresult *result)
{
    int rc = 0;
    for (int row = 0; row < PQntuples(result) && rc == 0; row++)
        rc = relation_cache_add_partition(cache, cell_name(result, row, 0),
                                          cell_name(result, row, 2));
    return rc;
}

/* NAME is published as the relation of RESULT, which is the same one, or the root of it. */
static int take_relation(struct relation_cache *cache, const PGresult *result,
                         struct relation_name name, struct error *err)
{
    size_t count;
    struct relation_name published = cell_name(result, 0, 0);
    int rc = catalog_read_relations(cache, result, &count, err);
    if (rc == 0 && !relation_name_equal(published, name) &&
        relation_cache_add_partition(cache, name, published) < 0)
        rc = error_set(err, -ENOMEM, "no memory for the name of a partition");
    return rc;
}

int catalog_read_relation(struct relation_cache *cache, const PGresult *result,
                          struct relation_name name, struct error *err)
{
    int rc = 0;
    bool counts = PQntuples(result) > 0 && (cell_bool(result, 0, 8) ||
                                            relation_cache_has_oid(cache, cell_oid(result, 0, 7)));
    if (counts)
        rc = take_relation(cache, result, name, err);
    else if (!relation_cache_find(cache, name.schema, name.table) &&
             relation_cache_pass_over(cache, name) < 0)
        rc = error_set(err, -ENOMEM, "no memory for the name of a table");
    if (rc == 0)
        relation_cache_answered(cache);
    return rc;
}

int catalog_read_shape(const PGresult *result, struct buffer *shape)
{
    buffer_reset(shape);
    return PQntuples(result) == 1 ? buffer_append_str(shape, pg_cell(result, 0, 0)) : 0;
}

/* As the catalog has it now, also where the stream is not there yet. */
static void list_columns(const struct relation *relation, struct buffer *list)
{
    const struct relation *newer = relation ? relation_cache_newer(relation) : NULL;
    if (newer)
        relation = newer;
    for (uint16_t i = 0; relation && i < relation->column_count; i++) {
        const struct relation_column *column = &relation->columns[i];
        if (!column->excluded)
            marked_column(list, column->name, column->type->base_oid);
    }
}

int catalog_read_marked(const struct relation_cache *cache, const PGresult *result,
                        struct buffer *list)
{
    buffer_reset(list);
    for (int row = 0; row < PQntuples(result); row++) {
        struct relation_name name = cell_name(result, row, 0);
        if (row > 0 && same_table(result, row - 1, row))
            continue;
        marked_list(list, name.schema, name.table);
        list_columns(relation_cache_find(cache, name.schema, name.table), list);
    }
    return list->failed;
}

static void append_name(struct buffer *list, const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        buffer_append_char(list, '*');
    else
        catalog_wal2json_name(list, pg_cell(result, row, column));
}

int catalog_read_list(const PGresult *result, struct buffer *list)
{
    buffer_reset(list);
    for (int row = 0; row < PQntuples(result); row++) {
        if (row > 0)
            buffer_append_char(list, ',');
        append_name(list, result, row, 0);
        buffer_append_char(list, '.');
        append_name(list, result, row, 1);
    }
    return buffer_append_char(list, '\0');
}
