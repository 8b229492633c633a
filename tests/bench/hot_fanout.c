#include "hot_path.h"

#include "api/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TURNS_MAX 1000
#define CHUNK 65536

struct client {
    int fd;
    char last; /* byte that came */
    uint64_t events;
};

/* One serving loop and its subscribers, whose sockets have room for a whole pass: nobody reads
 * while it is measured, and so all are written to in the same way each time. */
struct fanout {
    struct hot_scene *scene;
    struct error *err;
    struct loop loop;
    struct health *health;
    struct api *api;
    struct http_server *server;
    struct sockaddr_un address;
    struct client *clients;
    unsigned count;
    uint64_t events; /* that each should have */
    uint64_t records;
};

static void poke(void *owner)
{
    (void)owner;
}

static int start(struct fanout *f)
{
    static const struct pg_params nowhere = {.url = "host=/nonexistent"};
    char listen[sizeof(f->address.sun_path) + 8];
    const char *const addresses[] = {listen};
    const struct http_server_options options = {.listen = addresses, .listen_count = 1};
    const struct api_context context = {.config = &f->scene->config,
                                        .journal = f->scene->journal,
                                        .health = f->health,
                                        .pg = &nowhere,
                                        .poke = poke};

    f->address.sun_family = AF_UNIX;
    snprintf(f->address.sun_path, sizeof(f->address.sun_path), "%s/socket",
             f->scene->config.journal.path);
    snprintf(listen, sizeof(listen), "unix:%s", f->address.sun_path);
    int rc = api_start(&f->api, &f->loop, &context, f->err);
    if (rc == 0)
        rc = http_server_start(&f->server, &f->loop, &options, api_handle, f->api, f->err);
    return rc;
}

static struct serving_counters counters(const struct fanout *f)
{
    return api_counters(f->api, f->server);
}

/* --- subscribers ------------------------------------------------------------------------------ */

static int subscribe(struct fanout *f, struct client *client)
{
    static const char request[] = "GET /streams/comments HTTP/1.1\r\nHost: bench\r\n\r\n";
    const int room = 1 << 20;

    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (struct sockaddr *)&f->address, sizeof(f->address)) < 0 ||
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) < 0 ||
        send(client->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
        return error_set(f->err, -errno, "a subscriber cannot connect: %s", strerror(errno));
    return 0;
}

static int subscribe_all(struct fanout *f)
{
    f->clients = calloc(f->count, sizeof(*f->clients));
    if (f->clients == NULL)
        return error_set(f->err, -ENOMEM, "no memory for subscribers");
    for (unsigned k = 0; k < f->count; k++)
        f->clients[k].fd = -1;
    for (unsigned k = 0; k < f->count; k++) {
        int rc = subscribe(f, &f->clients[k]);
        if (rc < 0)
            return rc;
        while (counter_read(&counters(f).feed->subscribers) <= k)
            ev_run(f->loop.ev, EVRUN_NOWAIT);
    }
    return 0;
}

/* A frame ends with an empty line; the head of the answer, which has CR, has none such. */
static void read_client(struct client *client)
{
    static char bytes[CHUNK];
    ssize_t got;

    while ((got = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        for (ssize_t at = 0; at < got; client->last = bytes[at++])
            client->events += bytes[at] == '\n' && client->last == '\n';
}

static int check_all(struct fanout *f)
{
    for (unsigned k = 0; k < f->count; k++) {
        read_client(&f->clients[k]);
        if (f->clients[k].events != f->events)
            return error_set(f->err, -EPROTO, "subscriber %u has %llu events, not %llu", k + 1,
                             (unsigned long long)f->clients[k].events,
                             (unsigned long long)f->events);
    }
    return 0;
}

/* --- what is measured ------------------------------------------------------------------------- */

static int deliver(void *owner)
{
    struct fanout *f = owner;

    for (int turn = 0; turn < TURNS_MAX; turn++) {
        if (counter_read(&counters(f).feed->records) >= f->records)
            return 0;
        ev_run(f->loop.ev, EVRUN_NOWAIT);
    }
    return error_set(f->err, -EPROTO, "the router does not read what is there");
}

static int run_pass(struct fanout *f, bool measured)
{
    uint64_t before = f->scene->capture.events;
    int rc = recording_advance(&f->scene->recording, f->err);

    if (rc == 0)
        rc = hot_scene_feed(f->scene, f->err);
    if (rc < 0)
        return rc;
    hot_scene_sync(f->scene);
    f->events += f->scene->capture.events - before;
    f->records += f->scene->capture.events - before;
    rc = measured ? hot_measured(deliver, f) : deliver(f);
    return rc < 0 ? rc : check_all(f);
}

static void stop(struct fanout *f)
{
    for (unsigned k = 0; f->clients != NULL && k < f->count; k++)
        if (f->clients[k].fd >= 0)
            close(f->clients[k].fd);
    free(f->clients);
    if (f->server != NULL)
        http_server_free(f->server);
    api_stop(f->api);
    health_free(f->health);
    loop_release(&f->loop);
}

int hot_fanout(struct hot_scene *scene, unsigned passes, unsigned size, struct error *err)
{
    static struct fanout fanout;
    struct fanout *f = &fanout;

    f->scene = scene;
    f->err = err;
    f->count = size;
    f->health = health_new();
    if (f->health == NULL || loop_init(&f->loop) < 0)
        return error_set(err, -ENOMEM, "no memory for a serving loop");
    int rc = start(f);
    if (rc == 0)
        rc = subscribe_all(f);
    if (rc == 0) {
        f->records = counter_read(&counters(f).feed->records);
        rc = run_pass(f, false);
    }
    for (unsigned pass = 0; pass < passes && rc == 0; pass++)
        rc = run_pass(f, true);
    stop(f);
    return rc;
}
