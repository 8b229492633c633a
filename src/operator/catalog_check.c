#include "operator/catalog_check.h"
#include "base/buffer.h"
#include "operator/definition.h"
#include "pg/identifier.h"
#include <errno.h>

const char catalog_check_sql[] =
    "SELECT c.oid, a.attnum IS NOT NULL, ("
    "  SELECT bool_and(CASE l.relreplident WHEN 'f' THEN true WHEN 'n' THEN false ELSE EXISTS ("
    "    SELECT FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid"
    "      AND k.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])"
    "    WHERE i.indrelid = l.oid AND k.attname = $3"
    "      AND CASE l.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END) END)"
    "  FROM pg_class l"
    "  WHERE (l.oid = c.oid AND c.relkind = 'r')"
    "    OR l.oid IN (SELECT t.relid FROM pg_partition_tree(c.oid) t WHERE t.isleaf)) "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $3 AND a.attnum > 0 "
    "  AND NOT a.attisdropped "
    "WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')";

enum { COLUMN_OID, COLUMN_EXISTS, COLUMN_IN_IDENTITY };

static bool is_true(const PGresult *row, int column)
{
    return PQgetvalue(row, 0, column)[0] == 't';
}

int catalog_check_target(const struct config_operator *op, const PGresult *row, struct error *err)
{
    if (PQntuples(row) == 0)
        return error_set(err, -EINVAL, "target: there is no table %s.%s; create it",
                         op->target_schema, op->target_table);
    if (!is_true(row, COLUMN_EXISTS))
        return error_set(err, -EINVAL, "target_id: %s.%s has no column %s; correct target_id",
                         op->target_schema, op->target_table, op->target_id);
    return 0;
}

static int refuse_identity(const struct config_operator_source *source, struct error *err)
{
    struct buffer table;
    buffer_init(&table, 1024);
    pg_qualified(&table, str_from(source->schema), str_from(source->table));
    int rc = error_set(err, -EINVAL,
                       "tables: %s is not in the replica identity of %s.%s, so the log does not "
                       "tell which id a row leaves; run ALTER TABLE %.*s REPLICA IDENTITY FULL",
                       source->column, source->schema, source->table, STR_ARG(buffer_str(&table)));
    buffer_release(&table);
    return rc;
}

int catalog_check_source(const struct config_operator *op, size_t index, const PGresult *row,
                         struct error *err)
{
    const struct config_operator_source *source = &op->sources[index];
    if (PQntuples(row) == 0)
        return error_set(err, -EINVAL,
                         "tables: there is no table %s.%s; create it or correct "
                         "the name",
                         source->schema, source->table);
    if (!is_true(row, COLUMN_EXISTS))
        return error_set(err, -EINVAL, "tables: %s.%s has no column %s; correct the name",
                         source->schema, source->table, source->column);
    /* Null: a partitioned table without partitions has no rows yet. */
    if (definition_needs_identity(op) && !PQgetisnull(row, 0, COLUMN_IN_IDENTITY) &&
        !is_true(row, COLUMN_IN_IDENTITY))
        return refuse_identity(source, err);
    return 0;
}
