#include "http/server.h"
#include "base/clock.h"
#include "http/listener.h"
#include "http/server_state.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_BYTES_DEFAULT 16384
#define STREAM_BUFFER_DEFAULT 65536
#define BODY_BYTES_DEFAULT 1048576
#define HEAD_TIMEOUT_DEFAULT_MS 15000
#define ROOM_TIMEOUT_DEFAULT_MS 30000
#define LINGER_MS 2000
#define SWEEP_MAX_MS 1000
#define SWEEP_MIN_MS 10

#define ACCEPTS_A_TURN 64 /* a storm of connections must not starve those that are there */

/* --- accepting ----------------------------------------------------------------------------- */

/* Descriptors are the process's: between the moment that a loop gives up its reserve and that it
 * has it again, another loop would take the one that is free, and then there would be none to tell
 * anybody with. Held for one accept() or one farewell. */
static pthread_mutex_t accepting = PTHREAD_MUTEX_INITIALIZER;

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void watch_listeners(struct http_server *server, bool on)
{
    server->accept_paused = !on;
    for (struct link *at = server->listeners.next; at != &server->listeners; at = at->next) {
        struct listener *listener = LIST_ITEM(at, struct listener, link);
        if (on)
            ev_io_start(server->loop->ev, &listener->accept);
        else
            ev_io_stop(server->loop->ev, &listener->accept);
    }
}

/* A descriptor or a negative errno. */
static int accept_next(int listener, struct sockaddr_storage *ret_from)
{
    socklen_t len = sizeof(*ret_from);
    pthread_mutex_lock(&accepting);
    int fd = accept4(listener, (struct sockaddr *)ret_from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int result = fd >= 0 ? fd : -errno;
    pthread_mutex_unlock(&accepting);
    return result;
}

/* There is no descriptor, or no memory, for another connection: the one that waits is turned away
 * with the descriptor kept for this, for it would keep the listener readable and the loop spinning.
 * When even that fails, accepting pauses until the next sweep. False: stop accepting for now. */
static bool turn_away_next(struct http_server *server, int listener)
{
    int fd = -1, error = EMFILE;
    pthread_mutex_lock(&accepting);
    if (server->reserve_fd >= 0) {
        close(server->reserve_fd);
        fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        error = errno;
        if (fd >= 0) {
            http_count(&server->counters.refused_machine);
            admission_turn_away(fd, 503);
        }
        server->reserve_fd = open_reserve();
    }
    pthread_mutex_unlock(&accepting);
    /* The kernel asks for a descriptor before it looks whether anybody waits. */
    if (fd < 0 && error != EAGAIN)
        watch_listeners(server, false);
    return fd >= 0;
}

static void on_acceptable(struct ev_loop *ev, ev_io *accept, int events)
{
    struct http_server *server = accept->data;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage from = {0};
        int fd = accept_next(accept->fd, &from);
        if (fd >= 0) {
            const struct address address = address_of(&from);
            admission_take(server, fd, &address);
            continue;
        }
        if (fd == -EAGAIN)
            return;
        if (fd != -EMFILE && fd != -ENFILE && fd != -ENOBUFS && fd != -ENOMEM)
            continue; /* of one that went away meanwhile: ECONNABORTED and its like */
        if (!turn_away_next(server, accept->fd))
            return;
    }
}

/* --- time ---------------------------------------------------------------------------------- */

static void on_sweep(struct ev_loop *ev, ev_timer *sweep, int events)
{
    struct http_server *server = sweep->data;
    uint64_t now = clock_monotonic_ms();
    for (int kind = 0; kind < DEADLINE_COUNT; kind++) {
        struct link *waiting = &server->waiting[kind];
        while (!list_empty(waiting)) {
            struct connection *first = LIST_ITEM(waiting->next, struct connection, waiting);
            if (first->deadline_ms > now)
                break;
            list_remove(&first->waiting);
            connection_expire(first);
        }
    }
    if (server->accept_paused) {
        if (server->reserve_fd < 0)
            server->reserve_fd = open_reserve();
        watch_listeners(server, true);
    }
}

/* The end of a turn. What is queued meanwhile has its turn after the sockets were looked at. */
static void on_flush(struct loop_hook *hook)
{
    struct http_server *server = LIST_ITEM(hook, struct http_server, flush);
    struct link now;
    list_init(&now);
    list_move_all(&now, &server->pending);
    while (!list_empty(&now)) {
        struct connection *connection = LIST_ITEM(now.next, struct connection, pending);
        list_remove(&connection->pending);
        connection_flush(connection);
    }
}

/* --- life ---------------------------------------------------------------------------------- */

static unsigned room_timeout_ms(const struct http_server_options *options)
{
    return options->room_timeout_ms ? options->room_timeout_ms : ROOM_TIMEOUT_DEFAULT_MS;
}

