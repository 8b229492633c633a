#include "operator/select.h"
#include "operator/sql_text.h"
#include "pg/identifier.h"
#include <errno.h>
#include <stdlib.h>

void select_release(struct select *select)
{
    free(select->columns);
    *select = (struct select){0};
}

/* --- its columns ------------------------------------------------------------------------------ */

static struct select_column *find(const struct select *select, const char *name)
{
    for (size_t i = 0; i < select->count; i++)
        if (strcmp(select->columns[i].name, name) == 0)
            return &select->columns[i];
    return NULL;
}

static int take_names(struct select *select, const struct config_operator *op,
                      const PGresult *description, struct error *err)
{
    for (int i = 0; i < PQnfields(description); i++) {
        const char *name = PQfname(description, i);
        if (find(select, name))
            return error_set(err, -EINVAL, "select: gives %s twice; rename one", name);
        struct select_column *column = &select->columns[select->count++];
        snprintf(column->name, sizeof(column->name), "%s", name);
        column->is_id = config_names_have(&op->target_id, name);
    }
    for (size_t i = 0; i < op->target_id.count; i++)
        if (!find(select, op->target_id.items[i].text))
            return error_set(err, -EINVAL,
                             "select: does not give %s, which is in target_id; add it, or AS %s",
                             op->target_id.items[i].text, op->target_id.items[i].text);
    return 0;
}

int select_read(struct select *ret_select, const struct config_operator *op,
                const PGresult *description, struct error *err)
{
    if ((size_t)PQnparams(description) != op->target_id.count)
        return error_set(err, -EINVAL,
                         "select: has %d parameters; it must have %zu, one for each column of "
                         "target_id",
                         PQnparams(description), op->target_id.count);
    if (PQnfields(description) == 0)
        return error_set(err, -EINVAL, "select: gives no rows; write a SELECT");
    struct select select = {.columns =
                                calloc((size_t)PQnfields(description), sizeof(*select.columns))};
    if (!select.columns)
        return error_set(err, -ENOMEM, "select: no memory");
    int rc = take_names(&select, op, description, err);
    if (rc < 0) {
        select_release(&select);
        return rc;
    }
    *ret_select = select;
    return 0;
}

/* --- the target's columns ----------------------------------------------------------------------
 */

/* The modifier is part of what is stored: an average is rounded to a numeric(6,2). But to a
 * varchar(n) a cast would cut off what the server refuses to store. */
const char select_target_sql[] =
    "SELECT a.attname, format_type(a.atttypid, CASE WHEN a.atttypid IN "
    "('varchar'::regtype, 'varbit'::regtype) THEN -1 ELSE a.atttypmod END),"
    " CASE WHEN a.attgenerated <> '' THEN 'is generated'"
    "  WHEN a.attidentity = 'a' THEN 'is always an identity' ELSE '' END "
    "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped";

enum { TARGET_COLUMN, TARGET_TYPE, TARGET_REFUSAL };

int select_check(struct select *select, const struct config_operator *op, const PGresult *rows,
                 struct error *err)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        struct select_column *column = find(select, PQgetvalue(rows, i, TARGET_COLUMN));
        const char *refusal = PQgetvalue(rows, i, TARGET_REFUSAL);
        if (!column)
            continue;
        if (*refusal)
            return error_set(err, -EINVAL, "select: %s of %s.%s %s; remove it from the SELECT",
                             column->name, op->target_schema, op->target_table, refusal);
        snprintf(column->type, sizeof(column->type), "%s", PQgetvalue(rows, i, TARGET_TYPE));
    }
    for (size_t i = 0; i < select->count; i++)
        if (select->columns[i].type[0] == '\0')
            return error_set(err, -EINVAL,
                             "select: %s.%s has no column %s; add it, or remove it from the SELECT",
                             op->target_schema, op->target_table, select->columns[i].name);
    return 0;
}

/* --- the MERGE -------------------------------------------------------------------------------- */

/* Every relation's columns are numbered, so that no name of the user's meets one of ours;
 * walpiper_id is what the SELECT sees of us. */
#define IDS "walpiper_id"

