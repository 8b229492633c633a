#include "http/server_state.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

struct reason {
    int status;
    const char *text;
};

static const struct reason reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

/* The phrase is for human readers only; clients go by the number. */
static const char *reason_phrase(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "";
}

const struct http_request *http_exchange_request(const struct http_exchange *exchange)
{
    return exchange->request;
}

struct address http_exchange_peer(const struct http_exchange *exchange)
{
    return exchange->connection->client;
}

struct http_counters *http_exchange_counters(const struct http_exchange *exchange)
{
    return &exchange->connection->server->counters;
}

void http_exchange_always(struct http_exchange *exchange, const struct http_header *headers,
                          size_t header_count)
{
    exchange->always = headers;
    exchange->always_count = header_count;
}

/* --- the head ------------------------------------------------------------------------------ */

static bool has_any(struct str text, const char *bytes, size_t count)
{
    for (size_t i = 0; i < text.len; i++)
        if (memchr(bytes, text.data[i], count))
            return true;
    return false;
}

/* A line end in what the application passes would let its source write headers of its own. */
static int append_header(struct buffer *head, struct str name, struct str value)
{
    if (name.len == 0 || has_any(name, "\r\n\0: ", 5) || has_any(value, "\r\n\0", 3))
        return -EINVAL;
    buffer_append_str(head, name);
    buffer_append_str(head, STR(": "));
    buffer_append_str(head, value);
    return buffer_append_str(head, STR("\r\n"));
}

static void append_connection(struct buffer *head, const struct http_exchange *exchange)
{
    if (!exchange->keep_alive)
        buffer_append_str(head, STR("Connection: close\r\n"));
    else if (exchange->minor_version == 0)
        buffer_append_str(head, STR("Connection: keep-alive\r\n"));
}

int exchange_compose(const struct http_exchange *exchange, int status, const char *content_type,
                     int64_t content_length, const struct http_header *headers, size_t header_count)
{
    struct buffer *head = &exchange->connection->server->head;
    int result = 0;
    buffer_reset(head);
    buffer_printf(head, "HTTP/1.1 %d %s\r\n", status, reason_phrase(status));
    if (content_type)
        result = append_header(head, STR("Content-Type"), str_from(content_type));
    if (content_length >= 0)
        buffer_printf(head, "Content-Length: %lld\r\n", (long long)content_length);
    append_connection(head, exchange);
    for (size_t i = 0; i < exchange->always_count && result == 0; i++)
        result = append_header(head, exchange->always[i].name, exchange->always[i].value);
    for (size_t i = 0; i < header_count && result == 0; i++)
        result = append_header(head, headers[i].name, headers[i].value);
    if (result < 0)
        return result;
    return buffer_append_str(head, STR("\r\n"));
}

/* --- the answer ---------------------------------------------------------------------------- */

static void set_next_state(struct connection *connection, bool keep_alive)
{
    /* The requests behind one that waited are looked at when this answer has been sent. */
    if (connection->state == CONNECTION_WAITING)
        connection->paused = true;
    if (!keep_alive)
        connection_set_state(connection, CONNECTION_ENDING);
    else if (connection->body_left > 0)
        connection_set_state(connection, CONNECTION_BODY);
    else
        connection_set_state(connection, CONNECTION_IDLE);
}

void http_respond(struct http_exchange *exchange, const struct http_response *response)
{
    struct connection *connection = exchange->connection;
    bool bodiless = response->status == 204 || response->status == 304;
    struct str body = response->body;
    assert(!exchange->answered && response->status >= 200 && response->status <= 599);
    exchange->keep_alive = exchange->keep_alive && !connection->server->draining;
    int result = exchange_compose(exchange, response->status, response->content_type,
                                  bodiless ? -1 : (int64_t)body.len, response->headers,
                                  response->header_count);
    http_count_answer(&connection->server->counters, result < 0 ? 500 : response->status);
    if (result < 0) {
        exchange->keep_alive = false;
        body = (struct str){NULL, 0};
        result = exchange_compose(exchange, 500, NULL, 0, NULL, 0);
    }
    exchange->answered = true;
    exchange->events = NULL;
    if (result == 0)
        result = output_copy(&connection->output, buffer_str(&connection->server->head));
    if (result == 0 && !bodiless && !exchange->head)
        result = output_copy(&connection->output, body);
    set_next_state(connection, exchange->keep_alive);
    if (result < 0)
        connection_fail(connection, "memory");
    else
        connection_queue(connection);
}

struct http_exchange *http_respond_later(struct http_exchange *exchange,
                                         const struct http_wait_events *events, void *owner)
{
    struct connection *connection = exchange->connection;
    struct http_exchange *waiting = &connection->exchange;
    assert(!exchange->answered && events->drain && events->gone);
    *waiting = *exchange;
    waiting->request = NULL;
    waiting->events = events;
    waiting->owner = owner;
    exchange->answered = true;
    connection_set_state(connection, CONNECTION_WAITING);
    if (connection->server->draining)
        drain_add(connection);
    return waiting;
}

void exchange_refuse(struct connection *connection, int status)
{
    static const struct http_header retry_after = {
        {"Retry-After", sizeof("Retry-After") - 1},
        {"5", 1},
    };
    struct http_exchange exchange = {.connection = connection};
    char text[64];
    int len = snprintf(text, sizeof(text), "%s\n", reason_phrase(status));
    http_respond(&exchange, &(struct http_response){
                                .status = status,
                                .content_type = "text/plain",
                                .body = {text, (size_t)len},
                                .headers = &retry_after,
                                .header_count = status == 503 || status == 429 ? 1 : 0,
                            });
}
