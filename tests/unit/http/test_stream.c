#include "harness.h"
#include <fcntl.h>

/* --- what goes to the kernel: the program is linked with counted_sends (meson.build) -----------
 */

static struct {
    unsigned calls;
    size_t pieces; /* of the last one */
    const void *first;
} sends;

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    sends.calls++;
    sends.pieces = message->msg_iovlen;
    sends.first = message->msg_iov[0].iov_base;
    return __real_sendmsg(fd, message, flags);
}

ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);

/* The clients of the tests block. */
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    if (flags & MSG_DONTWAIT) {
        sends.calls++;
        sends.pieces = 1;
        sends.first = bytes;
    }
    return __real_send(fd, bytes, len, flags);
}

/* --------------------------------------------------------------------------------------------- */

/* An owner that sends numbered lines by reference, LIMIT of them, whenever there is room. */
struct owner {
    struct http_stream *stream;
    struct str first;
    unsigned next, limit;
    size_t most_waiting; /* bytes queued at the end of a fill() */
    unsigned fills, drains, closed;
    const char *reason;
    bool in_call; /* closed() must not come from inside a call */
    bool bad_header;
    bool greedy; /* writes on without room */
};

#define LINE_BYTES 1000

static struct shared *line(unsigned number)
{
    struct shared *bytes = shared_new(NULL, LINE_BYTES);
    memset(bytes->data, '.', LINE_BYTES);
    snprintf(bytes->data, LINE_BYTES, "%010u", number);
    bytes->data[10] = '.';
    bytes->data[LINE_BYTES - 1] = '\n';
    return bytes;
}

static int write_line(struct owner *owner)
{
    struct shared *bytes = line(owner->next);
    owner->in_call = true;
    int result = http_stream_write_shared(owner->stream, bytes, 0, LINE_BYTES);
    owner->in_call = false;
    shared_unref(bytes);
    if (result == 0)
        owner->next++;
    return result;
}

static void fill(void *context, struct http_stream *stream)
{
    struct owner *owner = context;
    const struct connection *connection = LIST_ITEM(stream, struct connection, stream);
    ck_assert_ptr_eq(stream, owner->stream);
    ck_assert_uint_gt(http_stream_room(stream), 0);
    owner->fills++;
    while (owner->next < owner->limit && (owner->greedy || http_stream_room(stream) > 0))
        if (write_line(owner) < 0)
            return;
    if (connection->output.bytes > owner->most_waiting)
        owner->most_waiting = connection->output.bytes;
}

static void drain(void *context, struct http_stream *stream)
{
    struct owner *owner = context;
    owner->drains++;
    owner->in_call = true;
    ck_assert_int_eq(http_stream_write(stream, STR("retry: 100\n\n")), 0);
    http_stream_end(stream);
    owner->in_call = false;
}

static void closed(void *context, const char *reason)
{
    struct owner *owner = context;
    ck_assert(!owner->in_call);
    owner->closed++;
    owner->reason = reason;
}

static const struct http_stream_events events = {.fill = fill, .drain = drain, .closed = closed};

static void handle(void *app, struct http_exchange *exchange)
{
    static const struct http_header good = {{"Content-Type", 12}, {"text/event-stream", 17}};
    static const struct http_header bad = {{"X", 1}, {"a\nb", 3}};
    struct owner *owner = app;
    owner->in_call = true;
    owner->stream = http_stream_start(exchange, owner->bad_header ? &bad : &good, 1, owner->first,
                                      &events, owner);
    owner->in_call = false;
}

static void wake(struct owner *owner, unsigned limit)
{
    owner->limit = limit;
    owner->in_call = true;
    http_stream_wake(owner->stream);
    owner->in_call = false;
}

/* A server, a client and the stream between them. */
static void start(struct harness *h, struct client *c, struct owner *owner, const char *request)
{
    harness_start(h, (struct http_server_options){0}, handle, owner);
    client_connect(c, h);
    client_send(c, request);
    WAIT_FOR(h, owner->stream != NULL && client_has(c, "\r\n\r\n"));
}

static void expect_lines(struct str body, unsigned count)
{
    ck_assert_uint_eq(body.len, (size_t)count * LINE_BYTES);
    for (unsigned i = 0; i < count; i++) {
        struct shared *expected = line(i);
        ck_assert_msg(memcmp(body.data + (size_t)i * LINE_BYTES, expected->data, LINE_BYTES) == 0,
                      "line %u", i);
        shared_unref(expected);
    }
}

