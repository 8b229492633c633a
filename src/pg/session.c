#include "pg/session.h"
#include "base/clock.h"
#include "base/thread.h"
#include "pg/connect.h"
#include "pg/failure.h"
#include "pg/wire.h"
#include <errno.h>
#include <stdlib.h>

/* A turn takes at most so many messages or bytes, so that timers and other sockets get theirs. */
#define TURN_MESSAGES 2000
#define TURN_BYTES (1024 * 1024)

/* So many messages in so short a time are a backlog; then they are collected for so long. */
#define MANY_MESSAGES 16
#define WINDOW_S 1e-3
#define COLLECT_S 100e-6

enum session_state {
    SESSION_CONNECTING,
    SESSION_READY,   /* no command under way */
    SESSION_COMMAND, /* waits for the end of a command */
    SESSION_OPENING, /* START_REPLICATION was sent */
    SESSION_STREAMING,
    SESSION_ENDING, /* CopyDone was sent, the server's is awaited */
    SESSION_FAILED, /* on_closed is about to be called, or has been */
    SESSION_CLOSED, /* by the owner; freed at the end of the turn */
    SESSION_STATES,
};

struct pg_session {
    struct loop_deferred deferred;
    enum session_state state;
    struct loop *loop;
    struct pg_connect connect;
    PGconn *pg;
    ev_io io;
    ev_timer again; /* libpq holds more than this turn took; or the failure is to be told */
    bool collects;  /* or messages are collected until then */
    const struct pg_session_events *events;
    void *owner;
    pg_on_result on_result;
    pg_on_done on_done;
    struct error command_failure;
    struct error failure;
    char *held; /* the message that the owner did not take yet, from PQgetCopyData */
    int held_len;
    bool paused;
    uint64_t last_heard;
    ev_tstamp window_at; /* when the time began in which messages are counted */
    int window_taken;
    bool has_backlog; /* the time before it had many */
};

static void session_set_state(struct pg_session *s, enum session_state state)
{
    static const unsigned allowed[SESSION_STATES] = {
        [SESSION_CONNECTING] = 1u << SESSION_READY,
        [SESSION_READY] = 1u << SESSION_COMMAND | 1u << SESSION_OPENING,
        [SESSION_COMMAND] = 1u << SESSION_READY,
        [SESSION_OPENING] = 1u << SESSION_STREAMING,
        [SESSION_STREAMING] = 1u << SESSION_ENDING,
        [SESSION_ENDING] = 0,
        [SESSION_FAILED] = 1u << SESSION_CLOSED,
        [SESSION_CLOSED] = 0,
    };
    unsigned always = s->state < SESSION_FAILED ? 1u << SESSION_FAILED | 1u << SESSION_CLOSED : 0;
    if (!((allowed[s->state] | always) & 1u << state))
        abort();
    s->state = state;
}

static void session_fail(struct pg_session *s, const struct error *why)
{
    if (s->state >= SESSION_FAILED)
        return;
    session_set_state(s, SESSION_FAILED);
    s->failure = *why;
    ev_io_stop(s->loop->ev, &s->io);
    ev_timer_stop(s->loop->ev, &s->again);
    ev_timer_set(&s->again, 0., 0.);
    ev_timer_start(s->loop->ev, &s->again);
}

static int session_fail_libpq(struct pg_session *s)
{
    struct error why = {0};
    pg_failure_of_connection(&why, s->pg);
    session_fail(s, &why);
    return why.code;
}

/* --- socket ---------------------------------------------------------------------------------- */

/* Nothing is read while paused, nor while libpq still holds messages: it would buffer what the
 * server sends without limit, and of a server that says why and closes only the end would be seen.
 */
