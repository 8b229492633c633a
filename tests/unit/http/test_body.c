/* Bodies of requests that the application takes; those that are read away are in test_server.c. */
#include "harness.h"

/* /take answers with the length of its body and the body; /later the same, when the test says so;
 * anything else is answered without its body. */
struct app {
    unsigned handled, gone;
    bool later;
    const char *reason;
    struct http_exchange *waits;
    struct buffer body;
};

static void answer(struct app *app, struct http_exchange *exchange)
{
    http_respond(exchange, &(struct http_response){.status = 201, .body = buffer_str(&app->body)});
}

static void on_gone(void *owner, const char *reason)
{
    struct app *app = owner;
    app->gone++;
    app->reason = reason;
}

static void on_drain(void *owner, struct http_exchange *exchange)
{
    answer(owner, exchange);
}

static void on_whole(void *owner, struct http_exchange *exchange, struct str body)
{
    static const struct http_wait_events wait_events = {on_drain, on_gone};
    struct app *app = owner;
    buffer_reset(&app->body);
    buffer_printf(&app->body, "%zu:", body.len);
    buffer_append_str(&app->body, body);
    if (app->later)
        app->waits = http_respond_later(exchange, &wait_events, app);
    else
        answer(app, exchange);
}

static void handle(void *context, struct http_exchange *exchange)
{
    static const struct http_body_events events = {on_whole, on_gone};
    struct app *app = context;
    struct str path = http_exchange_request(exchange)->path;
    app->handled++;
    app->later = str_equal(path, STR("/later"));
    if (app->later || str_equal(path, STR("/take")))
        http_take_body(exchange, &events, app);
    else
        http_respond(exchange, &(struct http_response){.status = 405, .body = STR("not taken")});
}

static void start(struct harness *h, struct client *c, struct app *app, unsigned timeout_ms)
{
    *app = (struct app){0};
    buffer_init(&app->body, 4u << 20);
    harness_start(h, (struct http_server_options){.head_timeout_ms = timeout_ms}, handle, app);
    client_connect(c, h);
}

static void stop(struct harness *h, struct client *c, struct app *app)
{
    harness_finish(h, c);
    buffer_release(&app->body);
}

#define POST(path, headers) "POST " path " HTTP/1.1\r\nHost: a\r\n" headers "\r\n"

/* Whatever the pieces in which it comes, and another request goes on behind it. */
START_TEST(test_whole_in_any_pieces)
{
    static const char *const requests[] = {
        POST("/take", "Content-Length: 5\r\n") "hello" GET("/next"),
        POST("/take",
             "Transfer-Encoding: chunked\r\n") "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n" GET("/next"),
    };
    for (size_t i = 0; i < 2; i++) {
        for (size_t cut = 1; cut < strlen(requests[i]); cut++) {
            struct harness h;
            struct client c;
            struct app app;
            char first[256];
            start(&h, &c, &app, 0);
            snprintf(first, sizeof(first), "%.*s", (int)cut, requests[i]);
            client_send(&c, first);
            for (int turns = 0; turns < 3; turns++)
                ev_run(h.loop.ev, EVRUN_NOWAIT);
            client_send(&c, requests[i] + cut);
            WAIT_FOR(&h, client_has(&c, "not taken"));
            client_expect(&c, "HTTP/1.1 201 Created\r\nContent-Length: 7\r\n\r\n5:hello");
            ck_assert_uint_eq(app.handled, 2);
            ck_assert_uint_eq(app.gone, 0);
            stop(&h, &c, &app);
        }
    }
}
END_TEST

START_TEST(test_empty_body_is_one)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app, 0);
    client_send(&c, POST("/take", "Content-Length: 0\r\n") POST("/take", ""));
    WAIT_FOR(&h, client_count(&c, "\r\n\r\n0:") == 2);
    stop(&h, &c, &app);
}
END_TEST

START_TEST(test_largest_body)
{
    enum { BYTES = 1 << 20 };
    static char body[BYTES];
    struct harness h;
    struct client c;
    struct app app;
    size_t sent = 0;
    start(&h, &c, &app, 0);
    memset(body, 'x', BYTES);
    client_send(&c, POST("/take", "Content-Length: 1048576\r\n"));
    while (sent < BYTES) {
        ssize_t now = send(c.fd, body + sent, BYTES - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += now > 0 ? (size_t)now : 0;
        ev_run(h.loop.ev, EVRUN_NOWAIT);
    }
    WAIT_FOR(&h, c.got.len > BYTES);
    client_expect(&c, "\r\n\r\n1048576:xxx");
    stop(&h, &c, &app);
}
END_TEST

/* Refused by what the head or a chunk's size says, before any of it is kept. */
START_TEST(test_too_large)
{
    static const char *const requests[] = {
        POST("/take", "Content-Length: 1048577\r\n"),
        POST("/take", "Transfer-Encoding: chunked\r\n") "100001\r\n",
        POST("/take", "Transfer-Encoding: chunked\r\n") "1\r\nx\r\n100000\r\n",
    };
    for (size_t i = 0; i < 3; i++) {
        struct harness h;
        struct client c;
        struct app app;
        start(&h, &c, &app, 0);
        client_send(&c, requests[i]);
        WAIT_FOR(&h, c.ended);
        client_expect(&c, "HTTP/1.1 413 ");
        client_expect(&c, "Connection: close\r\n");
        ck_assert_uint_eq(app.handled, i == 0 ? 0 : 1);
        ck_assert_uint_eq(app.gone, app.handled);
        stop(&h, &c, &app);
    }
}
END_TEST

START_TEST(test_broken_chunks_end_the_connection)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app, 0);
    client_send(&c, POST("/take", "Transfer-Encoding: chunked\r\n") "3\r\nabcd\r\n" GET("/next"));
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "HTTP/1.1 400 ");
    ck_assert_uint_eq(app.handled, 1);
    ck_assert_str_eq(app.reason, "malformed");
    stop(&h, &c, &app);
}
END_TEST

