#include "http/body.h"

#include "http/server_state.h"

#include <assert.h>
#include <errno.h>

bool body_is_full(const struct http_server *server)
{
    return server->body_bytes > BODIES_MAX * server->max_body_bytes;
}

uint64_t body_bound(const struct http_server *server, const struct http_request *request)
{
    return request->chunked ? server->max_body_bytes : request->content_length;
}

void body_free(struct connection *connection)
{
    struct body *body = connection->body;

    if (body == NULL)
        return;
    connection->body = NULL;
    connection->server->body_bytes -= body->held;
    buffer_release(&body->bytes);
    free(body);
}

static void deliver(struct connection *connection)
{
    struct http_exchange exchange = connection->exchange; /* as HANDLE gets one */
    const struct http_body_events *events = exchange.body_events;

    connection->exchange.body_events = exchange.body_events = NULL;
    exchange.answered = false;
    events->whole(exchange.owner, &exchange, buffer_str(&connection->body->bytes));
    assert(exchange.answered);
    body_free(connection);
}

/* Only what has come counts: who announces much and sends nothing keeps nobody out. False: there is
 * more than the server may keep. */
static bool keep(struct connection *connection)
{
    struct http_server *server = connection->server;
    struct body *body = connection->body;

    server->body_bytes += body->bytes.capacity - body->held;
    body->held = body->bytes.capacity;
    return !body_is_full(server);
}

/* The rest of the body is anyone's guess: nothing more is read. */
static void refuse(struct connection *connection, int error)
{
    struct http_exchange *exchange = &connection->exchange;
    const struct http_body_events *events = exchange->body_events;

    exchange->body_events = NULL;
    body_free(connection);
    exchange_refuse(connection, error == -EMSGSIZE ? 413 : error == -EBADMSG ? 400 : 503);
    events->gone(exchange->owner, error == -ENOMEM || error == -ENOBUFS ? "memory" : "malformed");
}

static size_t take_chunks(struct connection *connection, struct str bytes)
{
    struct body *body = connection->body;
    struct str rest = bytes;
    int status = chunked_take(&body->chunked, &rest, &body->bytes);

    if (status < 0)
        refuse(connection, status);
    else if (status > 0)
        deliver(connection);
    else if (!keep(connection))
        refuse(connection, -ENOBUFS);
    return bytes.len - rest.len;
}

size_t body_take(struct connection *connection, struct str bytes)
{
    struct body *body = connection->body;

    if (body->is_chunked)
        return take_chunks(connection, bytes);
    size_t len = bytes.len < connection->body_left ? bytes.len : (size_t)connection->body_left;
    connection->body_left -= len;
    if (buffer_append(&body->bytes, bytes.data, len) < 0)
        refuse(connection, -ENOMEM);
    else if (connection->body_left == 0)
        deliver(connection);
    else if (!keep(connection))
        refuse(connection, -ENOBUFS);
    return len;
}

void body_finish(struct connection *connection)
{
    if (connection->body && !connection->body->is_chunked && connection->body_left == 0)
        deliver(connection);
}

/* RFC 9110, 10.1.1: who waits for leave to send gets it. */
static int invite(struct connection *connection, const struct http_request *request)
{
    struct str expect = http_request_header(request, STR("Expect"));

    if (request->minor_version == 0 || body_bound(connection->server, request) == 0 ||
        !str_equal_nocase(expect, STR("100-continue")))
        return 0;
    return output_copy(&connection->output, STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

void http_take_body(struct http_exchange *exchange, const struct http_body_events *events,
                    void *owner)
{
    struct connection *connection = exchange->connection;
    struct http_server *server = connection->server;
    const struct http_request *request = exchange->request;
    struct body *body = calloc(1, sizeof(*body));

    assert(!exchange->answered && request && events->whole && events->gone);
    exchange->answered = true;
    connection->exchange = *exchange;
    connection->exchange.request = NULL;
    connection->exchange.keep_alive = request->keep_alive;
    connection->exchange.body_events = events;
    connection->exchange.owner = owner;
    connection_set_state(connection, CONNECTION_TAKING);
    if (body == NULL || invite(connection, request) < 0) {
        free(body);
        connection_fail(connection, "memory");
        return;
    }
    body->is_chunked = request->chunked;
    buffer_init(&body->bytes, (size_t)body_bound(server, request));
    connection->body = body;
    connection_queue(connection);
}
