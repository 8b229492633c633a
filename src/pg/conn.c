#include "pg/conn.h"
#include "base/clock.h"
#include "pg/connect.h"
#include "pg/failure.h"
#include <errno.h>
#include <stdlib.h>

enum conn_state {
    CONN_CONNECTING,
    CONN_READY,
    CONN_FAILED, /* on_closed is about to be called, or has been */
    CONN_CLOSED, /* by the owner; freed at the end of the turn */
};

enum reply_kind { REPLY_STATEMENT, REPLY_SYNC, REPLY_SCRIPT };

/* What the server still owes us, in the order in which we asked. */
struct reply {
    struct reply *next;
    enum reply_kind kind;
    bool answered; /* its first result has come */
    pg_on_result on_result;
    pg_on_done on_done;
};

struct pg_conn {
    struct loop_deferred deferred;
    enum conn_state state;
    struct loop *loop;
    struct pg_connect connect;
    PGconn *pg;
    ev_io io;
    ev_timer fail_timer; /* tells on_closed from the loop, never from inside a call of the owner */
    const struct pg_conn_events *events;
    void *owner;
    struct reply *first, *last;
    uint64_t silent_since;    /* last heard, or first asked since; valid while replies are due */
    struct error failure;     /* why the connection is gone */
    struct error transaction; /* the first failure since the last sync */
};

static void conn_set_state(struct pg_conn *c, enum conn_state state)
{
    static const bool allowed[][4] = {
        [CONN_CONNECTING] = {[CONN_READY] = true, [CONN_FAILED] = true, [CONN_CLOSED] = true},
        [CONN_READY] = {[CONN_FAILED] = true, [CONN_CLOSED] = true},
        [CONN_FAILED] = {[CONN_CLOSED] = true},
    };
    if (!allowed[c->state][state])
        abort();
    c->state = state;
}

void pg_conn_fail(struct pg_conn *c, const struct error *why)
{
    if (c->state == CONN_FAILED || c->state == CONN_CLOSED)
        return;
    conn_set_state(c, CONN_FAILED);
    c->failure = *why;
    ev_io_stop(c->loop->ev, &c->io);
    ev_timer_start(c->loop->ev, &c->fail_timer);
}

static int conn_fail_libpq(struct pg_conn *c)
{
    struct error why = {0};
    pg_failure_of_connection(&why, c->pg);
    pg_conn_fail(c, &why);
    return why.code;
}

static void on_fail_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct pg_conn *c = timer->data;
    (void)ev;
    (void)events;
    c->events->on_closed(c->owner, &c->failure);
}

/* --- replies --------------------------------------------------------------------------------- */

static int reply_expect(struct pg_conn *c, enum reply_kind kind, pg_on_result on_result,
                        pg_on_done on_done)
{
    struct reply *r = calloc(1, sizeof(*r));
    if (!r) {
        struct error why = {0};
        error_set(&why, -ENOMEM, "no memory for a statement");
        pg_conn_fail(c, &why);
        return -ENOMEM;
    }
    *r = (struct reply){.kind = kind, .on_result = on_result, .on_done = on_done};
    if (c->last)
        c->last->next = r;
    else
        c->first = r;
    if (c->first == r)
        c->silent_since = clock_monotonic_ms();
    c->last = r;
    return 0;
}

static struct reply reply_take(struct pg_conn *c)
{
    struct reply *r = c->first;
    struct reply copy = *r;
    c->first = r->next;
    if (!c->first)
        c->last = NULL;
    free(r);
    return copy;
}

static void transaction_done(struct pg_conn *c, pg_on_done on_done)
{
    struct error err = c->transaction;
    error_clear(&c->transaction);
    if (on_done)
        on_done(c->owner, err.code ? &err : NULL);
}

