#include "harness.h"
#include "http/server.h"
#include <fcntl.h>
#include <sys/resource.h>

#define BIG_BYTES (4u << 20)

static unsigned handled;
static struct harness *draining; /* the path /drain drains it */

static void respond_text(struct http_exchange *exchange, int status, struct str body)
{
    http_respond(exchange, &(struct http_response){
                               .status = status, .content_type = "text/plain", .body = body});
}

static void handle_big(struct http_exchange *exchange)
{
    char *body = malloc(BIG_BYTES);
    memset(body, 'b', BIG_BYTES);
    respond_text(exchange, 200, (struct str){body, BIG_BYTES});
    free(body);
}

static void handle_injection(struct http_exchange *exchange)
{
    static const struct http_header header = {{"X-Name", 6}, {"a\r\nSet-Cookie: x=y", 18}};
    http_respond(exchange,
                 &(struct http_response){
                     .status = 200, .body = STR("secret"), .headers = &header, .header_count = 1});
}

static void handle_drain(struct http_exchange *exchange)
{
    http_server_drain(draining->server);
    respond_text(exchange, 200, STR("draining"));
}

/* The body is the path, unless the path says otherwise. */
static void handle(void *app, struct http_exchange *exchange)
{
    const struct http_request *request = http_exchange_request(exchange);
    handled++;
    if (str_equal(request->path, STR("/big")))
        handle_big(exchange);
    else if (str_equal(request->path, STR("/injection")))
        handle_injection(exchange);
    else if (str_equal(request->path, STR("/drain")))
        handle_drain(exchange);
    else if (str_equal(request->path, STR("/nothing")))
        respond_text(exchange, 204, STR("not sent"));
    else
        respond_text(exchange, 200, request->path);
}

static void start(struct harness *h)
{
    handled = 0;
    harness_start(h, (struct http_server_options){0}, handle, NULL);
}

/* One connection serves one request after the other. */
START_TEST(test_keep_alive)
{
    struct harness h;
    struct client c;
    start(&h);
    client_connect(&c, &h);
    for (int i = 0; i < 3; i++) {
        client_forget(&c);
        client_send(&c, GET("/hello"));
        WAIT_FOR(&h, client_has(&c, "\r\n\r\n/hello"));
        client_expect(&c, "HTTP/1.1 200 OK\r\n");
        client_expect(&c, "Content-Type: text/plain\r\n");
        client_expect(&c, "Content-Length: 6\r\n");
        ck_assert(!client_has(&c, "Connection:"));
        ck_assert_ptr_null(only_connection(&h)->input.data);
    }
    client_close(&c);
    WAIT_FOR(&h, http_server_connections(h.server) == 0);
    harness_stop(&h);
}
END_TEST

