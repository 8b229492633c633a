#include "operator/statements.h"
#include "pg/identifier.h"

const struct statement_text statement_texts[] = {
    {STATEMENT_ADVANCE, "SELECT walpiper.advance($1, $2, $3, $4, $5)"},
    {STATEMENT_REBUILD_BEGIN, "SELECT walpiper.rebuild_begin($1, $2, $3, $4, $5)"},
    {STATEMENT_REBUILD_ADVANCE, "SELECT walpiper.rebuild_advance($1, $2, $3, $4)"},
    {STATEMENT_FENCE, "SELECT walpiper.fence($1, $2)"},
    {STATEMENT_VISIBLE, "SELECT walpiper.require_visible($1)"},
    {STATEMENT_PARK, "SELECT walpiper.park($1, $2, $3, $4, $5, $6)"},
    {STATEMENT_TOUCH_PARKED, "SELECT walpiper.touch_parked($1, $2, $3)"},
    {STATEMENT_UNPARK, "DELETE FROM walpiper.parked WHERE operator = $1 AND id = $2"},
    {NULL, NULL},
};

int statement_delete(struct buffer *out, const struct config_operator *op)
{
    buffer_append_str(out, STR("DELETE FROM "));
    pg_qualified(out, str_from(op->target_schema), str_from(op->target_table));
    buffer_append_str(out, STR(" WHERE "));
    pg_identifier(out, str_from(op->target_id));
    return buffer_append_str(out, STR(" = $1"));
}

int statement_steps(const struct config_operator *op)
{
    return 1 + (int)op->source_count;
}

static bool deletes(const struct config_operator *op)
{
    for (size_t i = 0; i < op->source_count; i++)
        if (op->sources[i].delete_with)
            return true;
    return false;
}

/* The columns may differ in type, and their text is what makes them the same id. */
static void append_lacking(struct buffer *out, const struct config_operator_source *source,
                           const char *target_id)
{
    buffer_append_str(out, STR("NOT EXISTS (SELECT FROM "));
    pg_qualified(out, str_from(source->schema), str_from(source->table));
    buffer_append_str(out, STR(" s WHERE s."));
    pg_identifier(out, str_from(source->column));
    buffer_append_str(out, STR("::text = t."));
    pg_identifier(out, str_from(target_id));
    buffer_append_str(out, STR("::text)"));
}

static void append_orphan(struct buffer *out, const struct config_operator *op)
{
    const char *separator = " AND (";
    for (size_t i = 0; i < op->source_count; i++) {
        if (!op->sources[i].delete_with)
            continue;
        buffer_append_str(out, str_from(separator));
        append_lacking(out, &op->sources[i], op->target_id);
        separator = " OR ";
    }
    buffer_append_char(out, ')');
}

int statement_page(struct buffer *out, const struct config_operator *op, int step, bool after,
                   unsigned limit)
{
    const struct config_operator_source *source = step == 0 ? NULL : &op->sources[step - 1];
    bool orphans = !source && deletes(op);
    const char *schema = source ? source->schema : op->target_schema;
    const char *table = source ? source->table : op->target_table;
    struct str column = str_from(source ? source->column : op->target_id);

    buffer_printf(out, "SELECT p.k::text, %s FROM (SELECT DISTINCT t.", orphans ? "true" : "false");
    pg_identifier(out, column);
    buffer_append_str(out, STR(" AS k FROM "));
    pg_qualified(out, str_from(schema), str_from(table));
    buffer_append_str(out, STR(" t WHERE t."));
    pg_identifier(out, column);
    buffer_append_str(out, after ? STR(" > $1") : STR(" IS NOT NULL"));
    if (orphans)
        append_orphan(out, op);
    return buffer_printf(out, " ORDER BY k LIMIT %u) p ORDER BY p.k", limit);
}
