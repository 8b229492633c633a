#include "http/connection.h"
#include "base/clock.h"
#include "http/body.h"
#include "http/input.h"
#include "http/server_state.h"
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define BIT(state) (1u << (state))

/* From each state, those that may follow. */
static const unsigned followers[] = {
    [CONNECTION_IDLE] = BIT(CONNECTION_IDLE) | BIT(CONNECTION_HEAD) | BIT(CONNECTION_BODY) |
                        BIT(CONNECTION_STREAM) | BIT(CONNECTION_ENDING) | BIT(CONNECTION_CLOSED),
    [CONNECTION_HEAD] = BIT(CONNECTION_IDLE) | BIT(CONNECTION_HEAD) | BIT(CONNECTION_BODY) |
                        BIT(CONNECTION_TAKING) | BIT(CONNECTION_WAITING) | BIT(CONNECTION_STREAM) |
                        BIT(CONNECTION_ENDING) | BIT(CONNECTION_CLOSED),
    [CONNECTION_BODY] = BIT(CONNECTION_IDLE) | BIT(CONNECTION_ENDING) | BIT(CONNECTION_CLOSED),
    [CONNECTION_TAKING] = BIT(CONNECTION_IDLE) | BIT(CONNECTION_WAITING) | BIT(CONNECTION_ENDING) |
                          BIT(CONNECTION_CLOSED),
    [CONNECTION_WAITING] = BIT(CONNECTION_IDLE) | BIT(CONNECTION_BODY) | BIT(CONNECTION_ENDING) |
                           BIT(CONNECTION_CLOSED),
    [CONNECTION_STREAM] = BIT(CONNECTION_ENDING) | BIT(CONNECTION_CLOSED),
    [CONNECTION_ENDING] = BIT(CONNECTION_LINGER) | BIT(CONNECTION_CLOSED),
    [CONNECTION_LINGER] = BIT(CONNECTION_CLOSED),
    [CONNECTION_CLOSED] = 0,
};

bool connection_takes_requests(const struct connection *connection)
{
    return connection->state <= CONNECTION_TAKING;
}

static bool is_blocked(const struct connection *connection)
{
    return ev_is_active(&connection->writer);
}

/* --- deadlines ----------------------------------------------------------------------------- */

static enum deadline deadline_of(const struct connection *connection)
{
    if (connection->state == CONNECTION_LINGER)
        return DEADLINE_PEER;
    if (is_blocked(connection))
        return DEADLINE_ROOM;
    if (!connection_takes_requests(connection))
        return DEADLINE_NONE;
    return connection->shed ? DEADLINE_PEER : DEADLINE_REQUEST;
}

/* Those of one kind all have the same length, so each queue is in order by itself. */
static void start_deadline(struct connection *connection)
{
    enum deadline kind = deadline_of(connection);
    list_remove(&connection->waiting);
    connection->deadline = kind;
    if (kind == DEADLINE_NONE)
        return;
    connection->deadline_ms = clock_monotonic_ms() + connection->server->timeout_ms[kind];
    list_append(&connection->server->waiting[kind], &connection->waiting);
}

/* A deadline of the same kind goes on. */
static void update_deadline(struct connection *connection)
{
    if (connection->deadline != deadline_of(connection))
        start_deadline(connection);
}

/* --- life ---------------------------------------------------------------------------------- */

void connection_set_state(struct connection *connection, enum connection_state state)
{
    assert(followers[connection->state] & BIT(state));
    connection->state = state;
    if (state == CONNECTION_CLOSED)
        list_remove(&connection->waiting);
    else if (state == CONNECTION_IDLE || state == CONNECTION_BODY || state == CONNECTION_TAKING)
        start_deadline(connection);
    else
        update_deadline(connection);
}

static void free_deferred(struct loop_deferred *deferred)
{
    free(LIST_ITEM(deferred, struct connection, deferred));
}

/* Last in its callers: the owner may do as it likes. */
static void finish_stream(struct connection *connection, const char *reason)
{
    const struct http_stream_events *events = connection->stream.events;
    connection->stream.events = NULL;
    if (!events)
        return;
    http_count_close(&connection->server->counters, reason);
    events->closed(connection->stream.owner, reason);
}

void connection_finish_wait(struct connection *connection, const char *reason)
{
    struct http_exchange *exchange = &connection->exchange;
    const struct http_wait_events *events = exchange->events;
    const struct http_body_events *body_events = exchange->body_events;
    exchange->events = NULL;
    exchange->body_events = NULL;
    body_free(connection);
    if (events)
        events->gone(exchange->owner, reason);
    if (body_events)
        body_events->gone(exchange->owner, reason);
}

void connection_close(struct connection *connection, const char *reason)
{
    struct http_server *server = connection->server;
    if (connection->state == CONNECTION_CLOSED)
        return;
    connection_set_state(connection, CONNECTION_CLOSED);
    ev_io_stop(server->loop->ev, &connection->reader);
    ev_io_stop(server->loop->ev, &connection->writer);
    close(connection->fd);
    list_remove(&connection->all);
    list_remove(&connection->pending);
    output_release(&connection->output);
    buffer_release(&connection->input);
    counter_set(&server->counters.open, --server->connection_count);
    if (connection->shed)
        server->shed_count--;
    places_give_back(server->clients, connection->place);
    loop_defer_free(server->loop, &connection->deferred);
    connection_finish_wait(connection, reason);
    finish_stream(connection, reason);
}

