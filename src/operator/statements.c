#include "operator/statements.h"
#include "operator/sql_text.h"
#include "pg/identifier.h"

#define CHECKPOINT_COLUMNS                                                                         \
    "generation, epoch, lsn, ordinal, "                                                            \
    "rebuild, rebuild_step, rebuild_after, rebuild_where, rebuild_swap"

const struct statement_text statement_texts[] = {
    {STATEMENT_ADVANCE, "SELECT walpiper.advance($1, $2, $3, $4, $5, $6)"},
    {STATEMENT_REBUILD_BEGIN, "SELECT walpiper.rebuild_begin($1, $2, $3, $4, $5, $6)"},
    {STATEMENT_REBUILD_ADVANCE, "SELECT walpiper.rebuild_advance($1, $2, $3, $4, $5, $6)"},
    {STATEMENT_FENCE, "SELECT walpiper.fence($1, $2, $3)"},
    {STATEMENT_VISIBLE, "SELECT walpiper.require_visible($1)"},
    {STATEMENT_PARK, "SELECT walpiper.park($1, $2, $3, $4, $5, $6, $7, $8)"},
    {STATEMENT_PARK_AGAIN, "SELECT walpiper.park_again($1, $2, $3, $4, $5, $6)"},
    {STATEMENT_HALT, "SELECT walpiper.halt($1, $2, $3)"},
    {STATEMENT_TOUCH_PARKED, "SELECT walpiper.touch_parked($1, $2, $3)"},
    {STATEMENT_UNPARK, "DELETE FROM walpiper.parked WHERE operator = $1 AND id = $2"},
    {STATEMENT_CLAIM,
     "SELECT " CHECKPOINT_COLUMNS " FROM walpiper.claim($1, $2, $3, $4, $5, $6, $7)"},
    {STATEMENT_CHECKPOINT, "SELECT " CHECKPOINT_COLUMNS " FROM walpiper.checkpoint "
                           "WHERE operator = $1 AND lane = $2 AND generation = $3"},
    {STATEMENT_HOLD, "SELECT walpiper.hold($1, $2, $3, $4)"},
    /* Whether the holder is there is asked only by one that was replaced. */
    {STATEMENT_LOOK, "SELECT o.paused, o.halted, o.generation, o.commands, "
                     "CASE WHEN o.generation <> $3 THEN NOT EXISTS "
                     "(SELECT FROM pg_catalog.pg_stat_activity a JOIN walpiper.checkpoint h "
                     "ON h.pid = a.pid WHERE h.operator = o.name) "
                     "ELSE false END, "
                     "c.rebuild, c.rebuild_step, c.rebuild_after, c.rebuild_where, "
                     "c.rebuild_swap "
                     "FROM walpiper.operator o LEFT JOIN walpiper.checkpoint c "
                     "ON c.operator = o.name AND c.lane = $2 WHERE o.name = $1"},
    {STATEMENT_ALL_PARKED, "SELECT id FROM walpiper.parked WHERE operator = $1 "
                           "AND hash % $2::bigint = $3::bigint ORDER BY id LIMIT $4"},
    {STATEMENT_DUE, "SELECT id, wants_delete, attempts, event FROM walpiper.parked "
                    "WHERE operator = $1 AND hash % $2::bigint = $3::bigint "
                    "AND next_try <= now() ORDER BY next_try LIMIT $4"},
    {STATEMENT_SWAP_OPEN, "SELECT shadow_schema, columns "
                          "FROM walpiper.swap_open($1, $2, $3, $4, $5, $6, $7)"},
    {STATEMENT_SWAP_ENTER, "SELECT walpiper.swap_enter($1, $2, $3)"},
    {STATEMENT_SWAP_LEAVE, "SELECT walpiper.swap_leave()"},
    {STATEMENT_SWAP_EXCHANGE, "SELECT deleted, merged "
                              "FROM walpiper.swap_exchange($1, $2, $3, $4, $5, $6)"},
    {STATEMENT_SWAP_END, "SELECT walpiper.swap_end($1, $2, $3)"},
    {NULL, NULL},
};

/* The transactions that are writing to the tables $1, by virtual transaction id. A transaction
 * keeps its locks until other sessions see it, so once these are gone, all they wrote is visible.
 */
