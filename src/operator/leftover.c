#include "operator/leftover.h"
#include "base/log.h"
#include "operator/statements.h"
#include "pg/array.h"
#include "pg/result.h"
#include "pg/state_text.h"
#include <errno.h>
#include <stdlib.h>

#define ROUNDS_MAX 6
#define ANSWER_S 10. /* and so long between two rounds */
#define NAMES_MAX ((size_t)1 << 20)

struct leftover {
    struct loop *loop;
    const struct config *config;
    const struct pg_params *params, *targets;
    struct pg_conn *conn; /* NULL: nothing is asked */
    size_t at;            /* the database that is asked: 0: of the sources, N: of operator N - 1 */
    unsigned rounds;
    bool known;       /* there are tables of ours, which the role may use */
    struct error why; /* something is left over in this round */
    ev_timer timer;   /* of the answer; when nothing is asked, of the next round */
};

static void ask(struct leftover *l);

static void set_timer(struct leftover *l, double seconds)
{
    ev_timer_stop(l->loop->ev, &l->timer);
    ev_timer_set(&l->timer, seconds, 0.);
    ev_timer_start(l->loop->ev, &l->timer);
}

static void end_round(struct leftover *l)
{
    ev_timer_stop(l->loop->ev, &l->timer);
    l->at = 0;
    if (l->why.code == 0)
        return;
    if (++l->rounds < ROUNDS_MAX)
        set_timer(l, ANSWER_S);
    else
        log_warn("operators",
                 "new tables that operators which are not configured any more may have left behind "
                 "are not dropped: %s; the next start tries again",
                 l->why.text);
}

/* WHY: the answer did not come; NULL: it did. */
static void next(struct leftover *l, const struct error *why)
{
    const struct config *config = l->config;
    if (why)
        l->why = *why;
    pg_conn_close(l->conn);
    l->conn = NULL;
    do
        l->at++;
    while (l->at <= config->operator_count && !config->operators[l->at - 1].database);
    if (l->at <= config->operator_count)
        ask(l);
    else
        end_round(l);
}

/* --- the questions ---------------------------------------------------------------------------- */

static const char known_sql[] =
    "SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
    "WHERE n.nspname = $1 AND p.proname = 'swap_forget' "
    "AND has_schema_privilege(n.oid, 'USAGE') AND NOT pg_is_in_recovery()";

static const char forget_sql[] = "SELECT dropped, kept FROM walpiper.swap_forget($1, $2)";

static void on_forgotten(void *owner, const PGresult *result)
{
    struct leftover *l = owner;
    if (!pg_has_rows(result))
        return;
    if (!PQgetisnull(result, 0, 0))
        log_info("operators",
                 "are not configured any more, and the new tables that they left behind are "
                 "dropped: %s",
                 PQgetvalue(result, 0, 0));
    if (!PQgetisnull(result, 0, 1))
        error_set(&l->why, -EBUSY, "another session or role has those of %s",
                  PQgetvalue(result, 0, 1));
}

static void on_answer(void *owner, const struct error *err)
{
    next(owner, err);
}

static int names_of_all(const struct config *config, struct buffer *names)
{
    for (size_t i = 0; i < config->operator_count; i++)
        pg_array_item(names, config->operators[i].name);
    return pg_array_end(names);
}

static void forget(struct leftover *l)
{
    struct buffer names, sql;
    buffer_init(&names, NAMES_MAX);
    buffer_init(&sql, STATEMENT_MAX);
    pg_state_text(&sql, l->config->state_schema, forget_sql);
    if (buffer_append_char(&sql, '\0') < 0 || names_of_all(l->config, &names) < 0) {
        next(l, &(struct error){.code = -ENOMEM, .text = "no memory"});
    } else {
        const char *values[] = {l->config->slot.name, names.data};
        (void)pg_conn_send(l->conn, &(struct pg_statement){.sql = sql.data,
                                                           .parameter_count = 2,
                                                           .values = values,
                                                           .on_result = on_forgotten});
        (void)pg_conn_sync(l->conn, on_answer);
    }
    buffer_release(&names);
    buffer_release(&sql);
}

static void on_known(void *owner, const PGresult *result)
{
    struct leftover *l = owner;
    l->known = pg_has_rows(result);
}

static void on_known_done(void *owner, const struct error *err)
{
    struct leftover *l = owner;
    if (err || !l->known)
        next(l, err);
    else
        forget(l);
}

static void on_ready(void *owner)
{
    struct leftover *l = owner;
    const char *values[] = {l->config->state_schema};
    l->known = false;
    (void)pg_conn_send(l->conn, &(struct pg_statement){.sql = known_sql,
                                                       .parameter_count = 1,
                                                       .values = values,
                                                       .on_result = on_known});
    (void)pg_conn_sync(l->conn, on_known_done);
}

static void on_closed(void *owner, const struct error *why)
{
    struct error copy = *why; /* it lives in the connection */
    next(owner, &copy);
}

static void ask(struct leftover *l)
{
    static const struct pg_conn_events events = {.on_ready = on_ready, .on_closed = on_closed};
    const struct pg_params *params = l->at == 0 ? l->params : &l->targets[l->at - 1];
    struct error err = {0};
    set_timer(l, ANSWER_S);
    if (pg_conn_start(&l->conn, l->loop, params, &events, l, &err) < 0) {
        l->conn = NULL;
        next(l, &err);
    }
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct leftover *l = timer->data;
    if (l->conn) {
        next(l, &(struct error){.code = -ETIMEDOUT, .text = "a database does not answer"});
        return;
    }
    error_clear(&l->why);
    ask(l);
}

/* --- life ------------------------------------------------------------------------------------- */

struct leftover *leftover_new(struct loop *loop, const struct config *config,
                              const struct pg_params *params, const struct pg_params *targets)
{
    struct leftover *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    *l = (struct leftover){.loop = loop, .config = config, .params = params, .targets = targets};
    ev_timer_init(&l->timer, on_timer, 0., 0.);
    l->timer.data = l;
    set_timer(l, 0.);
    return l;
}

void leftover_free(struct leftover *l)
{
    if (!l)
        return;
    ev_timer_stop(l->loop->ev, &l->timer);
    pg_conn_close(l->conn);
    free(l);
}
