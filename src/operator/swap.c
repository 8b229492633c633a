#include "operator/swap.h"
#include "base/log.h"
#include "operator/catalog_check.h"
#include "operator/definition.h"
#include "operator/failure.h"
#include "pg/array.h"
#include <errno.h>

#define ASK_AGAIN_MS 200
/* Names of 1600 columns, all of them escaped. */
#define COLUMNS_MAX (1600 * 160)

bool swap_is_due(const struct engine *e)
{
    return e->rebuild.swap && !e->session.shadow.open;
}

static void no_memory(struct engine *e)
{
    engine_trouble(e, &(struct error){.code = -ENOMEM, .text = "no memory for a new table"});
}

/* --- its end before the exchange -------------------------------------------------------------- */

static void on_given_up(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    enum failure failure = err ? failure_of(err) : FAILURE_SWAP_GONE;
    if (!err)
        log_error(e->name, "gives up the rebuild into a new table, %s.%s stays as it is: %s",
                  e->op->target_schema, e->op->target_table, e->swap_failure.text);
    if (failure == FAILURE_SWAP_GONE) {
        e->look = true;
        engine_turn(e);
    } else if (failure == FAILURE_SYSTEMIC || failure == FAILURE_DATA) {
        engine_tell(e, err, true);
        engine_rest(e, e->context->config->retry.max_restart_ms);
    } else {
        engine_trouble(e, err);
    }
}

/* Of several lanes that want to, the first one does, and says so. */
static void give_up(struct engine *e, const struct error *why)
{
    struct session *s = &e->session;
    e->swap_failure = *why;
    shadow_close(&s->shadow);
    engine_set_state(e, ENGINE_BUSY);
    session_run(s, STATEMENT_SWAP_END, 3,
                (const char *[]){e->op->name, s->generation, s->found.rebuild});
    session_sync(s, on_given_up);
}

/* The same again would be so for ever. */
static void look_again(struct engine *e, const struct error *why)
{
    const char *rebuild = e->session.found.rebuild;
    if (strcmp(e->swap_gone, rebuild) == 0) {
        give_up(e, why);
        return;
    }
    snprintf(e->swap_gone, sizeof(e->swap_gone), "%s", rebuild);
    shadow_close(&e->session.shadow);
    e->look = true;
    engine_turn(e);
}

bool swap_takes(struct engine *e, const struct error *err)
{
    if (!e->rebuild.swap || !e->session.conn)
        return false;
    switch (failure_of(err)) {
    case FAILURE_SWAP_GONE:
        look_again(e, err);
        return true;
    case FAILURE_SYSTEMIC:
    case FAILURE_DATA:
        if (err->sqlstate[0] == '\0') /* not of the server: of the journal */
            return false;
        /* fall through */
    case FAILURE_SWAP:
        give_up(e, err);
        return true;
    default:
        return false;
    }
}

/* --- its begin -------------------------------------------------------------------------------- */

static void on_prepared(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (err) {
        engine_trouble(e, err);
        return;
    }
    e->session.shadow.open = true;
    engine_turn(e);
}

static void on_place(void *owner, const PGresult *result)
{
    struct engine *e = engine_of(owner);
    if (shadow_take(&e->session.shadow, result) < 0)
        log_warn(e->name, "no memory for a new table; asks for it again");
}

static void on_opened(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (err) {
        engine_trouble(e, err);
    } else if (!e->session.shadow.columns || e->stopping) {
        e->look = true; /* it was lost, and the rebuild begins again */
        engine_turn(e);
    } else if (shadow_prepare(&e->session) < 0) {
        no_memory(e);
    } else {
        session_sync(&e->session, on_prepared);
    }
}

void swap_open(struct engine *e)
{
    struct session *s = &e->session;
    const struct config *config = e->context->config;
    const struct config_operator *op = e->op;
    struct error err = {0};
    struct buffer ids;
    if (definition_may_swap(config->operators, config->operator_count, op, &err) < 0) {
        give_up(e, &err);
        return;
    }
    buffer_init(&ids, CATALOG_NAMES_MAX);
    if (catalog_check_names(&ids, &op->target_id) < 0) {
        no_memory(e);
    } else {
        const char *values[] = {op->name,         s->lane_number,    s->generation,
                                s->found.rebuild, op->target_schema, op->target_table,
                                ids.data};
        engine_set_state(e, ENGINE_BUSY);
        (void)pg_conn_send(s->conn, &(struct pg_statement){.name = STATEMENT_SWAP_OPEN,
                                                           .parameter_count = 7,
                                                           .values = values,
                                                           .on_result = on_place});
        session_sync(s, on_opened);
    }
    buffer_release(&ids);
}

/* --- the exchange ----------------------------------------------------------------------------- */

static void on_exchange(void *owner, const PGresult *result)
{
    struct engine *e = engine_of(owner);
    e->swapped[0][0] = '\0';
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 ||
        PQgetisnull(result, 0, 0))
        return;
    for (int i = 0; i < 2; i++)
        snprintf(e->swapped[i], sizeof(e->swapped[i]), "%s", PQgetvalue(result, 0, i));
}

static void on_exchanged(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (err) {
        engine_trouble(e, err);
        return;
    }
    if (e->swapped[0][0] != '\0') {
        log_info(e->name,
                 "every id is computed, and the new table exchanged for the old one: %s rows "
                 "deleted, %s inserted or changed",
                 e->swapped[0], e->swapped[1]);
        e->look = true;
    }
    engine_turn(e);
}

/* The columns that the operator writes; NULL, all, unless it gives a SELECT. */
static const char *written(const struct engine *e, struct buffer *array)
{
    const struct select *select = &e->session.select;
    if (e->op->form != CONFIG_SELECT)
        return NULL;
    for (size_t i = 0; i < select->count; i++)
        pg_array_item(array, select->columns[i].name);
    pg_array_end(array);
    return array->data;
}

bool swap_exchange(struct engine *e, uint64_t now_ms)
{
    struct session *s = &e->session;
    struct buffer ids, columns;
    char ready[12];
    if (now_ms < e->rebuild.next_ms)
        return false;
    e->rebuild.next_ms = now_ms + ASK_AGAIN_MS;
    buffer_init(&ids, CATALOG_NAMES_MAX);
    buffer_init(&columns, COLUMNS_MAX);
    snprintf(ready, sizeof(ready), "%zu", e->op->source_count + 1);
    catalog_check_names(&ids, &e->op->target_id);
    const char *names = written(e, &columns);
    if (ids.failed || columns.failed) {
        no_memory(e);
    } else {
        const char *values[] = {e->op->name, s->generation, s->found.rebuild,
                                ready,       ids.data,      names};
        engine_set_state(e, ENGINE_BUSY);
        (void)pg_conn_send(s->conn, &(struct pg_statement){.name = STATEMENT_SWAP_EXCHANGE,
                                                           .parameter_count = 6,
                                                           .values = values,
                                                           .on_result = on_exchange});
        session_sync(s, on_exchanged);
    }
    buffer_release(&ids);
    buffer_release(&columns);
    return true;
}
