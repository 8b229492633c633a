#include "source/watch.h"
#include "base/clock.h"
#include "pg/result.h"
#include "source/catalog.h"

#define LOOK_EVERY_S 2.
#define ANSWER_MS 10000 /* then a question is asked anew, on another connection */

static void on_shape(void *owner, const PGresult *result)
{
    struct watch *w = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        catalog_read_shape(result, &w->seen);
    else
        buffer_reset(&w->seen);
}

/* On a standby the WAL ends where it was received; what its clock says of the primary's commits is
 * not known. The statement's time is from before it runs, so before the insert position. */
static const char look_sql[] =
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() "
    "ELSE pg_current_wal_flush_lsn() END - '0/0', restart_lsn - '0/0', safe_wal_size, "
    "(extract(epoch FROM statement_timestamp()) * 1000000)::int8, "
    "CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() - '0/0' END "
    "FROM (VALUES (1)) AS one LEFT JOIN pg_replication_slots ON slot_name = $1";

/* NULL, and what is below 0, is 0. */
static uint64_t cell_number(const PGresult *result, int column)
{
    int64_t number = 0;
    return str_to_int64(pg_cell(result, 0, column), &number) == 0 && number > 0 ? (uint64_t)number
                                                                                : 0;
}

static void on_look(void *owner, const PGresult *result)
{
    const struct watch *w = owner;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return;
    const struct watch_look look = {
        .server_lsn = cell_number(result, 0),
        .restart_lsn = cell_number(result, 1),
        .has_limit = !PQgetisnull(result, 0, 2),
        .safe_bytes = cell_number(result, 2),
        .time_us = (int64_t)cell_number(result, 3),
        .insert_lsn = cell_number(result, 4),
    };
    if (look.server_lsn > 0)
        w->on_look(w->owner, &look);
}

static void ask_look(struct watch *w);

static void begin_question(struct watch *w)
{
    w->asked_at = clock_monotonic_ms();
    w->wanted = false;
}

static void send_look(struct watch *w)
{
    const char *slot[] = {w->slot};
    pg_conn_send(w->conn,
                 &(struct pg_statement){
                     .sql = look_sql, .values = slot, .parameter_count = 1, .on_result = on_look});
}

static void on_looked(void *owner, const struct error *err)
{
    struct watch *w = owner;
    (void)err; /* the next look may have more luck */
    w->asked_at = 0;
    if (w->wanted)
        ask_look(w);
}

static void ask_look(struct watch *w)
{
    begin_question(w);
    send_look(w);
    pg_conn_sync(w->conn, on_looked);
}

/* What could not be read is no change: the next look will tell. */
static void on_answered(void *owner, const struct error *err)
{
    struct watch *w = owner;
    bool same =
        err || w->seen.failed || w->seen.len == 0 || str_equal(buffer_str(&w->seen), w->shape);
    on_looked(w, err);
    if (same)
        return;
    watch_stop(w);
    w->on_changed(w->owner);
}

static void ask(struct watch *w)
{
    const char *values[] = {w->publication};
    begin_question(w);
    pg_conn_send(w->conn, &(struct pg_statement){.sql = catalog_shape_sql,
                                                 .values = values,
                                                 .parameter_count = 1,
                                                 .on_result = on_shape});
    send_look(w);
    pg_conn_sync(w->conn, on_answered);
}

static void on_ready(void *owner)
{
    struct watch *w = owner;
    w->ready = true;
    ask(w);
}

static void drop_connection(struct watch *w)
{
    pg_conn_close(w->conn);
    w->conn = NULL;
    w->ready = w->wanted = false;
    w->asked_at = 0;
}

static void on_closed(void *owner, const struct error *why)
{
    (void)why; /* the stream has its own connection, and tells of its own loss */
    drop_connection(owner);
}

/* No answer for long: the connection may be dead. The next look makes a new one. */
static void wait_for_answer(struct watch *w)
{
    if (clock_monotonic_ms() - w->asked_at > ANSWER_MS)
        drop_connection(w);
}

static void connect_again(struct watch *w)
{
    static const struct pg_conn_events conn_events = {.on_ready = on_ready, .on_closed = on_closed};
    if (pg_conn_start(&w->conn, w->loop, w->params, &conn_events, w, NULL) < 0)
        w->conn = NULL;
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct watch *w = timer->data;
    (void)ev;
    (void)events;
    if (w->asked_at)
        wait_for_answer(w);
    else if (w->ready)
        ask(w);
    else if (!w->conn)
        connect_again(w);
}

void watch_look_now(struct watch *w)
{
    if (!ev_is_active(&w->timer))
        return;
    if (w->ready && !w->asked_at) {
        ask_look(w);
        return;
    }
    w->wanted = true;
    if (!w->conn)
        connect_again(w);
}

void watch_init(struct watch *w)
{
    buffer_init(&w->seen, CATALOG_SHAPE_MAX);
    ev_timer_init(&w->timer, on_timer, LOOK_EVERY_S, LOOK_EVERY_S);
    w->timer.data = w;
}

void watch_start(struct watch *w, struct str shape)
{
    w->shape = shape;
    ev_timer_again(w->loop->ev, &w->timer);
}

void watch_stop(struct watch *w)
{
    ev_timer_stop(w->loop->ev, &w->timer);
    drop_connection(w);
}

void watch_release(struct watch *w)
{
    watch_stop(w);
    buffer_release(&w->seen);
}
