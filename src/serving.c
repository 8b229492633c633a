#include "serving.h"
#include "api/api.h"
#include "api/refuse.h"
#include "base/log.h"
#include "base/thread.h"
#include "http/server.h"
#include "loop/loop.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Subscribers that do not take their goodbye within this time are cut off. */
#define GOODBYE_SECONDS 5.
#define DRAIN_LOOK_SECONDS 0.02

struct serving {
    pthread_t thread;
    struct loop loop;
    struct api *api;
    struct http_server *server;
    struct serving_options options;
    struct loop_wakeup drain, cut;
    ev_timer look;   /* while draining: are all gone? */
    double deadline; /* of the last goodbye; 0: it is not said yet */
    atomic_bool ended;
};

static void on_look(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct serving *s = timer->data;
    (void)events;
    if (s->deadline == 0. && http_server_drained(s->server))
        s->deadline = ev_now(ev) + GOODBYE_SECONDS;
    if (http_server_connections(s->server) == 0 || (s->deadline > 0. && ev_now(ev) >= s->deadline))
        loop_stop(&s->loop);
}

static void on_drain(struct loop_wakeup *wakeup)
{
    struct serving *s = (struct serving *)((char *)wakeup - offsetof(struct serving, drain));
    if (ev_is_active(&s->look))
        return;
    http_server_drain(s->server);
    ev_timer_start(s->loop.ev, &s->look);
}

static void on_cut(struct loop_wakeup *wakeup)
{
    struct serving *s = (struct serving *)((char *)wakeup - offsetof(struct serving, cut));
    loop_stop(&s->loop);
}

static void *serving_thread(void *argument)
{
    struct serving *s = argument;
    /* For top -H, and whoever measures. */
    pthread_setname_np(pthread_self(), "serving");
    loop_run(&s->loop);
    atomic_store(&s->ended, true);
    s->options.on_ended(s->options.owner);
    return NULL;
}

static void serving_free(struct serving *s)
{
    http_server_free(s->server);
    api_stop(s->api);
    loop_wakeup_stop(&s->loop, &s->drain);
    loop_wakeup_stop(&s->loop, &s->cut);
    ev_timer_stop(s->loop.ev, &s->look);
    loop_release(&s->loop);
    free(s);
}

/* Several loops share a TCP address; the file of a unix socket belongs to the first. */
static size_t choose_listeners(const struct config *config, unsigned index, const char **listen)
{
    size_t count = 0;
    for (size_t i = 0; i < config->http.listen_count; i++)
        if (index == 0 || strncmp(config->http.listen[i].text, "unix:", 5) != 0)
            listen[count++] = config->http.listen[i].text;
    return count;
}

static int start_server(struct serving *s, struct error *err)
{
    const struct config *config = s->options.context->config;
    unsigned index = s->options.index;
    const char **listen = calloc(config->http.listen_count, sizeof(*listen));
    if (!listen)
        return error_set(err, -ENOMEM, "no memory for a listener");
    const struct http_server_options options = {
        .listen = listen,
        .listen_count = choose_listeners(config, index, listen),
        .exclusive = index == 0,
        .max_connections =
            (config->http.max_connections + config->http.threads - 1) / config->http.threads,
        .clients = s->options.clients,
        .refuse = api_refuse,
        .proxy_protocol = config->http.proxy_protocol,
        .max_head_bytes = config->http.max_head,
        .head_timeout_ms = config->http.request_timeout_ms,
        .room_timeout_ms = config->http.stall_timeout_ms,
        .drain_ms = config->http.drain_ms,
    };
    int rc = http_server_start(&s->server, &s->loop, &options, api_handle, s->api, err);
    free(listen);
    return rc;
}

int serving_start(struct serving **ret_serving, const struct serving_options *options,
                  struct error *err)
{
    struct serving *s = calloc(1, sizeof(*s));
    if (!s || loop_init(&s->loop) < 0) {
        free(s);
        return error_set(err, -ENOMEM, "no memory for a serving loop");
    }
    s->options = *options;
    s->drain.on_wake = on_drain;
    s->cut.on_wake = on_cut;
    loop_wakeup_start(&s->loop, &s->drain);
    loop_wakeup_start(&s->loop, &s->cut);
    ev_timer_init(&s->look, on_look, DRAIN_LOOK_SECONDS, DRAIN_LOOK_SECONDS);
    s->look.data = s;
    int rc = api_start(&s->api, &s->loop, options->context, err);
    if (rc == 0)
        rc = start_server(s, err);
    if (rc == 0)
        rc = thread_start(&s->thread, serving_thread, s, "to serve", err);
    if (rc < 0) {
        serving_free(s);
        return rc;
    }
    *ret_serving = s;
    return 0;
}

void serving_drain(struct serving *s)
{
    loop_wake(&s->loop, &s->drain);
}

void serving_cut(struct serving *s)
{
    loop_wake(&s->loop, &s->cut);
}

bool serving_ended(const struct serving *s)
{
    return atomic_load(&s->ended);
}

struct serving_counters serving_counters(const struct serving *s)
{
    return api_counters(s->api, s->server);
}

void serving_join(struct serving *s)
{
    if (!s)
        return;
    pthread_join(s->thread, NULL);
    serving_free(s);
}