#define WRITERS "coalesce(array_agg(DISTINCT l.virtualtransaction), '{}')"
#define OF_LOCKS                                                                                   \
    " FROM pg_catalog.pg_locks l WHERE l.locktype = 'relation' AND l.database = "                  \
    "(SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) "           \
    "AND (l.relation = ANY ($1::oid[]) OR l.relation IN (SELECT t.relid::oid "                     \
    "FROM unnest($1::oid[]) AS r (root), pg_partition_tree(r.root) AS t)) "                        \
    "AND l.granted AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', "                   \
    "'ExclusiveLock', 'AccessExclusiveLock') AND l.pid IS DISTINCT FROM pg_backend_pid()"

const struct statement_text statement_source_texts[] = {
    {STATEMENT_WRITERS, "SELECT " WRITERS OF_LOCKS},
    {STATEMENT_WRITE_STILL, "SELECT " WRITERS " && $2::text[]" OF_LOCKS},
    /* As walpiper.require_slot(), for a claim in another database. */
    {STATEMENT_RIVAL, "SELECT s.active_pid FROM pg_catalog.pg_replication_slots s "
                      "WHERE s.slot_name = $1 AND (s.active_pid <> $2::integer "
                      "OR (s.active_pid IS NULL AND $3::boolean))"},
    /* One of the transactions whose end this snapshot does not see, as walpiper.require_visible()
     * of sql/state.sql finds it: the xids are the low 32 bits, and 2^30 of them lie ahead. */
    {STATEMENT_UNSEEN,
     "SELECT x.xid FROM unnest($1::bigint[]) AS x (xid), "
     "(SELECT pg_current_snapshot()) AS s (seen) "
     "WHERE (x.xid - pg_snapshot_xmax(s.seen)::text::bigint % 4294967296 + 4294967296) "
     "% 4294967296 < 1073741824 OR x.xid IN (SELECT i.xid::text::bigint % 4294967296 "
     "FROM pg_snapshot_xip(s.seen) AS i (xid)) LIMIT 1"},
    {NULL, NULL},
};

/* Appends the columns of id NAMES, as those of the relation ALIAS. */
static void append_columns(struct buffer *out, char alias, const struct config_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        buffer_printf(out, "%s%c.", i == 0 ? "" : ", ", alias);
        pg_identifier(out, str_from(names->items[i].text));
    }
}

void statement_numbered(struct buffer *out, const char *prefix, size_t count, const char *suffix)
{
    for (size_t i = 1; i <= count; i++)
        buffer_printf(out, "%s%s%zu%s", i == 1 ? "" : ", ", prefix, i, suffix);
}

void statement_arrays(struct buffer *out, const struct id_types *types)
{
    buffer_append_str(out, STR("unnest("));
    for (size_t i = 0; i < types->count; i++)
        buffer_printf(out, "%s$%zu::%s[]", i == 0 ? "" : ", ", i + 1, types->names[i]);
    buffer_append_char(out, ')');
}

void statement_ids(struct buffer *out, const struct id_types *types)
{
    statement_arrays(out, types);
    buffer_append_str(out, STR(" AS k ("));
    statement_numbered(out, "c", types->count, "");
    buffer_append_char(out, ')');
}

int statement_delete(struct buffer *out, const struct config_operator *op,
                     const struct id_types *types)
{
    const struct config_names *id = &op->target_id;

    buffer_append_str(out, STR("DELETE FROM "));
    pg_qualified(out, str_from(op->target_schema), str_from(op->target_table));
    buffer_append_str(out, STR(" AS t USING "));
    statement_ids(out, types);
    for (size_t i = 0; i < id->count; i++) {
        buffer_append_str(out, i == 0 ? STR(" WHERE t.") : STR(" AND t."));
        pg_identifier(out, str_from(id->items[i].text));
        buffer_printf(out, " = k.c%zu", i + 1);
    }
    return out->failed;
}