static int session_flush(struct pg_session *s)
{
    int pending = PQflush(s->pg);
    if (pending < 0)
        return session_fail_libpq(s);
    bool full = s->paused || ev_is_active(&s->again);
    int events = (full ? 0 : EV_READ) | (pending ? EV_WRITE : 0);
    if (events != (s->io.events & (EV_READ | EV_WRITE)) || !ev_is_active(&s->io)) {
        ev_io_stop(s->loop->ev, &s->io);
        ev_io_set(&s->io, PQsocket(s->pg), events);
        if (events)
            ev_io_start(s->loop->ev, &s->io);
    }
    return 0;
}

/* --- commands -------------------------------------------------------------------------------- */

static void command_result(struct pg_session *s, PGresult *result)
{
    if (PQresultStatus(result) == PGRES_FATAL_ERROR && s->command_failure.code == 0)
        pg_failure_of_result(&s->command_failure, result);
    if (s->on_result)
        s->on_result(s->owner, result);
    PQclear(result);
}

static void command_end(struct pg_session *s)
{
    struct error err = s->command_failure;
    error_clear(&s->command_failure);
    session_set_state(s, SESSION_READY);
    s->on_done(s->owner, err.code ? &err : NULL);
}

static void take_command_results(struct pg_session *s)
{
    while (s->state == SESSION_COMMAND && !PQisBusy(s->pg)) {
        PGresult *result = PQgetResult(s->pg);
        if (result)
            command_result(s, result);
        else
            command_end(s);
    }
}

static void take_opening(struct pg_session *s)
{
    if (PQisBusy(s->pg))
        return;
    PGresult *result = PQgetResult(s->pg);
    if (result && PQresultStatus(result) == PGRES_COPY_BOTH) {
        session_set_state(s, SESSION_STREAMING);
        s->events->on_streaming(s->owner);
    } else {
        struct error why = {0};
        if (result)
            pg_failure_of_result(&why, result);
        else
            pg_failure_of_connection(&why, s->pg);
        session_fail(s, &why);
    }
    PQclear(result);
}

/* --- stream ---------------------------------------------------------------------------------- */

/* The stream has ended: the server shut down, or says what went wrong. */
static void stream_end(struct pg_session *s)
{
    struct error why = {0};
    PGresult *result = PQgetResult(s->pg);
    if (result && PQresultStatus(result) == PGRES_FATAL_ERROR)
        pg_failure_of_result(&why, result);
    else
        error_set(&why, -ECONNRESET, "the server ended the replication stream");
    PQclear(result);
    session_fail(s, &why);
}

/* Offers one message. False when the owner does not take it now. */
static bool offer(struct pg_session *s, struct str bytes)
{
    struct wire_message message;
    struct error err = {0};
    if (wire_read(&message, bytes, &err) < 0) {
        session_fail(s, &err);
        return true;
    }
    if (message.kind == WIRE_KEEPALIVE) {
        s->events->on_keepalive(s->owner, message.lsn, message.reply_requested);
        return true;
    }
    return s->events->on_message(s->owner, message.payload, message.lsn) == PG_FLOW_ON;
}

/* Offers what is held. False when the owner does not take it now. */
static bool offer_held(struct pg_session *s)
{
    bool taken = offer(s, (struct str){s->held, (size_t)s->held_len});
    if (!taken && s->state == SESSION_STREAMING) {
        s->paused = true;
        return false;
    }
    PQfreemem(s->held);
    s->held = NULL;
    return true;
}

/* False when the connection is lost. */
static bool consume(struct pg_session *s)
{
    s->last_heard = clock_monotonic_ms();
    if (PQconsumeInput(s->pg))
        return true;
    session_fail_libpq(s);
    return false;
}

/* The next message. False when there is none: more has to come, or this was the end. */
static bool next_message(struct pg_session *s)
{
    s->held_len = PQgetCopyData(s->pg, &s->held, 1);
    if (s->held_len == -1)
        stream_end(s);
    else if (s->held_len < 0)
        session_fail_libpq(s);
    return s->held_len > 0;
}

/* libpq reads 16 kB at a time; what has come meanwhile is asked for until there is no more. */
static bool next_message_of_turn(struct pg_session *s, bool read_again)
{
    return next_message(s) || (s->held_len == 0 && read_again && consume(s) && next_message(s));
}

