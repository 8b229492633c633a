#include "http/server_state.h"
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Bytes the kernel may hold that are not on their way yet. Its default of megabytes would hide a
 * reader that does not keep up. */
#define NOTSENT_LOWAT 16384

/* Pieces kept for what is written although there is no room: goodbyes, heartbeats. */
#define SPARE_PIECES 32

static struct connection *connection_of(const struct http_stream *stream)
{
    return LIST_ITEM(stream, struct connection, stream);
}

struct http_stream *http_stream_start(struct http_exchange *exchange,
                                      const struct http_header *headers, size_t header_count,
                                      struct str first, const struct http_stream_events *events,
                                      void *owner)
{
    struct connection *connection = exchange->connection;
    struct http_stream *stream = &connection->stream;
    const int lowat = NOTSENT_LOWAT;
    assert(!exchange->answered && events->fill && events->drain && events->closed);
    /* Without a length the end of the connection is the end of the answer. */
    exchange->keep_alive = false;
    exchange->answered = true;
    *stream = (struct http_stream){.events = events, .owner = owner};
    connection_set_state(connection, CONNECTION_STREAM);
    http_count(&connection->server->counters.streams);
    if (connection->server->draining)
        drain_add(connection);
    int result = exchange_compose(exchange, 200, NULL, -1, headers, header_count);
    bool over = result < 0 || exchange->head;
    http_count_answer(&connection->server->counters, result < 0 ? 500 : 200);
    if (result < 0)
        result = exchange_compose(exchange, 500, NULL, 0, NULL, 0);
    if (result == 0)
        result = output_copy(&connection->output, buffer_str(&connection->server->head));
    if (result == 0 && !over)
        result = output_copy(&connection->output, first);
    /* Fails on a unix socket, which has no such thing and a small buffer. */
    (void)!setsockopt(connection->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
    if (over)
        connection_set_state(connection, CONNECTION_ENDING);
    if (result < 0)
        connection_fail(connection, "memory");
    else
        connection_queue(connection);
    return stream;
}

static inline size_t room_of(const struct connection *connection)
{
    size_t buffer = connection->server->stream_buffer;
    if (connection->state != CONNECTION_STREAM || connection->output.bytes >= buffer ||
        connection->output.count >= OUTPUT_PIECES_MAX - SPARE_PIECES)
        return 0;
    return buffer - connection->output.bytes;
}

size_t http_stream_room(const struct http_stream *stream)
{
    return room_of(connection_of(stream));
}

/* One that waits for the socket is flushed once that has room. */
static void queue_unless_blocked(struct connection *connection)
{
    if (!ev_is_active(&connection->writer))
        connection_queue(connection);
}

void http_stream_wake(struct http_stream *stream)
{
    struct connection *connection = connection_of(stream);
    stream->woken = true;
    queue_unless_blocked(connection);
}

/* LEN more bytes: a piece that begins where there is room may be of any size, what comes without
 * room may make up one more buffer. */
static int admit(struct http_stream *stream, size_t len)
{
    struct connection *connection = connection_of(stream);
    if (connection->state != CONNECTION_STREAM || connection->failure)
        return -EPIPE;
    if (room_of(connection) > 0) {
        stream->excess = 0;
        return 0;
    }
    size_t left = connection->server->stream_buffer - stream->excess;
    if (len > left) {
        connection_fail(connection, "overflow");
        return -ENOBUFS;
    }
    stream->excess += len;
    return 0;
}

static int finish_write(struct http_stream *stream, int result)
{
    struct connection *connection = connection_of(stream);
    if (result < 0)
        connection_fail(connection, result == -ENOBUFS ? "overflow" : "memory");
    else
        queue_unless_blocked(connection);
    return result;
}

/* What waits for a slow reader must not keep much more alive than it will be sent. */
static bool is_small_part(size_t len, const struct shared *bytes)
{
    return len < bytes->len / 2;
}

int http_stream_write_shared(struct http_stream *stream, struct shared *bytes, size_t offset,
                             size_t len)
{
    if (is_small_part(len, bytes))
        return http_stream_write(stream, (struct str){bytes->data + offset, len});
    int result = admit(stream, len);
    if (result < 0)
        return result;
    return finish_write(stream, output_add(&connection_of(stream)->output, bytes, offset, len));
}

int http_stream_write(struct http_stream *stream, struct str bytes)
{
    int result = admit(stream, bytes.len);
    if (result < 0)
        return result;
    return finish_write(stream, output_copy(&connection_of(stream)->output, bytes));
}

void http_stream_end(struct http_stream *stream)
{
    struct connection *connection = connection_of(stream);
    if (connection->state != CONNECTION_STREAM)
        return;
    connection_set_state(connection, CONNECTION_ENDING);
    queue_unless_blocked(connection);
}