/* The head and the first bytes come at once, without a length; the connection is the stream's. */
START_TEST(test_start)
{
    struct harness h;
    struct client c;
    struct owner owner = {.first = STR(":\n")};
    start(&h, &c, &owner, GET("/"));
    client_expect(&c, "HTTP/1.1 200 OK\r\n");
    client_expect(&c, "Content-Type: text/event-stream\r\n");
    client_expect(&c, "Connection: close\r\n");
    ck_assert(!client_has(&c, "Content-Length") && !client_has(&c, "Transfer-Encoding"));
    ck_assert(str_equal(client_body(&c), STR(":\n")));
    ck_assert_uint_eq(owner.fills, 0);
    int value = 0;
    socklen_t len = sizeof(value);
    int fd = only_connection(&h)->fd;
    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, &len), 0);
    ck_assert_int_eq(value, 16384); /* what the kernel hides of a slow reader */
    harness_finish(&h, &c);
    ck_assert_uint_eq(owner.closed, 1);
    ck_assert_str_eq(owner.reason, "peer");
}
END_TEST

/* All that is there at the end of a turn is one system call, of the bytes as they lie, however many
 * events and however they came: by fill(), or written from elsewhere. */
START_TEST(test_one_call_a_turn)
{
    enum { LINES = 60 };
    struct harness h;
    struct client c;
    struct owner owner = {0};
    struct shared *bytes = line(0);
    sends.calls = 0;
    start(&h, &c, &owner, GET("/"));
    ck_assert_uint_eq(sends.calls, 1);
    wake(&owner, LINES);
    WAIT_FOR(&h, client_body(&c).len == LINES * LINE_BYTES);
    ck_assert_uint_eq(owner.next, LINES);
    ck_assert_uint_eq(sends.calls, 2);
    ck_assert_uint_eq(sends.pieces, LINES);
    for (int i = 0; i < LINES; i++)
        ck_assert_int_eq(http_stream_write_shared(owner.stream, bytes, 0, LINE_BYTES), 0);
    WAIT_FOR(&h, client_body(&c).len == 2 * LINES * LINE_BYTES);
    ck_assert_uint_eq(sends.calls, 3);
    ck_assert_uint_eq(sends.pieces, LINES);
    ck_assert_ptr_eq(sends.first, bytes->data);
    shared_unref(bytes);
    harness_finish(&h, &c);
    ck_assert_uint_eq(sends.calls, 3);
}
END_TEST

/* What is written from anywhere goes out at the end of the turn, in order: copied, shared, copied.
 */
START_TEST(test_order_of_pieces)
{
    struct harness h;
    struct client c;
    struct owner owner = {.first = STR("0")};
    struct shared *bytes = shared_new("-1234567-", 9);
    start(&h, &c, &owner, GET("/"));
    ck_assert_int_eq(http_stream_write(owner.stream, STR("a")), 0);
    ck_assert_int_eq(http_stream_write(owner.stream, STR("b")), 0);
    ck_assert_int_eq(http_stream_write_shared(owner.stream, bytes, 1, 3), 0);
    ck_assert_int_eq(http_stream_write_shared(owner.stream, bytes, 4, 4), 0);
    ck_assert_int_eq(http_stream_write_shared(owner.stream, bytes, 9, 0), 0);
    ck_assert_int_eq(http_stream_write(owner.stream, STR("c\n")), 0);
    WAIT_FOR(&h, client_has(&c, "\n\r\n0") && client_has(&c, "c\n"));
    ck_assert(str_equal(client_body(&c), STR("0ab1234567c\n")));
    ck_assert_uint_eq(atomic_load(&bytes->references), 1);
    ck_assert_int_eq(memcmp(bytes->data, "-1234567-", 9), 0);
    shared_unref(bytes);
    harness_finish(&h, &c);
}
END_TEST

