#include "harness.h"
#include <sys/resource.h>

static int refused_with;

static void handle(void *app, struct http_exchange *exchange)
{
    http_respond(exchange, &(struct http_response){.status = 200, .body = STR("served")});
}

static void refuse(void *app, struct http_exchange *exchange, int status)
{
    refused_with = status;
    http_respond(exchange, &(struct http_response){.status = 200,
                                                   .body = http_exchange_request(exchange)->path});
}

static void from(struct client *c, struct harness *h, const char *address)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    int fd = client_socket(0);
    ck_assert_int_eq(inet_pton(AF_INET, address, &where.sin_addr), 1);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
    ck_assert_int_eq(client_dial(fd, h->port), 0);
    client_adopt(c, h, fd);
}

static void is_served(struct harness *h, struct client *c, const char *request)
{
    client_forget(c);
    client_send(c, request);
    WAIT_FOR(h, client_has(c, "served"));
}

static void is_told(struct harness *h, struct client *c, const char *request, const char *what)
{
    client_send(c, request);
    WAIT_FOR(h, c->ended);
    ck_assert_int_eq(c->error, 0);
    client_expect(c, what);
    ck_assert(!client_has(c, "served"));
    client_close(c);
}

/* One client over its limit is told 429 with Retry-After; others are served, and so is it again
 * once one of its connections has ended. */
START_TEST(test_limit_of_a_client)
{
    struct harness h;
    struct client one, more, other;
    struct places *clients = places_new(1);
    harness_start(&h, (struct http_server_options){.clients = clients}, handle, NULL);
    from(&one, &h, "127.0.0.2");
    is_served(&h, &one, GET("/"));
    from(&more, &h, "127.0.0.2");
    client_send(&more, GET("/"));
    WAIT_FOR(&h, more.ended);
    client_expect(&more, "HTTP/1.1 429 Too Many Requests\r\n");
    client_expect(&more, "Retry-After: ");
    client_close(&more);
    from(&other, &h, "127.0.0.3");
    is_served(&h, &other, GET("/"));
    is_served(&h, &one, GET("/"));
    client_close(&one);
    WAIT_FOR(&h, http_server_connections(h.server) == 1);
    from(&more, &h, "127.0.0.2");
    is_served(&h, &more, GET("/"));
    client_close(&more);
    client_close(&other);
    WAIT_FOR(&h, http_server_connections(h.server) == 0);
    ck_assert_uint_eq(http_server_counters(h.server)->refused_client, 1);
    ck_assert_uint_eq(http_server_counters(h.server)->connections, 3);
    harness_stop(&h);
    places_free(clients);
}
END_TEST

/* How it is told is the application's choice, which knows the request by then. */
START_TEST(test_refused_by_the_application)
{
    struct harness h;
    struct client first, second;
    harness_start(&h, (struct http_server_options){.max_connections = 1, .refuse = refuse}, handle,
                  NULL);
    client_connect(&first, &h);
    is_served(&h, &first, GET("/"));
    client_connect(&second, &h);
    WAIT_FOR(&h, http_server_connections(h.server) == 2);
    is_told(&h, &second, GET("/what-i-wanted"), "\r\n\r\n/what-i-wanted");
    ck_assert_int_eq(refused_with, 503);
    WAIT_FOR(&h, http_server_connections(h.server) == 1);
    client_connect(&second, &h); /* whoever was refused has made no room */
    is_told(&h, &second, GET("/again"), "\r\n\r\n/again");
    ck_assert_uint_eq(http_server_counters(h.server)->refused_server, 2);
    client_close(&first);
    harness_stop(&h);
}
END_TEST

/* Who asks nothing is told all the same, soon, and its place is free. */
START_TEST(test_refused_without_a_request)
{
    struct harness h;
    struct client first, silent;
    harness_start(&h,
                  (struct http_server_options){
                      .max_connections = 1, .refuse = refuse, .head_timeout_ms = 3600000},
                  handle, NULL);
    h.server->timeout_ms[DEADLINE_PEER] = 40;
    client_connect(&first, &h);
    is_served(&h, &first, GET("/"));
    client_connect(&silent, &h);
    WAIT_FOR(&h, silent.ended);
    client_expect(&silent, "HTTP/1.1 503 Service Unavailable\r\n");
    client_close(&silent);
    WAIT_FOR(&h, http_server_connections(h.server) == 1);
    client_close(&first);
    harness_stop(&h);
}
END_TEST

