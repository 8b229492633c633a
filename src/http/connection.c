#include "http/connection.h"
#include "base/clock.h"
#include "http/body.h"
#include "http/proxy.h"
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

static bool takes_requests(const struct connection *connection)
{
    return connection->state <= CONNECTION_TAKING;
}

/* What it sends is, or will become, requests. */
static bool keeps_input(const struct connection *connection)
{
    return connection->state <= CONNECTION_WAITING;
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
    if (!takes_requests(connection))
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

/* For counters: who or what ended it. */
static const char *reason_of(int error)
{
    switch (error) {
    case ECONNRESET:
    case EPIPE:
        return "peer";
    case ETIMEDOUT:
        return "stalled";
    case ENOMEM:
    case ENOBUFS:
        return "memory";
    default:
        return "error";
    }
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

/* Last in its callers, too. */
static void finish_wait(struct connection *connection, const char *reason)
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
    server->connection_count--;
    if (connection->shed)
        server->shed_count--;
    places_give_back(server->clients, connection->place);
    loop_defer_free(server->loop, &connection->deferred);
    finish_wait(connection, reason);
    finish_stream(connection, reason);
}

void connection_queue(struct connection *connection)
{
    struct http_server *server = connection->server;
    if (!list_empty(&connection->pending))
        return;
    /* Inside a pass whose flush is over nothing else would bring it up again before the sleep. */
    if (list_empty(&server->pending))
        loop_again(server->loop);
    list_append(&server->pending, &connection->pending);
}

void connection_fail(struct connection *connection, const char *reason)
{
    connection->failure = reason;
    connection_queue(connection);
}

/* What waits is sent first. */
static void end_soon(struct connection *connection)
{
    connection_set_state(connection, CONNECTION_ENDING);
    connection_queue(connection);
}

/* --- reading ------------------------------------------------------------------------------- */

/* Who is over a limit is told so. */
static void refuse(struct connection *connection, struct http_exchange *exchange)
{
    struct http_server *server = connection->server;
    exchange->keep_alive = false;
    if (server->refuse)
        server->refuse(server->app, exchange, connection->shed);
    else
        exchange_refuse(connection, connection->shed);
}

/* Answers one request. What it borrows stays in place until handle() is back. */
static void serve(struct connection *connection)
{
    struct http_server *server = connection->server;
    const struct http_request *request = &server->request;
    uint64_t bound = body_bound(server, request);
    if (bound > server->max_body_bytes) {
        exchange_refuse(connection, 413);
        return;
    }
    if (bound > 0 && server->body_bytes + bound > BODIES_MAX * server->max_body_bytes) {
        exchange_refuse(connection, 503);
        return;
    }
    /* Whether a body still follows an answer that came before "100 Continue" is anyone's guess; a
     * large one, or one whose end is not known, is not worth reading away. */
    bool uncertain = bound > BODY_MAX || request->chunked ||
                     (bound > 0 && http_request_header(request, STR("Expect")).data != NULL);
    struct http_exchange exchange = {
        .connection = connection,
        .request = request,
        .minor_version = request->minor_version,
        .head = str_equal(request->method, STR("HEAD")),
        .keep_alive = request->keep_alive && !uncertain,
    };
    connection->body_left = request->content_length;
    if (connection->shed) {
        refuse(connection, &exchange);
        return;
    }
    server->handle(server->app, &exchange);
    assert(exchange.answered);
    body_finish(connection);
}

static size_t skip_body(struct connection *connection, size_t len)
{
    size_t skipped = len < connection->body_left ? len : (size_t)connection->body_left;
    connection->body_left -= skipped;
    if (connection->body_left > 0)
        return skipped;
    if (connection->server->draining)
        end_soon(connection);
    else
        connection_set_state(connection, CONNECTION_IDLE);
    return skipped;
}

/* A head can only have become complete, or wrong beyond repair, with a line end. Not looking before
 * keeps a head that comes byte by byte from being parsed once a byte. */
static bool worth_parsing(const struct connection *connection, struct str bytes, size_t fresh)
{
    return connection->state != CONNECTION_HEAD ||
           bytes.len >= connection->server->max_head_bytes ||
           (bytes.data && memchr(bytes.data + fresh, '\n', bytes.len - fresh));
}

/* Serves the request at the start of BYTES. The length of its head; 0 when it is not complete or
 * was refused. */
static size_t process_head(struct connection *connection, struct str bytes)
{
    struct http_server *server = connection->server;
    long result = http_request_parse(&server->request, bytes, server->max_head_bytes);
    connection_set_state(connection, CONNECTION_HEAD);
    if (result > 0)
        serve(connection);
    else if (result < 0)
        exchange_refuse(connection, (int)-result);
    return result > 0 ? (size_t)result : 0;
}

/* The length of the header of a proxy at the start of BYTES; 0 when it is not complete or none. */
static size_t process_proxy(struct connection *connection, struct str bytes)
{
    long len = http_proxy_parse(bytes, &connection->client);
    if (len < 0)
        connection_fail(connection, "error");
    if (len <= 0)
        return 0;
    admission_proxied(connection);
    return (size_t)len;
}

static void pause_reading(struct connection *connection)
{
    connection->paused = true;
    ev_io_stop(connection->server->loop->ev, &connection->reader);
}

/* Takes what BYTES hold; the first FRESH of them were looked at before. The number of bytes that
 * are done with. */
static size_t process(struct connection *connection, struct str bytes, size_t fresh)
{
    size_t at = 0;
    while (at < bytes.len && takes_requests(connection) && !connection->failure) {
        struct str rest = {bytes.data + at, bytes.len - at};
        if (connection->state == CONNECTION_BODY) {
            at += skip_body(connection, rest.len);
            continue;
        }
        if (connection->state == CONNECTION_TAKING) {
            at += body_take(connection, rest);
            continue;
        }
        if (connection->output.bytes >= PIPELINE_BYTES) {
            pause_reading(connection);
            break;
        }
        if (!worth_parsing(connection, rest, at == 0 ? fresh : 0))
            break;
        size_t done = connection->awaits_proxy ? process_proxy(connection, rest)
                                               : process_head(connection, rest);
        if (done == 0)
            break;
        at += done;
    }
    return at;
}

/* After the last request everything else is read away, within reason. */
static void discard(struct connection *connection, size_t len)
{
    buffer_release(&connection->input);
    connection->discarded += len;
    if (connection->discarded > DISCARD_MAX)
        connection_close(connection, "noise");
}

/* While a request waits, what comes behind it is only kept. */
static void bound_input(struct connection *connection)
{
    if (connection->state == CONNECTION_WAITING &&
        connection->input.len >= connection->server->max_head_bytes)
        pause_reading(connection);
}

static void take_stored(struct connection *connection, size_t fresh)
{
    struct buffer *input = &connection->input;
    size_t done = process(connection, buffer_str(input), fresh);
    if (!keeps_input(connection))
        discard(connection, input->len - done);
    else if (done == input->len)
        buffer_release(input);
    else
        buffer_consume(input, done);
    bound_input(connection);
}

/* BYTES are the server's: what is not done with is stored. */
static void take_bytes(struct connection *connection, struct str bytes)
{
    struct buffer *input = &connection->input;
    size_t stored = input->len;
    size_t done = 0;
    if (!keeps_input(connection)) {
        discard(connection, bytes.len);
        return;
    }
    if (stored == 0) {
        done = process(connection, bytes, 0);
        if (!keeps_input(connection)) {
            discard(connection, bytes.len - done);
            return;
        }
    }
    if (buffer_append(input, bytes.data + done, bytes.len - done) < 0)
        connection_close(connection, "memory");
    else if (stored > 0)
        take_stored(connection, stored);
    else
        bound_input(connection);
}

static void take_end(struct connection *connection)
{
    ev_io_stop(connection->server->loop->ev, &connection->reader);
    connection->end_of_input = true;
    /* A client may shut its side after its request and still wait for the answer; who waits for
     * one that comes later, or reads a stream, has no reason to. */
    if (connection->state == CONNECTION_ENDING)
        return;
    if (keeps_input(connection) && connection->output.bytes > 0) {
        end_soon(connection);
        finish_wait(connection, "peer");
    } else {
        connection_close(connection, "peer");
    }
}

static void on_readable(struct ev_loop *ev, ev_io *reader, int events)
{
    struct connection *connection = reader->data;
    struct http_server *server = connection->server;
    ssize_t len = recv(connection->fd, server->input, sizeof(server->input), 0);
    if (len > 0)
        take_bytes(connection, (struct str){server->input, (size_t)len});
    else if (len == 0)
        take_end(connection);
    else if (errno != EAGAIN && errno != EINTR)
        connection_close(connection, reason_of(errno));
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
        connection_close(connection, reason_of((int)-sent));
        return false;
    }
    if (sent > 0)
        connection->stream.last_write_ms = clock_monotonic_ms();
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
    if (connection->paused && connection->output.bytes < PIPELINE_BYTES) {
        connection->paused = false;
        ev_io_start(connection->server->loop->ev, &connection->reader);
        take_stored(connection, 0);
    }
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
            finish_wait(connection, "timeout");
        } else {
            end_soon(connection);
        }
        break;
    case DEADLINE_ROOM:
        connection_close(connection, "stalled");
        break;
    case DEADLINE_PEER:
        if (takes_requests(connection))
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
        end_soon(connection);
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
    server->connection_count++;
    buffer_init(&connection->input, server->max_head_bytes + READ_BYTES);
    output_init(&connection->output);
    ev_io_init(&connection->reader, on_readable, fd, EV_READ);
    ev_io_init(&connection->writer, on_writable, fd, EV_WRITE);
    connection->reader.data = connection->writer.data = connection;
    ev_io_start(server->loop->ev, &connection->reader);
    connection_set_state(connection, CONNECTION_IDLE);
    return connection;
}