/* A frame does not keep the block alive that it was read from, unless it is most of it. */
START_TEST(test_small_parts_are_copied)
{
    struct harness h;
    struct client c;
    struct owner owner = {0};
    struct shared *block = shared_new(NULL, 32768);
    memset(block->data, 'x', block->len);
    start(&h, &c, &owner, GET("/"));
    ck_assert_int_eq(http_stream_write_shared(owner.stream, block, 100, 300), 0);
    ck_assert_uint_eq(atomic_load(&block->references), 1);
    memset(block->data, 'y', block->len);
    ck_assert_int_eq(http_stream_write_shared(owner.stream, block, 100, 30000), 0);
    ck_assert_uint_eq(atomic_load(&block->references), 2);
    WAIT_FOR(&h, client_body(&c).len == 30300);
    ck_assert_int_eq(client_body(&c).data[299], 'x');
    ck_assert_int_eq(client_body(&c).data[300], 'y');
    ck_assert_uint_eq(atomic_load(&block->references), 1);
    shared_unref(block);
    harness_finish(&h, &c);
}
END_TEST

/* fill() is called once a wake, in the same turn; nothing is called without one, and an idle stream
 * lets the loop sleep. */
START_TEST(test_wake)
{
    struct harness h;
    struct client c;
    struct owner owner = {0};
    start(&h, &c, &owner, GET("/"));
    for (unsigned i = 1; i <= 3; i++) {
        wake(&owner, i);
        wake(&owner, i);
        WAIT_FOR(&h, client_body(&c).len == (size_t)i * LINE_BYTES);
        ck_assert_uint_eq(owner.fills, i);
    }
    ev_run(h.loop.ev, EVRUN_NOWAIT);
    ev_run(h.loop.ev, EVRUN_NOWAIT);
    ck_assert(!h.loop.again);
    ck_assert_uint_eq(owner.fills, 3);
    harness_finish(&h, &c);
}
END_TEST

static struct owner *late_owner;

static void wake_late(struct loop_hook *hook)
{
    if (late_owner)
        wake(late_owner, 1);
    late_owner = NULL;
}

/* A wake that comes after the turn's writing is not left until something else ends the sleep. */
START_TEST(test_wake_after_the_flush)
{
    struct harness h;
    struct client c;
    struct owner owner = {0};
    struct loop_hook hook = {.order = LOOP_ORDER_JOURNAL, .run = wake_late};
    start(&h, &c, &owner, GET("/"));
    loop_hook_add(&h.loop, &hook);
    late_owner = &owner;
    ev_run(h.loop.ev, EVRUN_NOWAIT);
    ck_assert_ptr_null(late_owner);
    ck_assert_uint_eq(owner.fills, 0);
    ck_assert(h.loop.again); /* do not sleep */
    WAIT_FOR(&h, client_body(&c).len == LINE_BYTES);
    loop_hook_remove(&h.loop, &hook);
    harness_finish(&h, &c);
}
END_TEST

/* A reader that takes something, however slowly, is no stalled one. */
START_TEST(test_progress_renews_the_deadline)
{
    struct harness h;
    struct client c;
    struct owner owner = {0};
    char some[65536];
    start(&h, &c, &owner, GET("/"));
    ev_io_stop(h.loop.ev, &c.reader);
    struct shared *big = shared_new(NULL, 60u << 20);
    memset(big->data, 'x', big->len);
    ck_assert_int_eq(http_stream_write_shared(owner.stream, big, 0, big->len), 0);
    const struct connection *connection = only_connection(&h);
    WAIT_FOR(&h, ev_is_active(&connection->writer));
    uint64_t deadline = connection->deadline_ms;
    ck_assert_int_eq(connection->deadline, DEADLINE_ROOM);
    while (connection->deadline_ms == deadline && connection->output.count > 0) {
        (void)!recv(c.fd, some, sizeof(some), MSG_DONTWAIT);
        ev_run(h.loop.ev, EVRUN_NOWAIT);
    }
    ck_assert_uint_gt(connection->output.count, 0);
    ck_assert_int_eq(connection->deadline, DEADLINE_ROOM);
    ck_assert_uint_gt(connection->deadline_ms, deadline);
    shared_unref(big);
    harness_finish(&h, &c);
}
END_TEST

