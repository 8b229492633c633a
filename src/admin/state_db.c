#include "admin/state_db.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <utlist.h>

#define REQUESTS_MAX 16
#define STATEMENT_SECONDS 10.
#define IDLE_SECONDS 30.

struct state_db {
    struct loop *loop;
    struct pg_conn *conn;           /* NULL: there is none */
    const struct pg_params *params; /* of the connection */
    bool ready;
    struct state_request *queue; /* the first one is under way, or waits for the connection */
    unsigned count;
    bool sent; /* the first one was */
    struct loop_wakeup wakeup;
    ev_timer timer; /* of the first one, or, without any, of the idle connection */
};

static void pump(struct state_db *db);

static void disconnect(struct state_db *db)
{
    pg_conn_close(db->conn);
    db->conn = NULL;
    db->ready = db->sent = false;
}

static void set_timer(struct state_db *db, double seconds)
{
    ev_timer_stop(db->loop->ev, &db->timer);
    ev_timer_set(&db->timer, seconds, 0.);
    ev_timer_start(db->loop->ev, &db->timer);
}

static void end_first(struct state_db *db, const struct error *why)
{
    struct state_request *request = db->queue;

    DL_DELETE(db->queue, request);
    db->count--;
    db->sent = false;
    request->on_done(request, why);
}

static void fail_all(struct state_db *db, const struct error *why)
{
    disconnect(db);
    while (db->queue)
        end_first(db, why);
    ev_timer_stop(db->loop->ev, &db->timer);
}

/* --- the connection -------------------------------------------------------------------------- */

static void on_ready(void *owner)
{
    struct state_db *db = owner;
    db->ready = true;
    pump(db);
}

static void on_closed(void *owner, const struct error *why)
{
    fail_all(owner, why);
}

static void connect_now(struct state_db *db)
{
    static const struct pg_conn_events events = {.on_ready = on_ready, .on_closed = on_closed};
    struct error err = {0};

    db->params = db->queue->params;
    if (pg_conn_start(&db->conn, db->loop, db->params, &events, db, &err) == 0)
        return;
    db->conn = NULL;
    fail_all(db, &err);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct state_db *db = timer->data;
    struct error err = {0};

    if (!db->queue) {
        disconnect(db);
        return;
    }
    error_set(&err, -ETIMEDOUT,
              "the database has not answered within %.0f s; whether it does what was asked is not "
              "known",
              STATEMENT_SECONDS);
    fail_all(db, &err);
}

/* --- statements ------------------------------------------------------------------------------ */

static void on_result(void *owner, const PGresult *result)
{
    const struct state_db *db = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        db->queue->on_rows(db->queue, result);
}

static void on_check(void *owner, const PGresult *result)
{
    const struct state_db *db = owner;
    db->queue->check_failed = PQresultStatus(result) == PGRES_FATAL_ERROR;
}

static void on_done(void *owner, const struct error *err)
{
    struct state_db *db = owner;
    end_first(db, err);
    pump(db);
}

static void send_first(struct state_db *db)
{
    const struct state_request *request = db->queue;
    const struct pg_statement check = {.sql = request->check, .on_result = on_check};
    const struct pg_statement statement = {.sql = request->sql,
                                           .parameter_count = request->value_count,
                                           .values = request->values,
                                           .on_result = on_result};

    db->sent = true;
    /* What fails here is told by on_closed(). */
    if (request->check && pg_conn_send(db->conn, &check) < 0)
        return;
    if (pg_conn_send(db->conn, &statement) == 0)
        (void)pg_conn_sync(db->conn, on_done);
}

/* Whatever can go on, goes on. */
static void pump(struct state_db *db)
{
    if (!db->queue && db->conn)
        set_timer(db, IDLE_SECONDS);
    if (!db->queue || db->sent)
        return;
    set_timer(db, STATEMENT_SECONDS);
    if (db->conn && db->params != db->queue->params)
        disconnect(db);
    if (!db->conn)
        connect_now(db);
    else if (db->ready)
        send_first(db);
}

static void on_wake(struct loop_wakeup *wakeup)
{
    pump((struct state_db *)((char *)wakeup - offsetof(struct state_db, wakeup)));
}

int state_db_ask(struct state_db *db, struct state_request *request)
{
    if (db->count >= REQUESTS_MAX)
        return -EBUSY;
    DL_APPEND(db->queue, request);
    db->count++;
    /* Through the loop: there may be no outcome before this returns. */
    loop_wake(db->loop, &db->wakeup);
    return 0;
}

/* --- life ------------------------------------------------------------------------------------ */

int state_db_new(struct state_db **ret_db, struct loop *loop, struct error *err)
{
    struct state_db *db = calloc(1, sizeof(*db));

    if (!db)
        return error_set(err, -ENOMEM, "no memory for the admin listener");
    db->loop = loop;
    db->wakeup.on_wake = on_wake;
    ev_timer_init(&db->timer, on_timer, 0., 0.);
    db->timer.data = db;
    loop_wakeup_start(loop, &db->wakeup);
    *ret_db = db;
    return 0;
}

void state_db_free(struct state_db *db)
{
    struct error err = {0};

    if (!db)
        return;
    error_set(&err, -ESHUTDOWN, "walpiper stops");
    fail_all(db, &err);
    loop_wakeup_stop(db->loop, &db->wakeup);
    free(db);
}