static struct http_server *server_new(struct loop *loop, const struct http_server_options *options)
{
    struct http_server *server = malloc(sizeof(*server));
    if (!server)
        return NULL;
    *server = (struct http_server){
        .loop = loop,
        .max_connections = options->max_connections,
        .max_head_bytes = options->max_head_bytes ? options->max_head_bytes : HEAD_BYTES_DEFAULT,
        .stream_buffer = options->stream_buffer ? options->stream_buffer : STREAM_BUFFER_DEFAULT,
        .max_body_bytes = options->max_body_bytes ? options->max_body_bytes : BODY_BYTES_DEFAULT,
        .timeout_ms =
            {
                [DEADLINE_REQUEST] =
                    options->head_timeout_ms ? options->head_timeout_ms : HEAD_TIMEOUT_DEFAULT_MS,
                [DEADLINE_ROOM] = room_timeout_ms(options),
                [DEADLINE_PEER] = LINGER_MS,
            },
        .drain_ms = options->drain_ms,
        .proxy_protocol = options->proxy_protocol,
        .clients = options->clients,
        .refuse = options->refuse,
        .flush = {.order = LOOP_ORDER_WRITE, .run = on_flush},
        .reserve_fd = open_reserve(),
    };
    list_init(&server->listeners);
    list_init(&server->connections);
    list_init(&server->undrained);
    list_init(&server->pending);
    for (int kind = 0; kind < DEADLINE_COUNT; kind++)
        list_init(&server->waiting[kind]);
    buffer_init(&server->head, HEAD_BYTES_MAX);
    return server;
}

static void close_listeners(struct http_server *server)
{
    watch_listeners(server, false);
    server->accept_paused = false;
    while (!list_empty(&server->listeners)) {
        struct listener *listener = LIST_ITEM(server->listeners.next, struct listener, link);
        list_remove(&listener->link);
        listener_close(listener);
    }
}

static void release(struct http_server *server)
{
    close_listeners(server);
    if (server->reserve_fd >= 0)
        close(server->reserve_fd);
    buffer_release(&server->head);
    free(server);
}

static void start_watching(struct http_server *server)
{
    struct ev_loop *ev = server->loop->ev;
    for (struct link *at = server->listeners.next; at != &server->listeners; at = at->next) {
        struct listener *listener = LIST_ITEM(at, struct listener, link);
        ev_io_init(&listener->accept, on_acceptable, listener->fd, EV_READ);
        listener->accept.data = server;
    }
    watch_listeners(server, true);
    unsigned period_ms = server->timeout_ms[DEADLINE_REQUEST] / 4;
    if (period_ms > SWEEP_MAX_MS)
        period_ms = SWEEP_MAX_MS;
    if (period_ms < SWEEP_MIN_MS)
        period_ms = SWEEP_MIN_MS;
    ev_timer_init(&server->sweep, on_sweep, period_ms / 1e3, period_ms / 1e3);
    server->sweep.data = server;
    ev_timer_start(ev, &server->sweep);
    loop_hook_add(server->loop, &server->flush);
}

int http_server_start(struct http_server **ret_server, struct loop *loop,
                      const struct http_server_options *options, http_handle handle, void *app,
                      struct error *err)
{
    struct http_server *server = server_new(loop, options);
    if (!server)
        return error_set(err, -ENOMEM, "cannot start the HTTP server: out of memory");
    server->handle = handle;
    server->app = app;
    const struct listener_options how = {
        .exclusive = options->exclusive,
        .user_timeout_ms = server->timeout_ms[DEADLINE_ROOM],
    };
    for (size_t i = 0; i < options->listen_count; i++) {
        int result = listener_open(&server->listeners, options->listen[i], &how, err);
        if (result < 0) {
            release(server);
            return result;
        }
    }
    start_watching(server);
    *ret_server = server;
    return 0;
}

void http_server_drain(struct http_server *server)
{
    if (server->draining)
        return;
    close_listeners(server);
    drain_start(server);
}

bool http_server_drained(const struct http_server *server)
{
    return server->draining && list_empty(&server->undrained);
}

const struct http_counters *http_server_counters(const struct http_server *server)
{
    return &server->counters;
}

size_t http_server_connections(const struct http_server *server)
{
    return server->connection_count;
}

unsigned http_server_port(const struct http_server *server)
{
    for (struct link *at = server->listeners.next; at != &server->listeners; at = at->next) {
        unsigned port = listener_port(LIST_ITEM(at, struct listener, link));
        if (port > 0)
            return port;
    }
    return 0;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    list_move_all(&server->connections, &server->undrained);
    while (!list_empty(&server->connections))
        connection_close(LIST_ITEM(server->connections.next, struct connection, all), "shutdown");
    loop_hook_remove(server->loop, &server->flush);
    ev_timer_stop(server->loop->ev, &server->drain_tick);
    ev_timer_stop(server->loop->ev, &server->sweep);
    release(server);
}