/* An idle stream costs little memory: no buffer for heads, no room kept for a queue. */
START_TEST(test_idle_is_small)
{
    struct harness h;
    struct client c;
    struct owner owner = {0};
    start(&h, &c, &owner, GET("/"));
    wake(&owner, 50);
    WAIT_FOR(&h, client_body(&c).len == 50 * LINE_BYTES);
    const struct connection *connection = only_connection(&h);
    ck_assert_uint_le(sizeof(*connection), 1024);
    ck_assert_ptr_null(connection->input.data);
    ck_assert_ptr_eq(connection->output.pieces, connection->output.inline_pieces);
    ck_assert_uint_eq(connection->output.count, 0);
    harness_finish(&h, &c);
}
END_TEST

/* A reader that is slow, with a small buffer, gets everything once and in order, while never more
 * waits for it than the stream's buffer and the piece that filled it. */
START_TEST(test_slow_reader)
{
    const unsigned count = 20000;
    struct harness h;
    struct client c;
    struct owner owner = {0};
    harness_start(&h, (struct http_server_options){0}, handle, &owner);
    int fd = client_socket(4096);
    ck_assert_int_eq(client_dial(fd, h.port), 0);
    client_adopt(&c, &h, fd);
    client_send(&c, GET("/"));
    WAIT_FOR(&h, owner.stream != NULL);
    ev_io_stop(h.loop.ev, &c.reader);
    wake(&owner, count);
    WAIT_FOR(&h, ev_is_active(&only_connection(&h)->writer));
    ck_assert_uint_lt(owner.next, count);
    ev_io_start(h.loop.ev, &c.reader);
    WAIT_FOR(&h, c.got.len > (size_t)count * LINE_BYTES);
    WAIT_FOR(&h, client_body(&c).len == (size_t)count * LINE_BYTES);
    expect_lines(client_body(&c), count);
    ck_assert_uint_lt(owner.most_waiting, 65536 + LINE_BYTES);
    ck_assert_uint_eq(owner.closed, 0);
    harness_finish(&h, &c);
}
END_TEST

/* end() sends first what waits, however long that takes, then ends, and says so once. */
START_TEST(test_end_flushes)
{
    struct harness h;
    struct client c;
    struct owner owner = {0};
    start(&h, &c, &owner, GET("/"));
    struct shared *big = shared_new(NULL, 30u << 20);
    memset(big->data, 'x', big->len);
    ev_io_stop(h.loop.ev, &c.reader);
    ck_assert_int_eq(http_stream_write_shared(owner.stream, big, 0, big->len), 0);
    ck_assert_uint_eq(http_stream_room(owner.stream), 0);
    owner.in_call = true;
    http_stream_end(owner.stream);
    http_stream_end(owner.stream);
    owner.in_call = false;
    ck_assert_int_eq(http_stream_write(owner.stream, STR("late")), -EPIPE);
    http_stream_wake(owner.stream);
    WAIT_FOR(&h, ev_is_active(&only_connection(&h)->writer));
    ck_assert_uint_eq(owner.closed, 0);
    ev_io_start(h.loop.ev, &c.reader);
    WAIT_FOR(&h, c.ended);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(client_body(&c).len, big->len);
    ck_assert_uint_eq(owner.closed, 1);
    ck_assert_str_eq(owner.reason, "ended");
    ck_assert_uint_eq(owner.fills, 0);
    ck_assert_uint_eq(atomic_load(&big->references), 1);
    shared_unref(big);
    harness_finish(&h, &c);
    ck_assert_uint_eq(owner.closed, 1);
}
END_TEST

/* A client that leaves is noticed by reading, although nothing is written, and told once; what
 * waited is let go. */
START_TEST(test_client_leaves)
{
    struct harness h;
    struct client c;
    struct owner owner = {0};
    start(&h, &c, &owner, GET("/"));
    client_close(&c);
    WAIT_FOR(&h, owner.closed > 0);
    ck_assert_str_eq(owner.reason, "peer");

    owner = (struct owner){0};
    client_connect(&c, &h);
    client_send(&c, GET("/"));
    WAIT_FOR(&h, owner.stream != NULL);
    ev_io_stop(h.loop.ev, &c.reader);
    struct shared *big = shared_new(NULL, 30u << 20);
    memset(big->data, 'x', big->len);
    ck_assert_int_eq(http_stream_write_shared(owner.stream, big, 0, big->len), 0);
    WAIT_FOR(&h, ev_is_active(&only_connection(&h)->writer));
    const struct linger reset = {.l_onoff = 1};
    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    client_close(&c);
    WAIT_FOR(&h, owner.closed > 0);
    ck_assert_str_eq(owner.reason, "peer");
    ck_assert_uint_eq(http_server_connections(h.server), 0);
    ck_assert_uint_eq(atomic_load(&big->references), 1);
    shared_unref(big);
    harness_stop(&h);
    ck_assert_uint_eq(owner.closed, 1);
}
END_TEST

