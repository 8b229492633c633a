#include "operator/verify.h"
#include "pg/identifier.h"
#include <inttypes.h>

const char verify_percent_sql[] =
    "SELECT 100 * (50 + 2 * $3::float8) / greatest(sum(p.pages), 1) / least(1, coalesce("
    "sum(p.reltuples) / nullif(sum(p.relpages), 0), 1)) "
    "FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace "
    "CROSS JOIN LATERAL (SELECT pg_relation_size(c.oid) / current_setting('block_size')::float8 "
    "AS pages, CASE WHEN c.reltuples > 0 THEN c.reltuples END AS reltuples, "
    "CASE WHEN c.reltuples > 0 THEN c.relpages END AS relpages "
    "FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND (c.oid = t.oid OR c.oid IN "
    "(SELECT r.relid FROM pg_partition_tree(t.oid) r))) AS p "
    "WHERE n.nspname = $1 AND t.relname = $2";

/* Appends "t.name::type, ..." with the types of the target's id. */
static void append_typed(struct buffer *out, const struct config_names *columns,
                         const struct id_types *types)
{
    for (size_t i = 0; i < columns->count; i++) {
        buffer_append_str(out, i == 0 ? STR("t.") : STR(", t."));
        pg_identifier(out, str_from(columns->items[i].text));
        buffer_printf(out, "::%s", types->names[i]);
    }
}

static void append_names(struct buffer *out, const struct config_names *names, const char *suffix)
{
    for (size_t i = 0; i < names->count; i++) {
        buffer_append_str(out, i == 0 ? STR("t.") : STR(", t."));
        pg_identifier(out, str_from(names->items[i].text));
        buffer_append_str(out, str_from(suffix));
    }
}

/* Appends " AS alias (names of target_id". */
static void append_alias(struct buffer *out, const struct config_operator *op, const char *alias)
{
    buffer_printf(out, " AS %s (", alias);
    for (size_t i = 0; i < op->target_id.count; i++) {
        buffer_append_str(out, i == 0 ? STR("") : STR(", "));
        pg_identifier(out, str_from(op->target_id.items[i].text));
    }
}

/* Appends the relation of the ids of one table, whose columns are called as those of target_id. */
static void append_table(struct buffer *out, const struct config_operator *op, int step,
                         const struct id_types *types, const struct verify_scope *scope)
{
    const struct config_operator_source *source = step == 0 ? NULL : &op->sources[step - 1];
    const struct config_names *columns = source ? &source->columns : &op->target_id;

    buffer_append_str(out, STR("(SELECT "));
    append_typed(out, columns, types);
    buffer_append_str(out, STR(" FROM "));
    if (source)
        pg_qualified(out, str_from(source->schema), str_from(source->table));
    else
        pg_qualified(out, str_from(op->target_schema), str_from(op->target_table));
    buffer_append_str(out, STR(" AS t"));
    if (scope->percent && scope->percent[step] < 100)
        buffer_printf(out, " TABLESAMPLE SYSTEM (%.9f)", scope->percent[step]);
    buffer_append_str(out, STR(" WHERE "));
    for (size_t i = 0; i < columns->count; i++) {
        buffer_append_str(out, i == 0 ? STR("t.") : STR(" AND t."));
        pg_identifier(out, str_from(columns->items[i].text));
        buffer_append_str(out, STR(" IS NOT NULL"));
    }
    buffer_append_char(out, ')');
    append_alias(out, op, "q");
    buffer_append_char(out, ')');
}

static void append_sample(struct buffer *out, const struct verify_scope *scope)
{
    if (scope->sample > 0)
        buffer_printf(out, " ORDER BY random() LIMIT %" PRId64, scope->sample);
}

static void append_tables(struct buffer *out, const struct config_operator *op,
                          const struct id_types *types, const struct verify_scope *scope)
{
    const char *separator = "(SELECT * FROM ";
    for (int step = 0; step >= 0; step = statement_next_step(op, step)) {
        if (step == 0 ? !scope->target : !scope->sources)
            continue;
        buffer_append_str(out, str_from(separator));
        separator = " UNION (SELECT * FROM ";
        append_table(out, op, step, types, scope);
        if (scope->where)
            buffer_printf(out, " WHERE (%s\n)", scope->where); /* it may end in a comment */
        append_sample(out, scope);
        buffer_append_char(out, ')');
    }
}

int verify_ids(struct buffer *out, const struct config_operator *op, const struct id_types *types,
               const struct verify_scope *scope)
{
    buffer_append_str(out, STR("SELECT "));
    append_names(out, &op->target_id, "::text");
    buffer_append_str(out, STR(", "));
    if (scope->target && scope->sources)
        statement_orphan(out, op);
    else
        buffer_append_str(out, STR("false"));
    buffer_append_str(out, STR(" FROM (SELECT * FROM ("));
    append_tables(out, op, types, scope);
    buffer_append_str(out, STR(") AS u"));
    append_sample(out, scope);
    buffer_append_char(out, ')');
    append_alias(out, op, "t");
    buffer_append_str(out, STR(") ORDER BY "));
    append_names(out, &op->target_id, "");
    return out->failed;
}

int verify_rows(struct buffer *out, const struct config_operator *op, const struct id_types *types)
{
    buffer_append_str(out,
                      STR("SELECT k.nr, concat_ws(' ', t.tableoid, t.ctid, t.xmin), t.* FROM "));
    statement_arrays(out, types);
    buffer_append_str(out, STR(" WITH ORDINALITY AS k ("));
    statement_numbered(out, "c", types->count, "");
    buffer_append_str(out, STR(", nr) JOIN "));
    pg_qualified(out, str_from(op->target_schema), str_from(op->target_table));
    buffer_append_str(out, STR(" AS t ON "));
    for (size_t i = 0; i < types->count; i++) {
        buffer_append_str(out, i == 0 ? STR("t.") : STR(" AND t."));
        pg_identifier(out, str_from(op->target_id.items[i].text));
        buffer_printf(out, " = k.c%zu", i + 1);
    }
    buffer_append_str(out, STR(" ORDER BY k.nr, (t.*)::text"));
    return out->failed;
}