/* The position of a column of the id among those of the SELECT, from 1. */
static size_t number_of(const struct select *select, const char *name)
{
    return (size_t)(find(select, name) - select->columns) + 1;
}

static void append_source(struct buffer *out, const struct select *select,
                          const struct config_operator *op, const struct id_types *types)
{
    buffer_append_str(out, STR(" USING (SELECT " IDS ".*, r.* FROM (SELECT DISTINCT * FROM "));
    statement_ids(out, types);
    buffer_append_str(out, STR(") AS " IDS " LEFT JOIN LATERAL (\n"));
    sql_text_bind(out, str_from(op->query), IDS);
    buffer_append_str(out, STR("\n) AS r ("));
    statement_numbered(out, "c", select->count, "");
    for (size_t i = 0; i < types->count; i++)
        buffer_printf(out, "%s r.c%zu::%s = " IDS ".c%zu", i == 0 ? ") ON" : " AND",
                      number_of(select, op->target_id.items[i].text), types->names[i], i + 1);
    buffer_append_str(out, STR(") AS s ("));
    statement_numbered(out, "k", types->count, "");
    buffer_append_str(out, STR(", "));
    statement_numbered(out, "c", select->count, "");
    for (size_t i = 0; i < types->count; i++) {
        buffer_append_str(out, i == 0 ? STR(") ON t.") : STR(" AND t."));
        pg_identifier(out, str_from(op->target_id.items[i].text));
        buffer_printf(out, " = s.k%zu", i + 1);
    }
}

/* Appends FORMAT-like pieces for each column that is no id. */
enum piece { PIECE_TARGET, PIECE_SOURCE, PIECE_SET };

static void append_values(struct buffer *out, const struct select *select, enum piece piece)
{
    const char *separator = "";
    for (size_t i = 0; i < select->count; i++) {
        const struct select_column *column = &select->columns[i];
        if (column->is_id)
            continue;
        buffer_append_str(out, str_from(separator));
        separator = ", ";
        if (piece == PIECE_TARGET)
            buffer_append_str(out, STR("t."));
        if (piece != PIECE_SOURCE)
            pg_identifier(out, str_from(column->name));
        if (piece == PIECE_SET)
            buffer_printf(out, " = s.c%zu", i + 1);
        if (piece == PIECE_SOURCE)
            buffer_printf(out, "s.c%zu::%s", i + 1, column->type);
    }
}

/* *<> looks at the bytes of any type, which is what a reader sees: 1.0 is not 1.00. Without the
 * casts it would be looked for column by column, and there is none. */
static void append_update(struct buffer *out, const struct select *select)
{
    buffer_append_str(out, STR(" WHEN MATCHED AND ROW("));
    append_values(out, select, PIECE_TARGET);
    buffer_append_str(out, STR(")::record *<> ROW("));
    append_values(out, select, PIECE_SOURCE);
    buffer_append_str(out, STR(")::record THEN UPDATE SET "));
    append_values(out, select, PIECE_SET);
}

static void append_insert(struct buffer *out, const struct select *select, size_t id)
{
    buffer_printf(out, " WHEN NOT MATCHED AND s.c%zu IS NOT NULL THEN INSERT (", id);
    for (size_t i = 0; i < select->count; i++) {
        buffer_append_str(out, i == 0 ? STR("") : STR(", "));
        pg_identifier(out, str_from(select->columns[i].name));
    }
    buffer_append_str(out, STR(") VALUES ("));
    statement_numbered(out, "s.c", select->count, "");
    buffer_append_char(out, ')');
}

int select_merge(struct buffer *out, const struct select *select, const struct config_operator *op,
                 const struct id_types *types)
{
    size_t id = number_of(select, op->target_id.items[0].text);

    buffer_append_str(out, STR("MERGE INTO "));
    pg_qualified(out, str_from(op->target_schema), str_from(op->target_table));
    buffer_append_str(out, STR(" AS t"));
    append_source(out, select, op, types);
    buffer_printf(out, " WHEN MATCHED AND s.c%zu IS NULL THEN DELETE", id);
    if (select->count > op->target_id.count)
        append_update(out, select);
    append_insert(out, select, id);
    return out->failed;
}
