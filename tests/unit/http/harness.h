/* tests/unit/http/harness.h - a server on a free port and clients with real sockets, all on one
 * loop: a test turns the loop until what it waits for has come. */
#ifndef HTTP_HARNESS_H
#define HTTP_HARNESS_H

#include "base/clock.h"
#include "http/server.h"
#include "http/server_state.h"
#include "unit.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 60000
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

struct harness {
    struct loop loop;
    struct http_server *server;
    void *app;
    unsigned port;
};

/* Everything a client got, and how it ended. */
struct client {
    struct harness *harness;
    ev_io reader;
    int fd;
    struct buffer got;
    bool ended; /* by the server */
    int error;  /* errno when it ended by one */
};

#define WAIT_FOR(harness, condition)                                                               \
    do {                                                                                           \
        uint64_t give_up = clock_monotonic_ms() + PATIENCE_MS;                                     \
        while (!(condition)) {                                                                     \
            ck_assert_msg(clock_monotonic_ms() < give_up, "waited in vain for " #condition);       \
            ev_run((harness)->loop.ev, EVRUN_ONCE);                                                \
        }                                                                                          \
    } while (0)

static inline void harness_start(struct harness *h, struct http_server_options options,
                                 http_handle handle, void *app)
{
    static const char *const anywhere[] = {"127.0.0.1:0"};
    struct error err = {0};
    if (!options.listen) {
        options.listen = anywhere;
        options.listen_count = 1;
    }
    *h = (struct harness){.app = app};
    ck_assert_int_eq(loop_init(&h->loop), 0);
    int result = http_server_start(&h->server, &h->loop, &options, handle, app, &err);
    ck_assert_msg(result == 0, "%s", err.text);
    h->port = http_server_port(h->server);
}

static inline void harness_stop(struct harness *h)
{
    http_server_free(h->server);
    loop_release(&h->loop);
}

/* The server's side of the only connection. */
static inline struct connection *only_connection(struct harness *h)
{
    ck_assert_uint_eq(http_server_connections(h->server), 1);
    return LIST_ITEM(h->server->connections.next, struct connection, all);
}

static inline void client_on_readable(struct ev_loop *ev, ev_io *reader, int events)
{
    struct client *client = reader->data;
    char bytes[65536];
    ssize_t len = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (len > 0) {
        ck_assert_int_eq(buffer_append(&client->got, bytes, (size_t)len), 0);
        return;
    }
    if (len < 0 && errno == EAGAIN)
        return;
    client->ended = true;
    client->error = len < 0 ? errno : 0;
    ev_io_stop(ev, reader);
}

static inline void client_adopt(struct client *c, struct harness *h, int fd)
{
    *c = (struct client){.harness = h, .fd = fd};
    buffer_init(&c->got, 256u << 20);
    ev_io_init(&c->reader, client_on_readable, fd, EV_READ);
    c->reader.data = c;
    ev_io_start(h->loop.ev, &c->reader);
}

static inline int client_socket(int receive_buffer)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    if (receive_buffer > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    return fd;
}

static inline int client_dial(int fd, unsigned port)
{
    struct sockaddr_in where = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect(fd, (struct sockaddr *)&where, sizeof(where));
}

static inline void client_connect(struct client *c, struct harness *h)
{
    int fd = client_socket(0);
    ck_assert_int_eq(client_dial(fd, h->port), 0);
    client_adopt(c, h, fd);
}

static inline void client_send(struct client *c, const char *text)
{
    size_t len = strlen(text);
    ck_assert_int_eq(send(c->fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

static inline void client_close(struct client *c)
{
    ev_io_stop(c->harness->loop.ev, &c->reader);
    close(c->fd);
    buffer_release(&c->got);
}

/* C was the only client: nothing of its connection is left. */
static inline void harness_finish(struct harness *h, struct client *c)
{
    client_close(c);
    WAIT_FOR(h, http_server_connections(h->server) == 0);
    ck_assert_uint_eq(h->server->body_bytes, 0);
    harness_stop(h);
}

static inline size_t client_count(const struct client *c, const char *text)
{
    size_t count = 0, len = strlen(text);
    if (!c->got.data)
        return 0;
    const char *at = c->got.data, *end = at + c->got.len;
    while ((at = memmem(at, (size_t)(end - at), text, len)) != NULL) {
        count++;
        at += len;
    }
    return count;
}

static inline bool client_has(const struct client *c, const char *text)
{
    return client_count(c, text) > 0;
}

static inline void client_expect(const struct client *c, const char *text)
{
    ck_assert_msg(client_has(c, text), "\"%s\" is not in:\n%.*s", text, (int)c->got.len,
                  c->got.data ? c->got.data : "");
}

/* The bytes behind the first head. */
static inline struct str client_body(const struct client *c)
{
    const char *end = memmem(c->got.data, c->got.len, "\r\n\r\n", 4);
    ck_assert_ptr_nonnull(end);
    return (struct str){end + 4, c->got.len - (size_t)(end + 4 - c->got.data)};
}

static inline void client_forget(struct client *c)
{
    buffer_reset(&c->got);
}

#endif