/* An owner that writes on without room is stopped after one more buffer: -ENOBUFS, and closed()
 * after its call, not inside. */
START_TEST(test_overflow)
{
    struct harness h;
    struct client c;
    struct owner owner = {.greedy = true};
    start(&h, &c, &owner, GET("/"));
    ev_io_stop(h.loop.ev, &c.reader);
    wake(&owner, 1000000);
    WAIT_FOR(&h, owner.closed > 0);
    ck_assert_str_eq(owner.reason, "overflow");
    ck_assert_uint_le(owner.next, 2 * 65536 / LINE_BYTES + 1);
    ck_assert_uint_eq(http_server_connections(h.server), 0);
    ck_assert_uint_eq(owner.closed, 1);
    harness_finish(&h, &c);
}
END_TEST

/* Many tiny pieces fill a stream as large ones do, and all of them arrive. */
START_TEST(test_tiny_pieces)
{
    struct harness h;
    struct client c;
    struct owner owner = {0};
    struct shared *byte = shared_new("x", 1);
    size_t written = 0;
    start(&h, &c, &owner, GET("/"));
    while (http_stream_room(owner.stream) > 0) {
        ck_assert_int_eq(http_stream_write_shared(owner.stream, byte, 0, 1), 0);
        written++;
    }
    ck_assert_uint_lt(written, OUTPUT_PIECES_MAX);
    ck_assert_int_eq(http_stream_write(owner.stream, STR("goodbye")), 0);
    WAIT_FOR(&h, client_has(&c, "goodbye"));
    ck_assert_uint_eq(client_body(&c).len, written + 7);
    ck_assert_uint_gt(http_stream_room(owner.stream), 0);
    shared_unref(byte);
    harness_finish(&h, &c);
}
END_TEST

/* What a client says on a stream is ignored; one that goes on and on is put out. */
START_TEST(test_noise)
{
    struct harness h;
    struct client c;
    struct owner owner = {0};
    start(&h, &c, &owner, GET("/"));
    client_send(&c, GET("/another"));
    wake(&owner, 1);
    WAIT_FOR(&h, client_body(&c).len == LINE_BYTES);
    ck_assert_uint_eq(owner.closed, 0);
    char noise[65536];
    memset(noise, 'n', sizeof(noise));
    for (size_t sent = 0; owner.closed == 0 && sent < 64u << 20;) {
        ssize_t n = send(c.fd, noise, sizeof(noise), MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        ev_run(h.loop.ev, EVRUN_NOWAIT);
    }
    ck_assert_uint_eq(owner.closed, 1);
    ck_assert_str_eq(owner.reason, "noise");
    harness_finish(&h, &c);
    ck_assert_uint_eq(owner.closed, 1);
}
END_TEST

/* Draining: the stream says its goodbye, which arrives, and ends with 200 and not with a reset. */
START_TEST(test_drain)
{
    struct harness h;
    struct client c;
    struct owner owner = {0};
    start(&h, &c, &owner, GET("/"));
    http_server_drain(h.server);
    ck_assert_uint_eq(owner.drains, 1);
    ck_assert_uint_eq(owner.closed, 0);
    WAIT_FOR(&h, c.ended);
    ck_assert_int_eq(c.error, 0);
    ck_assert(str_equal(client_body(&c), STR("retry: 100\n\n")));
    ck_assert_uint_eq(owner.closed, 1);
    ck_assert_str_eq(owner.reason, "ended");
    harness_finish(&h, &c);
}
END_TEST

/* A client that takes nothing any more is let go after a while, on a unix socket too, where the
 * kernel would wait for ever. */
START_TEST(test_stalled)
{
    char address[64];
    const char *const listen[] = {address};
    struct harness h;
    struct client c;
    struct owner owner = {0};
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    snprintf(address, sizeof(address), "unix:/tmp/test_http_stream.%d", (int)getpid());
    snprintf(where.sun_path, sizeof(where.sun_path), "%s", address + 5);
    harness_start(
        &h,
        (struct http_server_options){.listen = listen, .listen_count = 1, .head_timeout_ms = 40},
        handle, &owner);
    h.server->timeout_ms[DEADLINE_ROOM] = 40;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&where, sizeof(where)), 0);
    client_adopt(&c, &h, fd);
    client_send(&c, GET("/"));
    WAIT_FOR(&h, owner.stream != NULL);
    ev_io_stop(h.loop.ev, &c.reader);
    wake(&owner, 100000);
    WAIT_FOR(&h, owner.closed > 0);
    ck_assert_str_eq(owner.reason, "stalled");
    harness_finish(&h, &c);
    ck_assert_uint_eq(owner.closed, 1);
}
END_TEST

