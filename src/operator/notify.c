#include "operator/notify.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "loop/child.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 5000
#define TIMEOUT_MS 10000
#define TRIES 4
#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 4000

struct notify {
    struct loop *loop;
    const struct config_operator *op;
    struct web_client *web;
    char name[96];     /* "operator NAME", in log lines */
    const char *place; /* who is told, as it may be shown */

    struct notices notices; /* the first one is being told */
    bool busy;
    ev_timer next;               /* begins to tell the first */
    struct web_request *request; /* under way, as child; NULL: none */
    struct child child;
    struct backoff backoff; /* of the first */

    bool halted;
    char trouble[ERROR_TEXT_MAX]; /* the last one of the operator that was told */
};

/* --- telling --------------------------------------------------------------------------------- */

static void tell_first_in(struct notify *n, unsigned delay_ms)
{
    n->busy = true;
    ev_timer_set(&n->next, delay_ms / 1000., 0.);
    ev_timer_start(n->loop->ev, &n->next);
}

/* When nothing waits any more, one line says what did not fit meanwhile. */
static void tell_next(struct notify *n)
{
    if (n->busy)
        return;
    if (n->notices.first) {
        tell_first_in(n, 0);
        return;
    }
    if (n->notices.dropped > 0)
        log_warn(n->name,
                 "%u failures were not told to %s: %d were waiting already, or memory was out; the "
                 "log and the parked ids have them",
                 n->notices.dropped, n->place, NOTICES_MAX);
    n->notices.dropped = 0;
}

/* The first was told, or is given up. */
static void go_on(struct notify *n)
{
    notices_remove_first(&n->notices);
    backoff_reset(&n->backoff);
    n->busy = false;
    tell_next(n);
}

static void given_up(struct notify *n, const char *why)
{
    log_warn(n->name, "a failure could not be told to %s: %s", n->place, why);
    go_on(n);
}

static void on_answered(void *owner, unsigned status, const struct error *why)
{
    struct notify *n = owner;
    char text[64];
    n->request = NULL;
    if (web_succeeded(status)) {
        go_on(n);
    } else if (web_may_succeed_later(status) && n->backoff.attempts + 1 < TRIES) {
        tell_first_in(n, backoff_next(&n->backoff, random_u32()));
    } else {
        snprintf(text, sizeof(text), "it answered with status %u", status);
        given_up(n, why ? why->text : text);
    }
}

/* What a command may do again, it does itself: it is not tried again. */
static void on_ended(struct child *child, const struct error *why)
{
    struct notify *n = (struct notify *)((char *)child - offsetof(struct notify, child));
    if (why) {
        given_up(n, why->text);
        return;
    }
    if (child->line[0])
        log_info(n->name, "%s says: %s", n->place, child->line);
    go_on(n);
}

static int post_first(struct notify *n, struct error *err)
{
    const struct web_post post = {
        .url = n->op->notify.url,
        .content_type = "application/json",
        .body = notices_first(&n->notices),
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .timeout_ms = TIMEOUT_MS,
        .on_done = on_answered,
        .owner = n,
    };
    return web_post(&n->request, n->web, &post, err);
}

static void on_next(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct notify *n = timer->data;
    struct error err = {0};
    int rc = n->op->notify.url
                 ? post_first(n, &err)
                 : child_start(&n->child, n->op->notify.command, notices_first(&n->notices), &err);
    if (rc < 0)
        given_up(n, err.text);
}

/* --- what is told ---------------------------------------------------------------------------- */

void notify_tell(struct notify *n, const struct notice *notice)
{
    if (!n)
        return;
    notices_add(&n->notices, notice);
    tell_next(n);
}

void notify_trouble(struct notify *n, const struct error *why, uint64_t again_ms)
{
    if (!n || n->halted || strcmp(n->trouble, why->text) == 0)
        return;
    n->halted = again_ms == 0;
    snprintf(n->trouble, sizeof(n->trouble), "%s", why->text);
    notify_tell(n, &(struct notice){
                       .operator= n->op->name,
                       .error = why->text,
                       .sqlstate = why->sqlstate,
                       .next_us = again_ms > 0 ? clock_wall_us() + (int64_t)again_ms * 1000 : 0,
                   });
}

void notify_recovered(struct notify *n)
{
    if (!n)
        return;
    n->halted = false;
    n->trouble[0] = '\0';
}

/* --- life ------------------------------------------------------------------------------------ */

struct notify *notify_new(struct loop *loop, const struct config_operator *op,
                          struct web_client *web)
{
    struct notify *n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    n->loop = loop;
    n->op = op;
    n->web = web;
    n->place = op->notify.url ? op->notify.origin : op->notify.command[0];
    snprintf(n->name, sizeof(n->name), "operator %s", op->name);
    n->backoff =
        (struct backoff){.min_ms = BACKOFF_MIN_MS, .max_ms = BACKOFF_MAX_MS, .multiplicator = 2};
    n->child.loop = loop;
    n->child.timeout_ms = TIMEOUT_MS;
    n->child.on_end = on_ended;
    ev_timer_init(&n->next, on_next, 0., 0.);
    n->next.data = n;
    return n;
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    if (n->notices.count + n->notices.dropped > 0)
        log_warn(n->name, "%zu failures are not told to %s: the service stops",
                 n->notices.count + n->notices.dropped, n->place);
    ev_timer_stop(n->loop->ev, &n->next);
    if (n->request)
        web_cancel(n->request);
    child_kill(&n->child);
    notices_clear(&n->notices);
    free(n);
}