static void take_result(struct pg_conn *c, const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_PIPELINE_SYNC) {
        struct reply r = reply_take(c);
        transaction_done(c, r.on_done);
        return;
    }
    /* A commit that fails (a deferred constraint) answers the sync with an error and then with
     * itself. */
    c->first->answered = c->first->kind != REPLY_SYNC;
    if (status == PGRES_FATAL_ERROR && c->transaction.code == 0)
        pg_failure_of_result(&c->transaction, result);
    if (c->first->on_result)
        c->first->on_result(c->owner, result);
}

/* NULL from PQgetResult: the end of one statement's results. False when there is nothing to end. */
static bool take_end(struct pg_conn *c)
{
    if (!c->first->answered)
        return false;
    struct reply r = reply_take(c);
    if (r.kind == REPLY_SCRIPT) {
        PQenterPipelineMode(c->pg);
        transaction_done(c, r.on_done);
    }
    return true;
}

static void take_results(struct pg_conn *c)
{
    bool nothing_before = false;
    while (c->state == CONN_READY && c->first && !PQisBusy(c->pg)) {
        PGresult *result = PQgetResult(c->pg);
        if (result) {
            take_result(c, result);
            PQclear(result);
            nothing_before = false;
            continue;
        }
        bool nothing = !take_end(c);
        if (nothing && nothing_before)
            break;
        nothing_before = nothing;
    }
    if (c->state == CONN_READY && PQstatus(c->pg) == CONNECTION_BAD)
        conn_fail_libpq(c);
}

/* --- socket ---------------------------------------------------------------------------------- */

static int conn_flush(struct pg_conn *c)
{
    int pending = PQflush(c->pg);
    if (pending < 0)
        return conn_fail_libpq(c);
    int events = pending ? EV_READ | EV_WRITE : EV_READ;
    if (events != (c->io.events & (EV_READ | EV_WRITE))) {
        ev_io_stop(c->loop->ev, &c->io);
        ev_io_set(&c->io, PQsocket(c->pg), events);
        ev_io_start(c->loop->ev, &c->io);
    }
    return 0;
}

static void take_notifies(struct pg_conn *c)
{
    PGnotify *notify;
    while (c->state == CONN_READY && (notify = PQnotifies(c->pg))) {
        if (c->events->on_notify)
            c->events->on_notify(c->owner, notify->relname, notify->extra);
        PQfreemem(notify);
    }
}

static void on_socket(struct ev_loop *ev, ev_io *io, int events)
{
    struct pg_conn *c = io->data;
    (void)ev;
    if (events & EV_READ)
        c->silent_since = clock_monotonic_ms();
    if ((events & EV_READ) && !PQconsumeInput(c->pg)) {
        conn_fail_libpq(c);
        return;
    }
    take_results(c);
    take_notifies(c);
    if (c->state == CONN_READY)
        conn_flush(c);
}

static void on_connected(void *owner, PGconn *pg, const struct error *err)
{
    struct pg_conn *c = owner;
    if (err) {
        pg_conn_fail(c, err);
        return;
    }
    c->pg = pg;
    if (!PQenterPipelineMode(pg)) {
        conn_fail_libpq(c);
        return;
    }
    ev_io_init(&c->io, on_socket, PQsocket(pg), EV_READ);
    c->io.data = c;
    ev_io_start(c->loop->ev, &c->io);
    conn_set_state(c, CONN_READY);
    c->events->on_ready(c->owner);
}

/* --- life ------------------------------------------------------------------------------------ */

int pg_conn_start(struct pg_conn **ret_conn, struct loop *loop, const struct pg_params *params,
                  const struct pg_conn_events *events, void *owner, struct error *err)
{
    struct pg_conn *c = calloc(1, sizeof(*c));
    if (!c)
        return error_set(err, -ENOMEM, "no memory for a connection");
    c->loop = loop;
    c->events = events;
    c->owner = owner;
    ev_timer_init(&c->fail_timer, on_fail_timer, 0., 0.);
    c->fail_timer.data = c;
    c->connect = (struct pg_connect){.loop = loop, .owner = c, .on_done = on_connected};
    int rc = pg_connect_start(&c->connect, params, false, err);
    if (rc < 0) {
        free(c);
        return rc;
    }
    *ret_conn = c;
    return 0;
}