/* Freeing the server ends every stream, blocked ones too, and tells each owner once. */
START_TEST(test_free_closes)
{
    struct harness h;
    struct client c;
    struct owner owner = {0};
    start(&h, &c, &owner, GET("/"));
    ev_io_stop(h.loop.ev, &c.reader);
    wake(&owner, 100000);
    WAIT_FOR(&h, ev_is_active(&only_connection(&h)->writer));
    ev_io_stop(h.loop.ev, &c.reader);
    http_server_free(h.server);
    ck_assert_uint_eq(owner.closed, 1);
    ck_assert_str_eq(owner.reason, "shutdown");
    close(c.fd);
    buffer_release(&c.got);
    loop_release(&h.loop);
}
END_TEST

/* HEAD gets the head of the stream and its end; HTTP/1.0 gets the stream. */
START_TEST(test_other_requests)
{
    struct harness h;
    struct client c;
    struct owner owner = {.first = STR("first")};
    start(&h, &c, &owner, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "Content-Type: text/event-stream\r\n");
    ck_assert_uint_eq(client_body(&c).len, 0);
    ck_assert_uint_eq(owner.closed, 1);
    client_close(&c);

    owner = (struct owner){.first = STR("first")};
    client_connect(&c, &h);
    client_send(&c, "GET / HTTP/1.0\r\n\r\n");
    WAIT_FOR(&h, client_has(&c, "\r\n\r\nfirst"));
    ck_assert_uint_eq(owner.closed, 0);
    harness_finish(&h, &c);
}
END_TEST

/* A header that would break out of its line makes a 500, no stream. */
START_TEST(test_bad_header)
{
    struct harness h;
    struct client c;
    struct owner owner = {.first = STR("first"), .bad_header = true};
    start(&h, &c, &owner, GET("/"));
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "HTTP/1.1 500 ");
    ck_assert_uint_eq(client_body(&c).len, 0);
    ck_assert_uint_eq(owner.closed, 1);
    harness_finish(&h, &c);
}
END_TEST

/* A stream may follow requests on the same connection, pipelined with them. */
static void handle_either(void *app, struct http_exchange *exchange)
{
    if (str_equal(http_exchange_request(exchange)->path, STR("/text")))
        http_respond(exchange, &(struct http_response){.status = 200, .body = STR("text")});
    else
        handle(app, exchange);
}

START_TEST(test_after_pipelined_request)
{
    struct harness h;
    struct client c;
    struct owner owner = {.first = STR("first")};
    harness_start(&h, (struct http_server_options){0}, handle_either, &owner);
    client_connect(&c, &h);
    client_send(&c, GET("/text") GET("/stream") GET("/text"));
    WAIT_FOR(&h, client_has(&c, "first"));
    ck_assert_uint_eq(client_count(&c, "HTTP/1.1 200"), 2);
    ck_assert_uint_eq(client_count(&c, "\r\n\r\ntext"), 1);
    ck_assert_uint_eq(owner.closed, 0);
    harness_finish(&h, &c);
}
END_TEST

UNIT_SUITE("http/stream", test_start, test_one_call_a_turn, test_order_of_pieces,
           test_small_parts_are_copied, test_wake, test_wake_after_the_flush,
           test_progress_renews_the_deadline, test_idle_is_small, test_slow_reader,
           test_end_flushes, test_client_leaves, test_overflow, test_tiny_pieces, test_noise,
           test_drain, test_stalled, test_free_closes, test_other_requests, test_bad_header,
           test_after_pipelined_request)
