#include "operator/shadow.h"
#include "operator/apply.h"
#include "operator/session.h"
#include "operator/statements.h"
#include <errno.h>
#include <stdlib.h>

void shadow_init(struct shadow *shadow, const struct config_operator *op)
{
    *shadow = (struct shadow){.op = *op};
    shadow->op.target_schema = NULL;
}

void shadow_close(struct shadow *shadow)
{
    free(shadow->columns);
    shadow->columns = NULL;
    shadow->schema[0] = '\0';
    shadow->open = false;
}

int shadow_take(struct shadow *shadow, const PGresult *row)
{
    shadow_close(shadow);
    if (PQresultStatus(row) != PGRES_TUPLES_OK || PQntuples(row) != 1 || PQgetisnull(row, 0, 0))
        return 0;
    shadow->columns = strdup(PQgetvalue(row, 0, 1));
    if (!shadow->columns)
        return -ENOMEM;
    snprintf(shadow->schema, sizeof(shadow->schema), "%s", PQgetvalue(row, 0, 0));
    shadow->op.target_schema = shadow->schema;
    return 0;
}

static void send_enter(struct session *s)
{
    session_run(s, STATEMENT_SWAP_ENTER, 3,
                (const char *[]){s->op->name, s->lane_number, s->found.rebuild});
}

static void prepare_query(struct session *s, const char *sql)
{
    int typed = s->op->form == CONFIG_QUERY ? 0 : (int)s->id_types.count;
    (void)pg_conn_prepare_typed(s->conn, STATEMENT_SWAP_QUERY, sql, typed, s->id_types.array_oids);
}

static void prepare_select(struct session *s, struct buffer *sql)
{
    select_merge(sql, &s->select, &s->shadow.op, &s->id_types);
    if (buffer_append_char(sql, '\0') == 0)
        prepare_query(s, sql->data);
    sql->len = 0;
}

/* Prepares SQL and empties it. */
static void prepare_own(struct session *s, const char *name, struct buffer *sql)
{
    if (buffer_append_char(sql, '\0') == 0)
        (void)pg_conn_prepare(s->conn, name, sql->data);
    sql->len = 0;
}

/* With the search_path that they will run with, so that they stay planned. */
int shadow_prepare(struct session *s)
{
    const struct config_operator *to = &s->shadow.op;
    struct buffer sql;
    buffer_init(&sql, SELECT_MERGE_MAX);
    send_enter(s);
    if (to->form == CONFIG_SELECT)
        prepare_select(s, &sql);
    else
        prepare_query(s, to->query);
    statement_delete(&sql, to, &s->id_types);
    prepare_own(s, STATEMENT_SWAP_DELETE, &sql);
    statement_keep(&sql, s->op, to, &s->id_types, s->shadow.columns);
    prepare_own(s, STATEMENT_SWAP_KEEP, &sql);
    int rc = sql.failed;
    buffer_release(&sql);
    return rc;
}

void shadow_apply(struct session *s, struct dirty_id *const *ids, size_t count)
{
    if (count == 0)
        return;
    send_enter(s);
    apply_ids_to_shadow(s, ids, count);
    session_run(s, STATEMENT_SWAP_LEAVE, 0, NULL);
}