static void conn_free(struct loop_deferred *deferred)
{
    struct pg_conn *c = (struct pg_conn *)deferred;
    while (c->first)
        reply_take(c);
    PQfinish(c->pg);
    free(c);
}

void pg_conn_close(struct pg_conn *c)
{
    if (!c || c->state == CONN_CLOSED)
        return;
    conn_set_state(c, CONN_CLOSED);
    pg_connect_cancel(&c->connect);
    ev_timer_stop(c->loop->ev, &c->fail_timer);
    ev_io_stop(c->loop->ev, &c->io);
    c->deferred.free = conn_free;
    loop_defer_free(c->loop, &c->deferred);
}

uint64_t pg_conn_silent_since(const struct pg_conn *c)
{
    return c->first ? c->silent_since : clock_monotonic_ms();
}

struct pg_place pg_conn_place(const struct pg_conn *c)
{
    return (struct pg_place){c->pg ? PQhost(c->pg) : NULL, c->pg ? PQhostaddr(c->pg) : NULL,
                             c->pg ? PQport(c->pg) : NULL};
}

int pg_conn_pid(const struct pg_conn *c)
{
    return c->pg ? PQbackendPID(c->pg) : 0;
}

/* --- statements ------------------------------------------------------------------------------ */

/* After an answer of libpq to a request: remembers what is owed, or fails. */
static int requested(struct pg_conn *c, int sent, pg_on_result on_result)
{
    if (!sent)
        return conn_fail_libpq(c);
    return reply_expect(c, REPLY_STATEMENT, on_result, NULL);
}

int pg_conn_send(struct pg_conn *c, const struct pg_statement *s)
{
    if (c->state != CONN_READY)
        return -ENOTCONN;
    int sent =
        s->name
            ? PQsendQueryPrepared(c->pg, s->name, s->parameter_count, s->values, NULL, NULL, 0)
            : PQsendQueryParams(c->pg, s->sql, s->parameter_count, NULL, s->values, NULL, NULL, 0);
    return requested(c, sent, s->on_result);
}

int pg_conn_prepare(struct pg_conn *c, const char *name, const char *sql)
{
    return pg_conn_prepare_typed(c, name, sql, 0, NULL);
}

int pg_conn_prepare_typed(struct pg_conn *c, const char *name, const char *sql, int count,
                          const Oid *types)
{
    if (c->state != CONN_READY)
        return -ENOTCONN;
    return requested(c, PQsendPrepare(c->pg, name, sql, count, types), NULL);
}

int pg_conn_describe(struct pg_conn *c, const char *name, pg_on_result on_result)
{
    if (c->state != CONN_READY)
        return -ENOTCONN;
    return requested(c, PQsendDescribePrepared(c->pg, name), on_result);
}

int pg_conn_sync(struct pg_conn *c, pg_on_done on_done)
{
    if (c->state != CONN_READY)
        return -ENOTCONN;
    if (!PQpipelineSync(c->pg))
        return conn_fail_libpq(c);
    int rc = reply_expect(c, REPLY_SYNC, NULL, on_done);
    if (rc < 0)
        return rc;
    return conn_flush(c);
}

/* Several statements in one text need the simple protocol, which a pipeline does not allow. */
int pg_conn_script(struct pg_conn *c, const char *sql, pg_on_done on_done)
{
    if (c->state != CONN_READY)
        return -ENOTCONN;
    if (c->first)
        return -EBUSY;
    if (!PQexitPipelineMode(c->pg) || !PQsendQuery(c->pg, sql))
        return conn_fail_libpq(c);
    int rc = reply_expect(c, REPLY_SCRIPT, NULL, on_done);
    if (rc < 0)
        return rc;
    return conn_flush(c);
}
