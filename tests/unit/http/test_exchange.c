/* Answers that come later; those that come at once are in test_server.c. */
#include "harness.h"

#define WAITS_MAX 8
#define LARGE_BYTES                                                                                \
    (PIPELINE_BYTES - 1024) /* of an answer behind which requests are still served */

/* Every request waits, until the test answers it; but for /now. */
struct app {
    struct http_exchange *waits[WAITS_MAX]; /* in the order in which they came */
    size_t count;
    unsigned drained, gone;
    const char *reason; /* of the last one that went */
    bool in_call;       /* gone() must not come from inside a call */
};

static void answer(struct app *app, size_t index, struct str body)
{
    app->in_call = true;
    http_respond(app->waits[index], &(struct http_response){.status = 200, .body = body});
    app->in_call = false;
}

static void on_drain(void *owner, struct http_exchange *exchange)
{
    struct app *app = owner;
    app->drained++;
    http_respond(exchange, &(struct http_response){.status = 200, .body = STR("drained")});
}

static void on_gone(void *owner, const char *reason)
{
    struct app *app = owner;
    ck_assert(!app->in_call);
    app->gone++;
    app->reason = reason;
}

static const struct http_wait_events wait_events = {on_drain, on_gone};

static void handle(void *context, struct http_exchange *exchange)
{
    struct app *app = context;
    if (str_equal(http_exchange_request(exchange)->path, STR("/large"))) {
        static char large[LARGE_BYTES];
        struct str body = {memset(large, 'l', LARGE_BYTES), LARGE_BYTES};
        http_respond(exchange, &(struct http_response){.status = 200, .body = body});
        return;
    }
    if (str_equal(http_exchange_request(exchange)->path, STR("/now"))) {
        http_respond(exchange, &(struct http_response){.status = 200, .body = STR("now")});
        return;
    }
    ck_assert_uint_lt(app->count, WAITS_MAX);
    app->in_call = true;
    app->waits[app->count++] = http_respond_later(exchange, &wait_events, app);
    app->in_call = false;
}

static void start(struct harness *h, struct client *c, struct app *app)
{
    *app = (struct app){0};
    harness_start(h, (struct http_server_options){0}, handle, app);
    client_connect(c, h);
}

static bool is_paused(struct harness *h)
{
    return only_connection(h)->paused;
}

/* The connection goes on after an answer that came later as after any other. */
START_TEST(test_later)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app);
    for (size_t i = 0; i < 3; i++) {
        client_forget(&c);
        client_send(&c, GET("/wait"));
        WAIT_FOR(&h, app.count == i + 1);
        ck_assert_uint_eq(c.got.len, 0);
        answer(&app, i, STR("late"));
        WAIT_FOR(&h, client_has(&c, "\r\n\r\nlate"));
        client_expect(&c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n");
        ck_assert(!client_has(&c, "Connection:"));
        ck_assert_ptr_null(only_connection(&h)->input.data);
    }
    ck_assert_uint_eq(app.gone, 0);
    harness_finish(&h, &c);
    ck_assert_uint_eq(app.gone, 0);
}
END_TEST

/* What the head said is still known when the answer comes. */
START_TEST(test_later_head_and_version)
{
    struct harness h;
    struct client c, old;
    struct app app;
    start(&h, &c, &app);
    client_send(&c, "HEAD /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&h, app.count == 1);
    answer(&app, 0, STR("late"));
    client_send(&c, GET("/now"));
    WAIT_FOR(&h, client_has(&c, "now"));
    client_expect(&c, "Content-Length: 4\r\n\r\nHTTP/1.1 200");

    client_connect(&old, &h);
    client_send(&old, "GET /wait HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    WAIT_FOR(&h, app.count == 2);
    answer(&app, 1, STR("late"));
    WAIT_FOR(&h, client_has(&old, "late"));
    client_expect(&old, "Connection: keep-alive\r\n");
    client_forget(&old);
    client_send(&old, "GET /wait HTTP/1.0\r\n\r\n");
    WAIT_FOR(&h, app.count == 3);
    answer(&app, 2, STR("late"));
    WAIT_FOR(&h, old.ended);
    client_expect(&old, "Connection: close\r\n");
    client_close(&old);
    harness_finish(&h, &c);
}
END_TEST

/* What comes behind a request that waits is served after its answer, in order. */
START_TEST(test_later_pipelined)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app);
    client_send(&c, GET("/now") GET("/wait") GET("/now") GET("/wait") GET("/n"));
    WAIT_FOR(&h, app.count == 1 && client_has(&c, "now"));
    client_send(&c, "ow HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 100; i++)
        ev_run(h.loop.ev, EVRUN_NOWAIT);
    ck_assert_uint_eq(client_count(&c, "HTTP/1.1 200"), 1);
    ck_assert_uint_eq(app.count, 1);
    answer(&app, 0, STR("first"));
    WAIT_FOR(&h, app.count == 2);
    answer(&app, 1, STR("second"));
    WAIT_FOR(&h, app.count == 3);
    answer(&app, 2, STR("third"));
    WAIT_FOR(&h, client_has(&c, "third"));
    ck_assert_uint_eq(client_count(&c, "HTTP/1.1 200"), 5);
    client_expect(&c, "nowHTTP");
    client_expect(&c, "firstHTTP");
    client_expect(&c, "secondHTTP");
    harness_finish(&h, &c);
}
END_TEST

/* A body, unusual as it is with such a request, is no request. */
START_TEST(test_later_with_body)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app);
    client_send(&c, "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nGET /now");
    WAIT_FOR(&h, app.count == 1);
    client_send(&c, " HTTP/1.1\r\n");
    answer(&app, 0, STR("late"));
    WAIT_FOR(&h, client_has(&c, "late"));
    client_send(&c, "\n" GET("/now"));
    WAIT_FOR(&h, client_has(&c, "now"));
    ck_assert_uint_eq(client_count(&c, "HTTP/1.1 200"), 2);
    harness_finish(&h, &c);
}
END_TEST