static void take_again(struct pg_session *s)
{
    ev_timer_set(&s->again, 0., 0.);
    ev_timer_start(s->loop->ev, &s->again);
}

/* Counted over a time and not in a turn: who is as fast as the server has turns of one message. */
static bool is_backlog(struct pg_session *s, int taken)
{
    ev_tstamp now = ev_now(s->loop->ev), age = now - s->window_at;
    if (age >= WINDOW_S) {
        s->has_backlog = s->window_taken * WINDOW_S >= MANY_MESSAGES * age;
        s->window_at = now;
        s->window_taken = 0;
    }
    s->window_taken += taken;
    return s->has_backlog || s->window_taken >= MANY_MESSAGES;
}

/* The server sends each message by itself and wakes whoever waits at the socket. In a backlog both
 * fare better when nobody does: we sleep a little, then take what has come (session_flush() leaves
 * the socket alone meanwhile). */
static void pace(struct pg_session *s, int taken)
{
    s->collects = is_backlog(s, taken) && !s->paused && !ev_is_active(&s->again);
    if (s->collects)
        take_again(s);
    thread_set_batch(s->has_backlog);
}

static void stop_pacing(struct pg_session *s)
{
    s->collects = false;
    thread_set_batch(false);
}

static void take_stream(struct pg_session *s)
{
    size_t bytes = 0;
    int n = 0;
    for (; s->state == SESSION_STREAMING && !s->paused; n++) {
        if (n == TURN_MESSAGES || bytes >= TURN_BYTES) {
            take_again(s);
            break;
        }
        if (!next_message_of_turn(s, n > 0))
            break;
        bytes += (size_t)s->held_len;
        offer_held(s);
    }
    if (s->state == SESSION_STREAMING)
        pace(s, n);
    else
        stop_pacing(s);
}

/* Drops what the server still sends until it says goodbye. */
static void take_ending(struct pg_session *s)
{
    int len;
    char *bytes;
    while ((len = PQgetCopyData(s->pg, &bytes, 1)) > 0)
        PQfreemem(bytes);
    if (len == -1)
        stream_end(s);
    else if (len < 0)
        session_fail_libpq(s);
}

static void session_take(struct pg_session *s)
{
    if (s->state == SESSION_ENDING)
        take_ending(s);
    if (s->state == SESSION_COMMAND)
        take_command_results(s);
    else if (s->state == SESSION_OPENING)
        take_opening(s);
    if (s->state == SESSION_STREAMING && !ev_is_active(&s->again)) /* a turn's share, once */
        take_stream(s);
    if (s->state < SESSION_FAILED)
        session_flush(s);
}

static void on_socket(struct ev_loop *ev, ev_io *io, int events)
{
    struct pg_session *s = io->data;
    (void)ev;
    if ((events & EV_READ) && !consume(s))
        return;
    session_take(s);
}

/* False when the connection is lost. */
static bool collect(struct pg_session *s)
{
    s->collects = false;
    ev_sleep(COLLECT_S);
    return consume(s);
}

static void on_again(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct pg_session *s = timer->data;
    (void)ev;
    (void)events;
    if (s->state == SESSION_FAILED)
        s->events->on_closed(s->owner, &s->failure);
    else if (!s->collects || collect(s))
        session_take(s);
}

/* --- life ------------------------------------------------------------------------------------ */

static void on_connected(void *owner, PGconn *pg, const struct error *err)
{
    struct pg_session *s = owner;
    if (err) {
        session_fail(s, err);
        return;
    }
    s->pg = pg;
    s->last_heard = clock_monotonic_ms();
    ev_io_init(&s->io, on_socket, PQsocket(pg), EV_READ);
    s->io.data = s;
    ev_io_start(s->loop->ev, &s->io);
    session_set_state(s, SESSION_READY);
    s->events->on_ready(s->owner);
}

