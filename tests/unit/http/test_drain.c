#include "harness.h"

#define STREAMS 90
#define LATER_ONES (STREAMS - 21) /* a first batch is 21 */

struct owner {
    struct http_stream *stream;
    bool drained;
    bool closed;
};

static struct owner owners[STREAMS + 1];
static size_t begun;
static bool later_drained;

static void fill(void *context, struct http_stream *stream)
{
}

static void drain(void *context, struct http_stream *stream)
{
    struct owner *owner = context;
    ck_assert(!owner->drained);
    owner->drained = true;
    ck_assert_int_eq(http_stream_write(stream, STR("retry: 100\n\n")), 0);
    http_stream_end(stream);
}

static void closed(void *context, const char *reason)
{
    ((struct owner *)context)->closed = true;
}

static const struct http_stream_events events = {.fill = fill, .drain = drain, .closed = closed};

static void answer_later(void *owner, struct http_exchange *exchange)
{
    later_drained = true;
    http_respond(exchange, &(struct http_response){.status = 200, .body = STR("drained")});
}

static void gone(void *owner, const char *reason)
{
}

static const struct http_wait_events wait_events = {.drain = answer_later, .gone = gone};

static void handle(void *app, struct http_exchange *exchange)
{
    if (str_equal(http_exchange_request(exchange)->path, STR("/later"))) {
        (void)http_respond_later(exchange, &wait_events, NULL);
        return;
    }
    struct owner *owner = &owners[begun++];
    owner->stream = http_stream_start(exchange, NULL, 0, STR(":\n"), &events, owner);
}

static size_t count_drained(void)
{
    size_t count = 0;
    for (size_t i = 0; i < begun; i++)
        count += owners[i].drained;
    return count;
}

static void start(struct harness *h, struct client *clients, size_t count, unsigned drain_ms)
{
    memset(owners, 0, sizeof(owners));
    begun = 0;
    later_drained = false;
    harness_start(h, (struct http_server_options){.drain_ms = drain_ms}, handle, NULL);
    for (size_t i = 0; i < count; i++) {
        client_connect(&clients[i], h);
        client_send(&clients[i], GET("/"));
        WAIT_FOR(h, client_has(&clients[i], "\r\n\r\n:\n"));
    }
}

static void stop(struct harness *h, struct client *clients, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        WAIT_FOR(h, clients[i].ended);
        ck_assert_int_eq(clients[i].error, 0);
        ck_assert_uint_eq(client_count(&clients[i], "retry: 100\n\n"), 1);
        client_close(&clients[i]);
    }
    WAIT_FOR(h, http_server_connections(h->server) == 0);
    ck_assert(http_server_drained(h->server));
    ck_assert_uint_eq(http_server_counters(h->server)->streams, count);
    ck_assert_uint_eq(http_server_counters(h->server)->closed[HTTP_CLOSE_ENDED], count);
    harness_stop(h);
}

/* The streams are not ended all at once, and one whose turn has not come is served as ever. */
START_TEST(test_spread)
{
    struct harness h;
    struct client clients[STREAMS];
    start(&h, clients, STREAMS, 60000);
    http_server_drain(h.server);
    ck_assert_uint_eq(count_drained(), STREAMS - LATER_ONES);
    ck_assert(!http_server_drained(h.server));
    struct owner *last = &owners[STREAMS - 1];
    ck_assert(!last->drained);
    ck_assert_int_eq(http_stream_write(last->stream, STR("data: x\n\n")), 0);
    for (size_t i = 0; i < STREAMS; i++)
        WAIT_FOR(&h, clients[i].ended);
    client_expect(&clients[STREAMS - 1], "data: x\n\nretry: ");
    stop(&h, clients, STREAMS);
}
END_TEST

/* In each turn as many as it takes to be through in time, however slow the machine is. */
START_TEST(test_batches)
{
    struct harness h;
    struct client clients[STREAMS];
    size_t most = 0, before;
    start(&h, clients, STREAMS, 40);
    http_server_drain(h.server);
    ck_assert_uint_eq(before = count_drained(), STREAMS / 2 + 1);
    while (before < STREAMS) {
        ev_run(h.loop.ev, EVRUN_ONCE);
        size_t now = count_drained();
        most = now - before > most ? now - before : most;
        before = now;
    }
    ck_assert_uint_le(most, STREAMS / 2 + 1);
    stop(&h, clients, STREAMS);
}
END_TEST

/* Without a time they are ended at once. */
START_TEST(test_at_once)
{
    struct harness h;
    struct client clients[STREAMS];
    start(&h, clients, STREAMS, 0);
    http_server_drain(h.server);
    ck_assert_uint_eq(count_drained(), STREAMS);
    ck_assert(http_server_drained(h.server));
    stop(&h, clients, STREAMS);
}
END_TEST

/* A client that leaves before its turn is none of the drain's any more. */
START_TEST(test_leaves_before_its_turn)
{
    struct harness h;
    struct client clients[STREAMS];
    start(&h, clients, STREAMS, 60000);
    http_server_drain(h.server);
    client_close(&clients[STREAMS - 1]);
    for (size_t i = 0; i < STREAMS - 1; i++) {
        WAIT_FOR(&h, clients[i].ended);
        client_close(&clients[i]);
    }
    WAIT_FOR(&h, owners[STREAMS - 1].closed);
    WAIT_FOR(&h, http_server_drained(h.server));
    harness_stop(&h);
}
END_TEST

/* A request whose head was under way when the drain began may become a stream: it is ended too. So
 * is one that waits. */
START_TEST(test_begun_while_draining)
{
    struct harness h;
    struct client clients[1], waiting;
    start(&h, clients, 0, 5000);
    client_connect(&clients[0], &h);
    client_connect(&waiting, &h);
    client_send(&clients[0], "GET / HTTP/1.1\r\n");
    client_send(&waiting, "GET /later HTTP/1.1\r\n");
    WAIT_FOR(&h, http_server_connections(h.server) == 2);
    for (int i = 0; i < 10; i++)
        ev_run(h.loop.ev, EVRUN_NOWAIT);
    http_server_drain(h.server);
    client_send(&clients[0], "Host: a\r\n\r\n");
    client_send(&waiting, "Host: a\r\n\r\n");
    WAIT_FOR(&h, waiting.ended && later_drained);
    client_expect(&waiting, "drained");
    client_close(&waiting);
    stop(&h, clients, 1);
}
END_TEST

/* Freed in the middle of it, every stream is told. */
START_TEST(test_freed_meanwhile)
{
    struct harness h;
    struct client clients[STREAMS];
    start(&h, clients, STREAMS, 60000);
    http_server_drain(h.server);
    http_server_free(h.server);
    for (size_t i = 0; i < STREAMS; i++) {
        ck_assert(owners[i].closed);
        client_close(&clients[i]);
    }
    loop_release(&h.loop);
}
END_TEST

UNIT_SUITE("http/drain", test_spread, test_batches, test_at_once, test_leaves_before_its_turn,
           test_begun_while_draining, test_freed_meanwhile)