int statement_keep(struct buffer *out, const struct config_operator *op,
                   const struct config_operator *to, const struct id_types *types,
                   const char *columns)
{
    buffer_append_str(out, STR("INSERT INTO "));
    pg_qualified(out, str_from(to->target_schema), str_from(to->target_table));
    buffer_printf(out, " (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM ", columns, columns);
    pg_qualified(out, str_from(op->target_schema), str_from(op->target_table));
    buffer_append_str(out, STR(" AS t WHERE ("));
    append_columns(out, 't', &op->target_id);
    buffer_append_str(out, STR(") IN (SELECT k.* FROM "));
    statement_ids(out, types);
    return buffer_append_str(out, STR(") ON CONFLICT DO NOTHING"));
}

int statement_call(struct buffer *out, const struct config_operator *op)
{
    buffer_append_str(out, STR("SELECT "));
    pg_qualified(out, str_from(op->call_schema), str_from(op->call_function));
    return buffer_append_str(out, STR("($1::jsonb)"));
}

/* --- keys ------------------------------------------------------------------------------------- */

#define KEY "walpiper_key" /* what the query sees of us */

const char *statement_keys_name(char name[STATEMENT_NAME_MAX], size_t source)
{
    snprintf(name, STATEMENT_NAME_MAX, "walpiper_keys_%zu", source);
    return name;
}

/* Appends the columns of the answer as those of the target's id, between parentheses. */
static void append_typed(struct buffer *out, const struct id_types *types, const char *prefix,
                         size_t first)
{
    for (size_t i = 0; i < types->count; i++)
        buffer_printf(out, "%s%s%zu::%s", i == 0 ? "" : ", ", prefix, first + i, types->names[i]);
}

int statement_keys(struct buffer *out, const struct config_operator_source *source,
                   const struct id_types *key, const struct id_types *types)
{
    buffer_append_str(out, STR("SELECT "));
    statement_numbered(out, "p.c", types->count, "::text");
    buffer_append_str(out, STR(" FROM (SELECT DISTINCT "));
    append_typed(out, types, "r.c", 1);
    buffer_printf(out, " FROM unnest($1::%s[]) AS " KEY " (c1) CROSS JOIN LATERAL (\n",
                  key->names[0]);
    sql_text_bind(out, str_from(source->keys), KEY);
    buffer_append_str(out, STR("\n) AS r ("));
    statement_numbered(out, "c", types->count, "");
    buffer_append_str(out, STR(") WHERE "));
    for (size_t i = 0; i < types->count; i++)
        buffer_printf(out, "r.c%zu IS NOT NULL AND ", i + 1);
    buffer_printf(out, "($2::%s IS NULL OR (", types->names[0]);
    append_typed(out, types, "r.c", 1);
    buffer_append_str(out, STR(") > ("));
    append_typed(out, types, "$", 2);
    buffer_append_str(out, STR(")) ORDER BY "));
    statement_numbered(out, "", types->count, "");
    buffer_printf(out, " LIMIT %d) AS p (", STATEMENT_KEYS_PAGE);
    statement_numbered(out, "c", types->count, "");
    buffer_append_str(out, STR(") ORDER BY "));
    statement_numbered(out, "p.c", types->count, "");
    return out->failed;
}

/* --- pages of a rebuild ------------------------------------------------------------------------
 */

int statement_next_step(const struct config_operator *op, int step)
{
    while (++step <= (int)op->source_count)
        if (!op->sources[step - 1].keys)
            return step;
    return -1;
}

bool statement_has_orphans(const struct config_operator *op)
{
    for (size_t i = 0; i < op->source_count; i++)
        if (op->sources[i].delete_with)
            return true;
    return false;
}

/* The columns may differ in type, and their text is what makes them the same id: of the row t, or
 * when TARGET_ID is NULL those of k, which are text. */
static void append_lacking(struct buffer *out, const struct config_operator_source *source,
                           const struct config_names *target_id)
{
    buffer_append_str(out, STR("NOT EXISTS (SELECT FROM "));
    pg_qualified(out, str_from(source->schema), str_from(source->table));
    for (size_t i = 0; i < source->columns.count; i++) {
        buffer_append_str(out, i == 0 ? STR(" s WHERE s.") : STR(" AND s."));
        pg_identifier(out, str_from(source->columns.items[i].text));
        buffer_append_str(out, STR("::text = "));
        if (!target_id) {
            buffer_printf(out, "k.c%zu", i + 1);
            continue;
        }
        buffer_append_str(out, STR("t."));
        pg_identifier(out, str_from(target_id->items[i].text));
        buffer_append_str(out, STR("::text"));
    }
    buffer_append_char(out, ')');
}

