#include "http/input.h"
#include "http/body.h"
#include "http/proxy.h"
#include "http/server_state.h"
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

/* What it sends is, or will become, requests. */
static bool keeps_input(const struct connection *connection)
{
    return connection->state <= CONNECTION_WAITING;
}

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
    if (bound > 0 && body_is_full(server)) {
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
        connection_end_soon(connection);
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
    while (at < bytes.len && connection_takes_requests(connection) && !connection->failure) {
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
        connection_end_soon(connection);
        connection_finish_wait(connection, "peer");
    } else {
        connection_close(connection, "peer");
    }
}

void input_readable(struct ev_loop *ev, ev_io *reader, int events)
{
    struct connection *connection = reader->data;
    struct http_server *server = connection->server;
    ssize_t len = recv(connection->fd, server->input, sizeof(server->input), 0);
    if (len > 0)
        take_bytes(connection, (struct str){server->input, (size_t)len});
    else if (len == 0)
        take_end(connection);
    else if (errno != EAGAIN && errno != EINTR)
        connection_close_errno(connection, errno);
}

void input_resume(struct connection *connection)
{
    connection->paused = false;
    ev_io_start(connection->server->loop->ev, &connection->reader);
    take_stored(connection, 0);
}
