#include "cli/operator_statements.h"
#include "operator/catalog_check.h"
#include "operator/select.h"

int operator_types(struct server *server, const struct config_operator *op,
                   struct id_types *ret_types, struct error *err)
{
    struct buffer names;
    buffer_init(&names, CATALOG_NAMES_MAX);
    int rc = catalog_check_names(&names, &op->target_id);
    if (rc < 0)
        error_set(err, rc, "no memory for the columns of target_id");
    else
        rc = server_query(server, catalog_check_sql, 3,
                          (const char *[]){op->target_schema, op->target_table, names.data}, err);
    buffer_release(&names);
    return rc == 0 ? catalog_check_target(op, server->result, ret_types, err) : rc;
}

/* Ends in NUL. */
static int merge_text(struct buffer *merge, const struct select *select,
                      const struct config_operator *op, const struct id_types *types,
                      struct error *err)
{
    select_merge(merge, select, op, types);
    int rc = buffer_append_char(merge, '\0');
    return rc < 0 ? error_set(err, rc, "select: no memory for its MERGE") : 0;
}

/* Appends what the form select makes of it. */
static int read_select(struct server *s, const struct config_operator *op,
                       const struct id_types *types, struct buffer *merge, struct error *err)
{
    const char *target[] = {op->target_schema, op->target_table};
    struct select select = {0};

    int rc = server_take(s, PQprepare(s->pg, "", op->query, (int)types->count, types->oids), err);
    if (rc == 0)
        rc = server_take(s, PQdescribePrepared(s->pg, ""), err);
    if (rc < 0)
        return error_prefix(err, "select");
    rc = select_read(&select, op, s->result, err);
    if (rc == 0)
        rc = server_query(s, select_target_sql, 2, target, err);
    if (rc == 0)
        rc = select_check(&select, op, s->result, err);
    if (rc == 0)
        rc = merge_text(merge, &select, op, types, err);
    select_release(&select);
    return rc;
}

int operator_prepare(struct server *s, const struct config_operator *op,
                     const struct id_types *types, const char *name, struct error *err)
{
    const char *sql = op->query;
    int typed = op->form == CONFIG_QUERY ? 0 : (int)types->count, rc = 0;
    struct buffer merge;

    buffer_init(&merge, SELECT_MERGE_MAX);
    if (op->form == CONFIG_SELECT) {
        rc = read_select(s, op, types, &merge, err);
        sql = merge.data;
    }
    if (rc == 0 &&
        ((rc = server_take(s, PQprepare(s->pg, name, sql, typed, types->array_oids), err)) < 0 ||
         (rc = server_take(s, PQdescribePrepared(s->pg, name), err)) < 0))
        error_prefix(err, op->form == CONFIG_SELECT ? "select" : "query");
    buffer_release(&merge);
    return rc;
}