/* Behind a request that waits a client may send for ever: the server stops reading. Afterwards
 * every request is answered. */
START_TEST(test_later_is_bounded)
{
    static const char request[] = GET("/now");
    const size_t len = sizeof(request) - 1;
    struct harness h;
    struct client c;
    struct app app;
    size_t sent = 0;
    start(&h, &c, &app);
    client_send(&c, GET("/wait"));
    WAIT_FOR(&h, app.count == 1);
    while (sent < 3000 * len) {
        size_t from = sent % len;
        ssize_t n = send(c.fd, request + from, len - from, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
        ev_run(h.loop.ev, EVRUN_NOWAIT);
    }
    WAIT_FOR(&h, is_paused(&h));
    const struct connection *connection = only_connection(&h);
    ck_assert_uint_le(connection->input.len, h.server->max_head_bytes + READ_BYTES);
    ck_assert_uint_eq(app.count, 1);
    answer(&app, 0, STR("late"));
    WAIT_FOR(&h, client_count(&c, "now") == sent / len);
    harness_finish(&h, &c);
}
END_TEST

/* A client that leaves, or shuts its side, is noticed while it waits, and told of once. */
START_TEST(test_later_peer_gone)
{
    struct harness h;
    struct client c, half;
    struct app app;
    start(&h, &c, &app);
    client_send(&c, GET("/wait"));
    WAIT_FOR(&h, app.count == 1);
    client_close(&c);
    WAIT_FOR(&h, app.gone == 1);
    ck_assert_str_eq(app.reason, "peer");

    client_connect(&half, &h);
    client_send(&half, GET("/now") GET("/wait") GET("/now"));
    WAIT_FOR(&h, app.count == 2 && client_has(&half, "now"));
    shutdown(half.fd, SHUT_WR);
    WAIT_FOR(&h, half.ended);
    ck_assert_uint_eq(app.gone, 2);
    ck_assert_uint_eq(client_count(&half, "HTTP/1.1 200"), 1);
    harness_finish(&h, &half);
    ck_assert_uint_eq(app.gone, 2);
}
END_TEST

/* Of one that shut its side before it took its earlier answers, it is told at once that it left; it
 * gets those answers. */
START_TEST(test_later_half_close_behind_an_answer)
{
    const int small = 4096;
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app);
    WAIT_FOR(&h, http_server_connections(h.server) == 1);
    setsockopt(only_connection(&h)->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    ev_io_stop(h.loop.ev, &c.reader);
    client_send(&c, GET("/large") GET("/wait"));
    WAIT_FOR(&h, app.count == 1);
    ck_assert_uint_gt(only_connection(&h)->output.bytes, 0);
    shutdown(c.fd, SHUT_WR);
    WAIT_FOR(&h, app.gone == 1);
    ck_assert_str_eq(app.reason, "peer");
    ev_io_start(h.loop.ev, &c.reader);
    WAIT_FOR(&h, c.ended);
    ck_assert_uint_eq(client_body(&c).len, LARGE_BYTES);
    ck_assert_uint_eq(app.gone, 1);
    harness_finish(&h, &c);
}
END_TEST

/* No timeout ends a wait, and an answer ends no timeout: what comes after it has its own. */
START_TEST(test_later_and_timeouts)
{
    struct harness h;
    struct client c, idle;
    struct app app = {0};
    harness_start(&h, (struct http_server_options){.head_timeout_ms = 50}, handle, &app);
    client_connect(&c, &h);
    client_send(&c, GET("/wait"));
    WAIT_FOR(&h, app.count == 1);
    for (int i = 0; i < 2; i++) {
        client_connect(&idle, &h);
        WAIT_FOR(&h, idle.ended);
        client_close(&idle);
    }
    ck_assert(!c.ended && app.gone == 0);
    answer(&app, 0, STR("late"));
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "late");
    ck_assert_int_eq(c.error, 0);
    harness_finish(&h, &c);
}
END_TEST

/* A drain asks for the answer, and the connection ends behind it. */
START_TEST(test_later_drained)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app);
    client_send(&c, GET("/wait") GET("/now"));
    WAIT_FOR(&h, app.count == 1);
    http_server_drain(h.server);
    ck_assert_uint_eq(app.drained, 1);
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "Connection: close\r\n");
    client_expect(&c, "\r\n\r\ndrained");
    ck_assert_uint_eq(client_count(&c, "HTTP/1.1"), 1);
    ck_assert_uint_eq(app.gone, 0);
    harness_finish(&h, &c);
}
END_TEST

START_TEST(test_later_shutdown)
{
    struct harness h;
    struct client c;
    struct app app;
    start(&h, &c, &app);
    client_send(&c, GET("/wait"));
    WAIT_FOR(&h, app.count == 1);
    http_server_free(h.server);
    ck_assert_uint_eq(app.gone, 1);
    ck_assert_str_eq(app.reason, "shutdown");
    client_close(&c);
    loop_release(&h.loop);
}
END_TEST

UNIT_SUITE("http/exchange", test_later, test_later_head_and_version, test_later_pipelined,
           test_later_with_body, test_later_is_bounded, test_later_peer_gone,
           test_later_half_close_behind_an_answer, test_later_and_timeouts, test_later_drained,
           test_later_shutdown)