/* Requests in one packet, and in packets of one byte, are answered in their order. */
START_TEST(test_pipelining)
{
    static const char requests[] = GET("/1") "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: "
                                             "5\r\n\r\nGET /" GET("/3");
    struct harness h;
    struct client c;
    start(&h);
    client_connect(&c, &h);
    client_send(&c, requests);
    WAIT_FOR(&h, client_has(&c, "/3"));
    ck_assert_uint_eq(client_count(&c, "HTTP/1.1 200"), 3);
    const char *first = memmem(c.got.data, c.got.len, "/1HTTP", 6);
    const char *second = memmem(c.got.data, c.got.len, "/2HTTP", 6);
    ck_assert(first && second && first < second);

    client_forget(&c);
    for (size_t i = 0; i < sizeof(requests) - 1; i++) {
        client_send(&c, (char[]){requests[i], '\0'});
        ev_run(h.loop.ev, EVRUN_NOWAIT);
    }
    WAIT_FOR(&h, client_has(&c, "/3"));
    ck_assert_uint_eq(client_count(&c, "HTTP/1.1 200"), 3);
    ck_assert_uint_eq(handled, 6);
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* Sends what the socket takes of requests for ever; the bytes taken, 0 when it is full. */
static size_t send_more(struct client *c, size_t sent)
{
    static const char request[] = GET("/0123456789");
    const size_t len = sizeof(request) - 1;
    char many[256 * (sizeof(request) - 1)];
    for (size_t i = 0; i < 256; i++)
        memcpy(many + i * len, request, len);
    size_t from = sent % len;
    ssize_t n = send(c->fd, many + from, sizeof(many) - from, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n > 0 ? (size_t)n : 0;
}

/* A client that sends requests without end and reads nothing makes the server stop reading, not
 * grow; once it reads, it gets every answer. */
START_TEST(test_pipelining_is_bounded)
{
    const size_t len = sizeof(GET("/0123456789")) - 1;
    struct harness h;
    struct client c;
    size_t sent = 0;
    start(&h);
    int fd = client_socket(16384);
    ck_assert_int_eq(client_dial(fd, h.port), 0);
    client_adopt(&c, &h, fd);
    ev_io_stop(h.loop.ev, &c.reader);
    for (int refused = 0; refused < 100;) {
        size_t more = send_more(&c, sent);
        sent += more;
        refused = more > 0 ? 0 : refused + 1;
        ck_assert_uint_lt(sent, 256u << 20);
        ev_run(h.loop.ev, EVRUN_NOWAIT);
    }
    ck_assert(only_connection(&h)->paused);
    ck_assert_uint_lt(only_connection(&h)->output.bytes, PIPELINE_BYTES + 1024);
    ck_assert_uint_le(only_connection(&h)->input.len, h.server->max_head_bytes + READ_BYTES);
    ck_assert_uint_lt(handled, sent / len);

    ev_io_start(h.loop.ev, &c.reader);
    shutdown(c.fd, SHUT_WR); /* in the middle of a request, perhaps */
    WAIT_FOR(&h, c.ended);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(handled, sent / len);
    ck_assert_uint_eq(client_count(&c, "\r\n\r\n/0123456789"), sent / len);
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* HEAD: the head that GET has, no body; the connection goes on. */
START_TEST(test_head)
{
    struct harness h;
    struct client c;
    start(&h);
    client_connect(&c, &h);
    client_send(&c, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&h, client_has(&c, "\r\n\r\n"));
    client_expect(&c, "Content-Length: 6\r\n");
    ck_assert_uint_eq(client_body(&c).len, 0);
    client_send(&c, GET("/next"));
    WAIT_FOR(&h, client_has(&c, "\r\n\r\n/next"));
    ck_assert(!client_has(&c, "/hello"));
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* 204 has neither a body nor a length. */
START_TEST(test_no_content)
{
    struct harness h;
    struct client c;
    start(&h);
    client_connect(&c, &h);
    client_send(&c, GET("/nothing"));
    WAIT_FOR(&h, client_has(&c, "\r\n\r\n"));
    client_expect(&c, "HTTP/1.1 204 No Content\r\n");
    ck_assert(!client_has(&c, "Content-Length"));
    ck_assert_uint_eq(client_body(&c).len, 0);
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* HTTP/1.0 ends after one answer, unless it asks for more and is told so. */
START_TEST(test_http_1_0)
{
    struct harness h;
    struct client c;
    start(&h);
    client_connect(&c, &h);
    client_send(&c, "GET /old HTTP/1.0\r\n\r\n");
    WAIT_FOR(&h, c.ended);
    ck_assert_int_eq(c.error, 0);
    client_expect(&c, "Connection: close\r\n");
    client_expect(&c, "\r\n\r\n/old");
    client_close(&c);

    client_connect(&c, &h);
    client_send(&c, "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    WAIT_FOR(&h, client_has(&c, "\r\n\r\n/old"));
    client_expect(&c, "Connection: keep-alive\r\n");
    client_send(&c, "GET /again HTTP/1.0\r\n\r\n");
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "\r\n\r\n/again");
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* After "Connection: close" there is one answer and an orderly end, whatever else was sent. */
START_TEST(test_connection_close)
{
    struct harness h;
    struct client c;
    start(&h);
    client_connect(&c, &h);
    client_send(&c, "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/2"));
    WAIT_FOR(&h, c.ended);
    ck_assert_int_eq(c.error, 0);
    client_expect(&c, "Connection: close\r\n");
    client_expect(&c, "/1");
    ck_assert_uint_eq(handled, 1);
    client_close(&c);
    WAIT_FOR(&h, http_server_connections(h.server) == 0);
    harness_stop(&h);
}
END_TEST

/* A client that shuts its side after the request still gets the whole answer. */
START_TEST(test_half_close)
{
    struct harness h;
    struct client c;
    start(&h);
    client_connect(&c, &h);
    client_send(&c, GET("/big"));
    shutdown(c.fd, SHUT_WR);
    WAIT_FOR(&h, c.ended);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(client_body(&c).len, BIG_BYTES);
    WAIT_FOR(&h, http_server_connections(h.server) == 0);
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* A body is read away wherever it is cut; what follows it is the next request. */
START_TEST(test_body_is_discarded)
{
    struct harness h;
    struct client c;
    start(&h);
    client_connect(&c, &h);
    client_send(&c, "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nGET / ");
    WAIT_FOR(&h, client_has(&c, "/post"));
    client_send(&c, "HTTP/1.1\r\nHost: b\r\n\r\n123" GET("/next"));
    WAIT_FOR(&h, client_has(&c, "\r\n\r\n/next"));
    ck_assert_uint_eq(handled, 2);
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* 413, readable although the client goes on sending, and the end. */
START_TEST(test_body_too_large)
{
    struct harness h;
    struct client c;
    char part[8192];
    start(&h);
    client_connect(&c, &h);
    client_send(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n");
    memset(part, 'x', sizeof(part));
    for (int i = 0; i < 8; i++)
        ck_assert_int_gt(send(c.fd, part, sizeof(part), MSG_NOSIGNAL), 0);
    WAIT_FOR(&h, c.ended);
    ck_assert_int_eq(c.error, 0);
    client_expect(&c, "HTTP/1.1 413 ");
    client_expect(&c, "Connection: close\r\n");
    ck_assert_uint_eq(handled, 0);
    client_close(&c);
    WAIT_FOR(&h, http_server_connections(h.server) == 0);
    harness_stop(&h);
}
END_TEST

/* An answer instead of "100 Continue": nobody knows whether the body follows, so nothing is taken
 * for a request after it. */
START_TEST(test_expect_continue)
{
    struct harness h;
    struct client c;
    start(&h);
    client_connect(&c, &h);
    client_send(&c, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n"
                    "\r\n123456789" GET("/smuggled"));
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "\r\n\r\n/p");
    client_expect(&c, "Connection: close\r\n");
    ck_assert_uint_eq(handled, 1);
    client_close(&c);
    harness_stop(&h);
}
END_TEST

static void expect_refusal(struct harness *h, const char *bytes, const char *status_line)
{
    struct client c;
    client_connect(&c, h);
    client_send(&c, bytes);
    WAIT_FOR(h, c.ended);
    ck_assert_int_eq(c.error, 0);
    ck_assert_msg(c.got.len > strlen(status_line) &&
                      memcmp(c.got.data, status_line, strlen(status_line)) == 0,
                  "%.*s", (int)c.got.len, c.got.data);
    client_expect(&c, "Connection: close\r\n");
    ck_assert_uint_eq(client_count(&c, "HTTP/1.1 "), 1);
    client_close(&c);
}

/* What is no request is told so at once, and the connection ends. */
START_TEST(test_bad_requests)
{
    struct harness h;
    start(&h);
    expect_refusal(&h, "GET / HTTP/1.1\r\n\r\n" GET("/"), "HTTP/1.1 400 Bad Request\r\n");
    expect_refusal(&h, "\x16\x03\x01\x02", "HTTP/1.1 400 Bad Request\r\n");
    expect_refusal(&h, "GET / HTTP/1.1\nHost: a\n\n", "HTTP/1.1 400 Bad Request\r\n");
    expect_refusal(&h, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 ");
    ck_assert_uint_eq(handled, 0);
    WAIT_FOR(&h, http_server_connections(h.server) == 0);
    harness_stop(&h);
}
END_TEST

/* A head past the limit is refused when the limit is reached, without waiting for its end. */
START_TEST(test_head_too_large)
{
    struct harness h;
    char bytes[16384 + 100];
    start(&h);
    size_t len = (size_t)snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    memset(bytes + len, 'x', 16384 - len);
    bytes[16384] = '\0';
    expect_refusal(&h, bytes, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
    harness_stop(&h);
}
END_TEST

/* A line end in a header value of the application never reaches the client. */
START_TEST(test_header_injection)
{
    struct harness h;
    struct client c;
    start(&h);
    client_connect(&c, &h);
    client_send(&c, GET("/injection"));
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "HTTP/1.1 500 Internal Server Error\r\n");
    ck_assert(!client_has(&c, "Set-Cookie") && !client_has(&c, "secret"));
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* A client that sends half a head is told 408; one that sends nothing just ends; one that was
 * served has the whole time again. */
START_TEST(test_timeouts)
{
    struct harness h;
    struct client half, silent;
    harness_start(&h, (struct http_server_options){.head_timeout_ms = 40}, handle, NULL);
    client_connect(&half, &h);
    client_connect(&silent, &h);
    client_send(&half, "GET / HTTP/1.1\r\nHost");
    WAIT_FOR(&h, half.ended && silent.ended);
    client_expect(&half, "HTTP/1.1 408 Request Timeout\r\n");
    ck_assert_uint_eq(silent.got.len, 0);
    ck_assert_int_eq(silent.error, 0);
    client_close(&half);
    client_close(&silent);
    WAIT_FOR(&h, http_server_connections(h.server) == 0);
    harness_stop(&h);
}
END_TEST

/* The time for a request starts again when the last one is answered, not with each byte of a head.
 */
START_TEST(test_deadline_of_a_request)
{
    struct harness h;
    struct client c;
    start(&h);
    client_connect(&c, &h);
    WAIT_FOR(&h, http_server_connections(h.server) == 1);
    uint64_t first = only_connection(&h)->deadline_ms;
    WAIT_FOR(&h, clock_monotonic_ms() + 15000 > first);
    client_send(&c, "GET / HTTP/1.1\r\n");
    WAIT_FOR(&h, only_connection(&h)->state == CONNECTION_HEAD);
    ck_assert_uint_eq(only_connection(&h)->deadline_ms, first);
    client_send(&c, "Host: a\r\n\r\n");
    WAIT_FOR(&h, client_has(&c, "200 OK"));
    ck_assert_int_eq(only_connection(&h)->deadline, DEADLINE_REQUEST);
    ck_assert_uint_gt(only_connection(&h)->deadline_ms, first);
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* A client that does not close after we did does not keep its connection. */
START_TEST(test_linger_ends)
{
    struct harness h;
    struct client c;
    harness_start(&h, (struct http_server_options){.head_timeout_ms = 40}, handle, NULL);
    h.server->timeout_ms[DEADLINE_PEER] = 40;
    client_connect(&c, &h);
    client_send(&c, "GET / HTTP/1.0\r\n\r\n");
    WAIT_FOR(&h, c.ended);
    WAIT_FOR(&h, http_server_connections(h.server) == 0);
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* The one too many is told 503 with Retry-After; a place that gets free is given again. */
START_TEST(test_connection_limit)
{
    struct harness h;
    struct client first, second, third;
    handled = 0;
    harness_start(&h, (struct http_server_options){.max_connections = 2}, handle, NULL);
    client_connect(&first, &h);
    client_connect(&second, &h);
    client_send(&second, GET("/2"));
    WAIT_FOR(&h, client_has(&second, "/2") && http_server_connections(h.server) == 2);
    client_connect(&third, &h);
    client_send(&third, GET("/3"));
    WAIT_FOR(&h, third.ended);
    ck_assert_int_eq(third.error, 0);
    client_expect(&third, "HTTP/1.1 503 Service Unavailable\r\n");
    client_expect(&third, "Retry-After: ");
    client_close(&third);
    client_close(&first);
    WAIT_FOR(&h, http_server_connections(h.server) == 1);
    client_connect(&third, &h);
    client_send(&third, GET("/3"));
    WAIT_FOR(&h, client_has(&third, "/3"));
    client_close(&third);
    client_close(&second);
    harness_stop(&h);
}
END_TEST

/* Without a descriptor left a client is turned away instead of waiting in a backlog that keeps the
 * loop spinning; those that are there are served, and later ones are again. */
START_TEST(test_out_of_descriptors)
{
    struct harness h;
    struct client old, late;
    struct rlimit usual, tight;
    start(&h);
    client_connect(&old, &h);
    client_send(&old, GET("/1"));
    WAIT_FOR(&h, client_has(&old, "/1"));
    int fd = client_socket(0);
    int next = dup(fd); /* the lowest free number is where the limit goes */
    ck_assert_int_ge(next, 0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &usual);
    tight = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = usual.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);

    ck_assert_int_eq(client_dial(fd, h.port), 0);
    client_adopt(&late, &h, fd);
    WAIT_FOR(&h, late.ended);
    client_expect(&late, "HTTP/1.1 503 ");
    client_send(&old, GET("/2"));
    WAIT_FOR(&h, client_has(&old, "/2"));
    ck_assert_uint_eq(http_server_connections(h.server), 1);
    client_close(&late);

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
    client_connect(&late, &h);
    client_send(&late, GET("/3"));
    WAIT_FOR(&h, client_has(&late, "/3"));
    client_close(&late);
    client_close(&old);
    harness_stop(&h);
}
END_TEST

/* When there is not even the reserve, accepting pauses, for a listener that stays readable would
 * keep the loop spinning; it goes on by itself once there are descriptors. */
START_TEST(test_out_of_everything)
{
    struct harness h;
    struct client c;
    struct rlimit usual, tight;
    harness_start(&h, (struct http_server_options){.head_timeout_ms = 40}, handle, NULL);
    int fd = client_socket(0);
    ck_assert_int_ge(h.server->reserve_fd, 0);
    close(h.server->reserve_fd);
    h.server->reserve_fd = -1;
    getrlimit(RLIMIT_NOFILE, &usual);
    tight = (struct rlimit){.rlim_cur = 3, .rlim_max = usual.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    ck_assert_int_eq(client_dial(fd, h.port), 0);
    client_adopt(&c, &h, fd);
    WAIT_FOR(&h, h.server->accept_paused);
    ck_assert_uint_eq(http_server_connections(h.server), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
    WAIT_FOR(&h, http_server_connections(h.server) == 1);
    ck_assert_int_ge(h.server->reserve_fd, 0);
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* Draining: no new connections, idle ones end, an answer under way arrives whole, a head under way
 * is answered and told to close. */
START_TEST(test_drain)
{
    struct harness h;
    struct client idle, busy, half;
    start(&h);
    client_connect(&idle, &h);
    client_connect(&half, &h);
    client_connect(&busy, &h);
    ev_io_stop(h.loop.ev, &busy.reader);
    client_send(&idle, GET("/idle"));
    client_send(&half, "GET /half HTTP/1.1\r\nHo");
    client_send(&busy, GET("/big"));
    WAIT_FOR(&h, client_has(&idle, "/idle") && handled == 2);
    for (int i = 0; i < 10; i++)
        ev_run(h.loop.ev, EVRUN_NOWAIT);
    http_server_drain(h.server);
    http_server_drain(h.server);
    int fd = client_socket(0);
    ck_assert_int_lt(client_dial(fd, h.port), 0);
    ck_assert_int_eq(errno, ECONNREFUSED);
    close(fd);

    WAIT_FOR(&h, idle.ended);
    ck_assert_int_eq(idle.error, 0);
    client_close(&idle);
    client_send(&half, "st: a\r\n\r\n");
    WAIT_FOR(&h, half.ended);
    client_expect(&half, "Connection: close\r\n");
    client_expect(&half, "\r\n\r\n/half");
    client_close(&half);
    ev_io_start(h.loop.ev, &busy.reader);
    WAIT_FOR(&h, busy.ended);
    ck_assert_int_eq(busy.error, 0);
    ck_assert_uint_eq(client_body(&busy).len, BIG_BYTES);
    client_close(&busy);
    WAIT_FOR(&h, http_server_connections(h.server) == 0);
    harness_stop(&h);
}
END_TEST

/* A request may drain the server that it comes from, and is answered. */
START_TEST(test_drain_by_request)
{
    struct harness h;
    struct client c;
    start(&h);
    draining = &h;
    client_connect(&c, &h);
    client_send(&c, GET("/drain"));
    WAIT_FOR(&h, c.ended);
    client_expect(&c, "Connection: close\r\n");
    client_expect(&c, "\r\n\r\ndraining");
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* Several servers, each with its loop, share one address. */
START_TEST(test_shared_port)
{
    struct harness first;
    struct http_server *second;
    struct error err;
    char address[32];
    const char *const listen[] = {address};
    start(&first);
    snprintf(address, sizeof(address), "127.0.0.1:%u", first.port);
    const struct http_server_options options = {.listen = listen, .listen_count = 1};
    ck_assert_int_eq(http_server_start(&second, &first.loop, &options, handle, NULL, &err), 0);
    ck_assert_uint_eq(http_server_port(second), first.port);
    struct client clients[16];
    for (size_t i = 0; i < 16; i++) {
        client_connect(&clients[i], &first);
        client_send(&clients[i], GET("/shared"));
        WAIT_FOR(&first, client_has(&clients[i], "/shared"));
    }
    ck_assert_uint_eq(http_server_connections(first.server) + http_server_connections(second), 16);
    http_server_free(second);
    for (size_t i = 0; i < 16; i++)
        client_close(&clients[i]);
    harness_stop(&first);
}
END_TEST

UNIT_SUITE("http/server", test_keep_alive, test_pipelining, test_pipelining_is_bounded, test_head,
           test_no_content, test_http_1_0, test_connection_close, test_half_close,
           test_body_is_discarded, test_body_too_large, test_expect_continue, test_bad_requests,
           test_head_too_large, test_header_injection, test_timeouts, test_deadline_of_a_request,
           test_linger_ends, test_connection_limit, test_out_of_descriptors, test_out_of_everything,
           test_drain, test_drain_by_request, test_shared_port)