/* The places to be told are few: past them the connections do not pile up. */
START_TEST(test_flood)
{
    enum { FLOOD = 1200 };
    static struct client flood[FLOOD];
    struct harness h;
    struct client first;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    harness_start(&h, (struct http_server_options){.max_connections = 1}, handle, NULL);
    h.server->timeout_ms[DEADLINE_PEER] = 3600000;
    client_connect(&first, &h);
    is_served(&h, &first, GET("/"));
    for (int i = 0; i < FLOOD; i++)
        client_connect(&flood[i], &h);
    WAIT_FOR(&h, http_server_counters(h.server)->refused_server == FLOOD);
    ck_assert_uint_eq(http_server_connections(h.server), 1 + 1024);
    WAIT_FOR(&h, flood[FLOOD - 1].ended);
    client_expect(&flood[FLOOD - 1], "HTTP/1.1 503 Service Unavailable\r\n");
    is_served(&h, &first, GET("/"));
    for (int i = 0; i < FLOOD; i++)
        client_close(&flood[i]);
    WAIT_FOR(&h, http_server_connections(h.server) == 1);
    client_close(&first);
    harness_stop(&h);
}
END_TEST

#define V1(address) "PROXY TCP4 " address " 198.51.100.2 50000 443\r\n"

/* Behind a proxy the client is who the proxy says it is. */
START_TEST(test_proxied)
{
    struct harness h;
    struct client one, more, other, itself;
    struct places *clients = places_new(1);
    harness_start(&h, (struct http_server_options){.clients = clients, .proxy_protocol = true},
                  handle, NULL);
    client_connect(&one, &h);
    is_served(&h, &one, V1("192.0.2.1") GET("/"));
    is_served(&h, &one, GET("/")); /* only at the beginning */
    client_connect(&more, &h);
    is_told(&h, &more, V1("192.0.2.1") GET("/"), "HTTP/1.1 429 ");
    client_connect(&other, &h);
    client_send(&other, "PROXY TCP4 192.0");
    for (int i = 0; i < 10; i++)
        ev_run(h.loop.ev, EVRUN_NOWAIT);
    client_send(&other, ".2.2 198.51.100.2 50000 443\r\nGET / HT");
    for (int i = 0; i < 10; i++)
        ev_run(h.loop.ev, EVRUN_NOWAIT);
    is_served(&h, &other, "TP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 3; i++) { /* health checks of a proxy are nobody's */
        client_connect(&itself, &h);
        is_served(&h, &itself, "PROXY UNKNOWN\r\n" GET("/"));
        client_close(&itself);
    }
    client_close(&one);
    client_close(&other);
    WAIT_FOR(&h, http_server_connections(h.server) == 0);
    client_connect(&one, &h);
    is_served(&h, &one, V1("192.0.2.1") GET("/"));
    client_close(&one);
    harness_stop(&h);
    places_free(clients);
}
END_TEST

/* Without the header nobody is answered; and without a proxy nobody can pretend to be one. */
START_TEST(test_not_proxied)
{
    struct harness h;
    struct client c;
    harness_start(&h, (struct http_server_options){.proxy_protocol = true}, handle, NULL);
    client_connect(&c, &h);
    client_send(&c, GET("/"));
    WAIT_FOR(&h, c.ended);
    ck_assert_uint_eq(c.got.len, 0);
    client_close(&c);
    harness_stop(&h);
    harness_start(&h, (struct http_server_options){0}, handle, NULL);
    client_connect(&c, &h);
    is_told(&h, &c, V1("192.0.2.1") GET("/"), "HTTP/1.1 400 ");
    harness_stop(&h);
}
END_TEST

UNIT_SUITE("http/admission", test_limit_of_a_client, test_refused_by_the_application,
           test_refused_without_a_request, test_flood, test_proxied, test_not_proxied)