static void append_orphan(struct buffer *out, const struct config_operator *op,
                          const struct config_names *target_id)
{
    const char *separator = "(";
    for (size_t i = 0; i < op->source_count; i++) {
        if (!op->sources[i].delete_with)
            continue;
        buffer_append_str(out, str_from(separator));
        append_lacking(out, &op->sources[i], target_id);
        separator = " OR ";
    }
    buffer_append_char(out, ')');
}

void statement_orphan(struct buffer *out, const struct config_operator *op)
{
    if (statement_has_orphans(op))
        append_orphan(out, op, &op->target_id);
    else
        buffer_append_str(out, STR("false"));
}

static void append_condition(struct buffer *out, const struct config_names *columns, bool after)
{
    for (size_t i = 0; i < columns->count; i++) {
        buffer_append_str(out, i == 0 ? STR(" WHERE t.") : STR(" AND t."));
        pg_identifier(out, str_from(columns->items[i].text));
        buffer_append_str(out, STR(" IS NOT NULL"));
    }
    if (!after)
        return;
    buffer_append_str(out, STR(" AND ("));
    append_columns(out, 't', columns);
    buffer_append_str(out, STR(") > ("));
    statement_numbered(out, "$", columns->count, "");
    buffer_append_char(out, ')');
}

/* Whatever the columns of a source are called, people know them by the names of the target's id. */
static void append_where(struct buffer *out, const struct config_names *target_id,
                         const char *where)
{
    buffer_append_str(out, STR(") AS q ("));
    for (size_t i = 0; i < target_id->count; i++) {
        buffer_append_str(out, i == 0 ? STR("") : STR(", "));
        pg_identifier(out, str_from(target_id->items[i].text));
    }
    buffer_printf(out, ") WHERE (%s\n)", where); /* it may end in a comment */
}

int statement_page(struct buffer *out, const struct config_operator *op, int step, bool after,
                   const char *where, unsigned limit)
{
    const struct config_operator_source *source = step == 0 ? NULL : &op->sources[step - 1];
    const struct config_names *columns = source ? &source->columns : &op->target_id;
    bool orphans = !source && !op->database && statement_has_orphans(op);

    buffer_append_str(out, STR("SELECT "));
    statement_numbered(out, "p.c", columns->count, "::text");
    buffer_printf(out, ", %s FROM (%sSELECT DISTINCT ", orphans ? "true" : "false",
                  where ? "SELECT * FROM (" : "");
    append_columns(out, 't', columns);
    buffer_append_str(out, STR(" FROM "));
    if (source)
        pg_qualified(out, str_from(source->schema), str_from(source->table));
    else
        pg_qualified(out, str_from(op->target_schema), str_from(op->target_table));
    buffer_append_str(out, STR(" AS t"));
    append_condition(out, columns, after);
    if (orphans) {
        buffer_append_str(out, STR(" AND "));
        append_orphan(out, op, &op->target_id);
    }
    if (where)
        append_where(out, &op->target_id, where);
    buffer_append_str(out, STR(" ORDER BY "));
    if (where)
        statement_numbered(out, "", columns->count, "");
    else
        append_columns(out, 't', columns);
    buffer_printf(out, " LIMIT %u) AS p (", limit);
    statement_numbered(out, "c", columns->count, "");
    buffer_append_str(out, STR(") ORDER BY "));
    statement_numbered(out, "p.c", columns->count, "");
    return out->failed;
}

int statement_orphans(struct buffer *out, const struct config_operator *op)
{
    buffer_append_str(out, STR("SELECT "));
    statement_numbered(out, "k.c", op->target_id.count, "");
    buffer_append_str(out, STR(", "));
    append_orphan(out, op, NULL);
    buffer_append_str(out, STR(" FROM unnest("));
    statement_numbered(out, "$", op->target_id.count, "::text[]");
    buffer_append_str(out, STR(") WITH ORDINALITY AS k ("));
    statement_numbered(out, "c", op->target_id.count, "");
    buffer_append_str(out, STR(", n) ORDER BY k.n"));
    return out->failed;
}
