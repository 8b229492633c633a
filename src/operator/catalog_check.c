#include "operator/catalog_check.h"
#include "operator/definition.h"
#include "pg/array.h"
#include "pg/identifier.h"
#include "pg/result.h"
#include <errno.h>

const char catalog_check_sql[] =
    "SELECT c.oid, u.name, a.attnum IS NOT NULL, ("
    "  SELECT bool_and(CASE l.relreplident WHEN 'f' THEN true WHEN 'n' THEN false ELSE EXISTS ("
    "    SELECT FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid"
    "      AND k.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])"
    "    WHERE i.indrelid = l.oid AND k.attname = u.name"
    "      AND CASE l.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END) END)"
    "  FROM pg_class l"
    "  WHERE (l.oid = c.oid AND c.relkind = 'r')"
    "    OR l.oid IN (SELECT t.relid FROM pg_partition_tree(c.oid) t WHERE t.isleaf)), "
    /* Without a modifier: to one of length null a char(n) would be a char(1). */
    "format_type(a.atttypid, -1), y.oid, y.typarray "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN unnest($3::text[]) WITH ORDINALITY AS u (name, at) ON true "
    "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = u.name AND a.attnum > 0 "
    "  AND NOT a.attisdropped "
    "LEFT JOIN pg_type y ON y.oid = a.atttypid "
    "WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') ORDER BY u.at";

enum {
    COLUMN_OID,
    COLUMN_NAME,
    COLUMN_EXISTS,
    COLUMN_IN_IDENTITY,
    COLUMN_TYPE,
    TYPE_OID,
    ARRAY_OID
};

int catalog_check_names(struct buffer *out, const struct config_names *columns)
{
    for (size_t i = 0; i < columns->count; i++)
        pg_array_item(out, columns->items[i].text);
    return pg_array_end(out);
}

static Oid oid_at(const PGresult *rows, int row, int column)
{
    int64_t oid = 0;
    return str_to_int64(pg_cell(rows, row, column), &oid) < 0 ? InvalidOid : (Oid)oid;
}

/* KEY names what has the type: the line of the configuration, and the column. */
static int take_type(const PGresult *rows, int row, struct id_types *types, const char *key,
                     struct error *err)
{
    struct str name = pg_cell(rows, row, COLUMN_TYPE);
    Oid array = oid_at(rows, row, ARRAY_OID);
    if (array == InvalidOid || name.len >= sizeof(types->names[row]))
        return error_set(err, -EINVAL,
                         "%s: %s has the type %.*s, of which there are no arrays; choose a column "
                         "of another type",
                         key, PQgetvalue(rows, row, COLUMN_NAME), STR_ARG(name));
    memcpy(types->names[row], name.data, name.len + 1);
    types->oids[row] = oid_at(rows, row, TYPE_OID);
    types->array_oids[row] = array;
    return 0;
}

int catalog_check_target(const struct config_operator *op, const PGresult *rows,
                         struct id_types *ret_types, struct error *err)
{
    if (PQntuples(rows) == 0)
        return error_set(err, -EINVAL, "target: there is no table %s.%s; create it",
                         op->target_schema, op->target_table);
    struct id_types types = {.count = op->target_id.count};
    for (int i = 0; i < PQntuples(rows); i++) {
        if (!pg_true(rows, i, COLUMN_EXISTS))
            return error_set(err, -EINVAL, "target_id: %s.%s has no column %s; correct target_id",
                             op->target_schema, op->target_table, PQgetvalue(rows, i, COLUMN_NAME));
        int rc = take_type(rows, i, &types, "target_id", err);
        if (rc < 0)
            return rc;
    }
    *ret_types = types;
    return 0;
}

int catalog_check_key(const struct config_operator_source *source, const PGresult *rows,
                      struct id_types *ret_type, struct error *err)
{
    char key[160];
    struct id_types type = {.count = 1};
    snprintf(key, sizeof(key), "tables: map of %s.%s", source->schema, source->table);
    int rc = take_type(rows, 0, &type, key, err);
    if (rc == 0)
        *ret_type = type;
    return rc;
}

int catalog_check_keys(const struct config_operator *op, const PGresult *description,
                       struct error *err)
{
    if (PQnparams(description) != 1)
        return error_set(err, -EINVAL,
                         "keys: has %d parameters; it must have one, the value of map",
                         PQnparams(description));
    if ((size_t)PQnfields(description) != op->target_id.count)
        return error_set(err, -EINVAL,
                         "keys: gives %d columns; it must give %zu, those of target_id",
                         PQnfields(description), op->target_id.count);
    return 0;
}

/* The system identifier would not tell a server from a copy of it that was promoted. */
const char catalog_place_sql[] =
    "SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), d.oid) "
    "FROM pg_catalog.pg_database d WHERE d.datname = current_database()";

const char catalog_function_sql[] =
    "SELECT bool_or(has_function_privilege(p.oid, 'EXECUTE')) FROM pg_proc p "
    "JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1 AND p.proname = $2";

int catalog_check_function(const struct config_operator *op, const PGresult *row, struct error *err)
{
    if (PQntuples(row) == 0 || PQgetisnull(row, 0, 0))
        return error_set(err, -EINVAL,
                         "call: there is no function %s.%s; create it, with a parameter jsonb",
                         op->call_schema, op->call_function);
    if (!pg_true(row, 0, 0))
        return error_set(err, -EINVAL,
                         "call: the role may not execute %s.%s; GRANT EXECUTE ON FUNCTION %s.%s "
                         "to it",
                         op->call_schema, op->call_function, op->call_schema, op->call_function);
    return 0;
}

static int refuse_identity(const struct config_operator_source *source, const char *column,
                           struct error *err)
{
    struct buffer table;
    buffer_init(&table, 1024);
    pg_qualified(&table, str_from(source->schema), str_from(source->table));
    int rc = error_set(err, -EINVAL,
                       "tables: %s is not in the replica identity of %s.%s, so the log does not "
                       "tell which id a row leaves; run ALTER TABLE %.*s REPLICA IDENTITY FULL",
                       column, source->schema, source->table, STR_ARG(buffer_str(&table)));
    buffer_release(&table);
    return rc;
}

int catalog_check_source(const struct config_operator *op, size_t index, const PGresult *rows,
                         struct error *err)
{
    const struct config_operator_source *source = &op->sources[index];
    if (PQntuples(rows) == 0)
        return error_set(err, -EINVAL,
                         "tables: there is no table %s.%s; create it or correct "
                         "the name",
                         source->schema, source->table);
    for (int i = 0; i < (int)source->columns.count && i < PQntuples(rows); i++) {
        const char *column = PQgetvalue(rows, i, COLUMN_NAME);
        if (!pg_true(rows, i, COLUMN_EXISTS))
            return error_set(err, -EINVAL, "tables: %s.%s has no column %s; correct the name",
                             source->schema, source->table, column);
        /* Null: a partitioned table without partitions has no rows yet. */
        if (definition_needs_identity(op) && !PQgetisnull(rows, i, COLUMN_IN_IDENTITY) &&
            !pg_true(rows, i, COLUMN_IN_IDENTITY))
            return refuse_identity(source, column, err);
    }
    return 0;
}