void connection_close_errno(struct connection *connection, int error)
{
    switch (error) {
    case ECONNRESET:
    case EPIPE:
        connection_close(connection, "peer");
        break;
    case ETIMEDOUT:
        connection_close(connection, "stalled");
        break;
    case ENOMEM:
    case ENOBUFS:
        connection_close(connection, "memory");
        break;
    default:
        connection_close(connection, "error");
        break;
    }
}

void connection_queue(struct connection *connection)
{
    struct http_server *server = connection->server;
    if (!list_empty(&connection->pending))
        return;
    if (list_empty(&server->pending))
        loop_hook_want(server->loop, &server->flush);
    list_append(&server->pending, &connection->pending);
}

void connection_fail(struct connection *connection, const char *reason)
{
    connection->failure = reason;
    connection_queue(connection);
}

void connection_end_soon(struct connection *connection)
{
    connection_set_state(connection, CONNECTION_ENDING);
    connection_queue(connection);
}

/* --- writing ------------------------------------------------------------------------------- */

static void on_writable(struct ev_loop *ev, ev_io *writer, int events)
{
    connection_queue(writer->data);
}

/* All is sent and nothing more will be. */
static void end_now(struct connection *connection)
{
    if (connection->end_of_input || shutdown(connection->fd, SHUT_WR) < 0) {
        connection_close(connection, "ended");
        return;
    }
    connection_set_state(connection, CONNECTION_LINGER);
    ev_io_start(connection->server->loop->ev, &connection->reader);
    finish_stream(connection, "ended");
}

/* Lets the owner of the stream write when it has something and there is room. */
static void pull(struct connection *connection)
{
    struct http_stream *stream = &connection->stream;
    if (!stream->woken || http_stream_room(stream) == 0)
        return;
    stream->woken = false;
    stream->events->fill(stream->owner, stream);
    /* It stopped for want of room: there is more. */
    if (connection->state == CONNECTION_STREAM && http_stream_room(stream) == 0)
        stream->woken = true;
}

/* False when the connection was closed. */
static bool send_output(struct connection *connection)
{
    struct http_server *server = connection->server;
    ssize_t sent = 0;
    if (connection->output.count > 0)
        sent = output_send(&connection->output, connection->fd);
    if (sent < 0 && sent != -EAGAIN) {
        connection_close_errno(connection, (int)-sent);
        return false;
    }
    if (sent > 0)
        counter_add(&server->counters.sent_bytes, (uint64_t)sent);
    if (connection->output.count > 0)
        ev_io_start(server->loop->ev, &connection->writer);
    else
        ev_io_stop(server->loop->ev, &connection->writer);
    if (sent > 0 && is_blocked(connection))
        start_deadline(connection);
    else
        update_deadline(connection);
    return true;
}

void connection_flush(struct connection *connection)
{
    if (connection->state == CONNECTION_STREAM && !connection->failure)
        pull(connection);
    if (connection->failure) {
        connection_close(connection, connection->failure);
        return;
    }
    if (!send_output(connection))
        return;
    if (connection->paused && connection->output.bytes < PIPELINE_BYTES)
        input_resume(connection);
    if (is_blocked(connection))
        return;
    if (connection->state == CONNECTION_ENDING && connection->output.count == 0)
        end_now(connection);
    else if (connection->stream.woken && connection->state == CONNECTION_STREAM)
        connection_queue(connection);
}

void connection_expire(struct connection *connection)
{
    switch (connection->deadline) {
    case DEADLINE_REQUEST:
        if (connection->state == CONNECTION_HEAD) {
            exchange_refuse(connection, 408);
        } else if (connection->state == CONNECTION_TAKING) {
            exchange_refuse(connection, 408);
            connection_finish_wait(connection, "timeout");
        } else {
            connection_end_soon(connection);
        }
        break;
    case DEADLINE_ROOM:
        connection_close(connection, "stalled");
        break;
    case DEADLINE_PEER:
        if (connection_takes_requests(connection))
            exchange_refuse(connection, connection->shed);
        else
            connection_close(connection, "ended");
        break;
    case DEADLINE_NONE:
        connection_close(connection, "ended");
        break;
    }
}

void connection_drain(struct connection *connection)
{
    struct http_stream *stream = &connection->stream;
    struct http_exchange *exchange = &connection->exchange;
    if (connection->state == CONNECTION_STREAM)
        stream->events->drain(stream->owner, stream);
    else if (connection->state == CONNECTION_WAITING && exchange->events)
        exchange->events->drain(exchange->owner, exchange);
    else if (connection->state == CONNECTION_IDLE && !connection->paused)
        connection_end_soon(connection);
}

struct connection *connection_new(struct http_server *server, int fd)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection) {
        close(fd);
        return NULL;
    }
    connection->server = server;
    connection->fd = fd;
    connection->deferred.free = free_deferred;
    connection->deadline = DEADLINE_NONE;
    list_init(&connection->waiting);
    list_init(&connection->pending);
    list_init(&connection->all);
    list_append(&server->connections, &connection->all);
    counter_set(&server->counters.open, ++server->connection_count);
    buffer_init(&connection->input, server->max_head_bytes + READ_BYTES);
    output_init(&connection->output);
    ev_io_init(&connection->reader, input_readable, fd, EV_READ);
    ev_io_init(&connection->writer, on_writable, fd, EV_WRITE);
    connection->reader.data = connection->writer.data = connection;
    ev_io_start(server->loop->ev, &connection->reader);
    connection_set_state(connection, CONNECTION_IDLE);
    return connection;
}