int pg_session_start(struct pg_session **ret_session, struct loop *loop,
                     const struct pg_params *params, const struct pg_session_events *events,
                     void *owner, struct error *err)
{
    struct pg_session *s = calloc(1, sizeof(*s));
    if (!s)
        return error_set(err, -ENOMEM, "no memory for a replication session");
    s->loop = loop;
    s->events = events;
    s->owner = owner;
    ev_timer_init(&s->again, on_again, 0., 0.);
    s->again.data = s;
    s->connect = (struct pg_connect){.loop = loop, .owner = s, .on_done = on_connected};
    int rc = pg_connect_start(&s->connect, params, true, err);
    if (rc < 0) {
        free(s);
        return rc;
    }
    *ret_session = s;
    return 0;
}

static void session_free(struct loop_deferred *deferred)
{
    struct pg_session *s = (struct pg_session *)deferred;
    PQfreemem(s->held);
    PQfinish(s->pg);
    free(s);
}

void pg_session_close(struct pg_session *s)
{
    if (!s || s->state == SESSION_CLOSED)
        return;
    if (s->state == SESSION_STREAMING && PQputCopyEnd(s->pg, NULL) == 1)
        PQflush(s->pg);
    session_set_state(s, SESSION_CLOSED);
    stop_pacing(s);
    pg_connect_cancel(&s->connect);
    ev_timer_stop(s->loop->ev, &s->again);
    ev_io_stop(s->loop->ev, &s->io);
    s->deferred.free = session_free;
    loop_defer_free(s->loop, &s->deferred);
}

int pg_session_command(struct pg_session *s, const char *command, pg_on_result on_result,
                       pg_on_done on_done)
{
    if (s->state != SESSION_READY)
        return -EBUSY;
    s->on_result = on_result;
    s->on_done = on_done;
    if (!PQsendQuery(s->pg, command))
        return session_fail_libpq(s);
    session_set_state(s, SESSION_COMMAND);
    return session_flush(s);
}

int pg_session_stream(struct pg_session *s, const char *command)
{
    if (s->state != SESSION_READY)
        return -EBUSY;
    if (!PQsendQuery(s->pg, command))
        return session_fail_libpq(s);
    session_set_state(s, SESSION_OPENING);
    return session_flush(s);
}

int pg_session_confirm(struct pg_session *s, uint64_t confirmed, bool reply)
{
    if (s->state != SESSION_STREAMING)
        return -ENOTCONN;
    char status[WIRE_STATUS_BYTES];
    wire_write_status(status, confirmed, clock_wall_us(), reply);
    if (PQputCopyData(s->pg, status, sizeof(status)) != 1)
        return session_fail_libpq(s);
    return session_flush(s);
}

void pg_session_resume(struct pg_session *s)
{
    if (s->state != SESSION_STREAMING || !s->paused)
        return;
    s->paused = false;
    s->last_heard = clock_monotonic_ms(); /* who does not listen hears nothing */
    if (offer_held(s) && s->state == SESSION_STREAMING)
        take_again(s);
    if (s->state == SESSION_STREAMING)
        session_flush(s);
}

int pg_session_end(struct pg_session *s)
{
    if (s->state != SESSION_STREAMING)
        return -ENOTCONN;
    if (PQputCopyEnd(s->pg, NULL) != 1)
        return session_fail_libpq(s);
    session_set_state(s, SESSION_ENDING);
    ev_timer_stop(s->loop->ev, &s->again);
    stop_pacing(s);
    s->paused = false;
    return session_flush(s);
}

uint64_t pg_session_last_heard(const struct pg_session *s)
{
    return s->pg && !s->paused ? s->last_heard : clock_monotonic_ms();
}

struct pg_place pg_session_place(const struct pg_session *s)
{
    return (struct pg_place){s->pg ? PQhost(s->pg) : NULL, s->pg ? PQhostaddr(s->pg) : NULL,
                             s->pg ? PQport(s->pg) : NULL};
}

int pg_session_pid(const struct pg_session *s)
{
    return s->pg ? PQbackendPID(s->pg) : 0;
}