/* Where a chunked body that nobody took ends is not looked for. */
START_TEST(test_untaken_chunks_end_the_connection)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app, 0);
    client_send(&c, POST("/no", "Transfer-Encoding: chunked\r\n") "0\r\n\r\n" GET("/smuggled"));
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "Connection: close\r\n");
    ck_assert_uint_eq(app.handled, 1);
    stop(&h, &c, &app);
}
END_TEST

START_TEST(test_continue)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app, 0);
    client_send(&c, POST("/take", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
    WAIT_FOR(&h, client_has(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
    ck_assert(!client_has(&c, "201"));
    client_send(&c, "hello" GET("/next"));
    WAIT_FOR(&h, client_has(&c, "not taken"));
    client_expect(&c, "100 Continue\r\n\r\nHTTP/1.1 201 ");
    ck_assert_uint_eq(client_count(&c, "100 Continue"), 1);
    stop(&h, &c, &app);
}
END_TEST

START_TEST(test_slow_body)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app, 60);
    client_send(&c, POST("/take", "Content-Length: 5\r\n") "hell");
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "HTTP/1.1 408 ");
    ck_assert_uint_eq(app.gone, 1);
    ck_assert_str_eq(app.reason, "timeout");
    stop(&h, &c, &app);
}
END_TEST

START_TEST(test_client_leaves)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app, 0);
    client_send(&c, POST("/take", "Content-Length: 5\r\n") "hell");
    WAIT_FOR(&h, app.handled == 1);
    shutdown(c.fd, SHUT_WR);
    WAIT_FOR(&h, app.gone == 1);
    ck_assert_str_eq(app.reason, "peer");
    stop(&h, &c, &app);
}
END_TEST

START_TEST(test_answer_later)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app, 0);
    client_send(&c, POST("/later", "Content-Length: 5\r\n") "hello" GET("/next"));
    WAIT_FOR(&h, app.waits);
    ck_assert_uint_eq(app.handled, 1);
    ck_assert_uint_eq(h.server->body_bytes, 0);
    answer(&app, app.waits);
    WAIT_FOR(&h, client_has(&c, "not taken"));
    client_expect(&c, "5:helloHTTP/1.1 405 ");
    ck_assert_uint_eq(app.gone, 0);
    stop(&h, &c, &app);
}
END_TEST

static void send_much(struct harness *h, struct client *c, size_t len)
{
    static const char bytes[16384];
    while (len > 0) {
        size_t part = len < sizeof(bytes) ? len : sizeof(bytes);
        ssize_t sent = send(c->fd, bytes, part, MSG_NOSIGNAL | MSG_DONTWAIT);
        ck_assert(sent >= 0 || errno == EAGAIN);
        len -= sent > 0 ? (size_t)sent : 0;
        ev_run(h->loop.ev, EVRUN_NOWAIT);
    }
}

/* What many clients send at once is bounded, not what they announce; who leaves makes room. */
START_TEST(test_bodies_in_all)
{
    struct harness h;
    struct client c, many[BODIES_MAX];
    struct app app;
    const size_t most = 1048576;
    start(&h, &c, &app, 0);
    for (size_t i = 0; i < BODIES_MAX; i++) {
        client_connect(&many[i], &h);
        client_send(&many[i], i % 2 ? POST("/take", "Content-Length: 1048576\r\n")
                                    : POST("/take", "Transfer-Encoding: chunked\r\n") "100000\r\n");
    }
    WAIT_FOR(&h, app.handled == BODIES_MAX);
    client_send(&c, POST("/take", "Content-Length: 1\r\n") "x");
    WAIT_FOR(&h, client_has(&c, "1:x"));
    for (size_t i = 0; i < BODIES_MAX; i++)
        send_much(&h, &many[i], most - 1);
    WAIT_FOR(&h, h.server->body_bytes == BODIES_MAX * most);
    client_send(&c, POST("/take", "Content-Length: 2\r\n") "x");
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "HTTP/1.1 503 ");
    client_expect(&c, "Retry-After: 5\r\n");
    ck_assert_uint_eq(app.gone, 1);
    client_close(&c);
    client_close(&many[0]);
    WAIT_FOR(&h, app.gone == 2);
    client_connect(&c, &h);
    client_send(&c, POST("/take", "Content-Length: 2\r\n") "x");
    WAIT_FOR(&h, app.handled == BODIES_MAX + 3);
    client_send(&c, "y");
    WAIT_FOR(&h, client_has(&c, "2:xy"));
    for (size_t i = 1; i < BODIES_MAX; i++)
        client_close(&many[i]);
    WAIT_FOR(&h, app.gone == BODIES_MAX + 1);
    ck_assert_uint_eq(h.server->body_bytes, 0);
    stop(&h, &c, &app);
}
END_TEST

/* A body that is on its way when the server drains is still taken and answered. */
START_TEST(test_drain)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app, 0);
    client_send(&c, POST("/take", "Content-Length: 5\r\n") "hell");
    WAIT_FOR(&h, app.handled == 1);
    http_server_drain(h.server);
    client_send(&c, "o");
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "Connection: close\r\n\r\n5:hello");
    stop(&h, &c, &app);
}
END_TEST

UNIT_SUITE("http/body", test_whole_in_any_pieces, test_empty_body_is_one, test_largest_body,
           test_too_large, test_broken_chunks_end_the_connection,
           test_untaken_chunks_end_the_connection, test_continue, test_slow_body,
           test_client_leaves, test_answer_later, test_bodies_in_all, test_drain)
