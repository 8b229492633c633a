#include "loop/loop.h"
#include "base/clock.h"
#include <assert.h>
#include <errno.h>
#include <stddef.h>

static void run_hooks(struct loop *loop)
{
    loop->upcoming = loop->hooks;
    while (loop->upcoming) {
        struct loop_hook *hook = loop->upcoming;
        loop->upcoming = hook->next;
        hook->run(hook);
    }
}

/* A free may defer another one: taken from the head until there is none. */
static void run_deferred(struct loop *loop)
{
    while (loop->deferred) {
        struct loop_deferred *deferred = loop->deferred;
        loop->deferred = deferred->next;
        if (!loop->deferred)
            loop->deferred_tail = &loop->deferred;
        deferred->free(deferred);
    }
}

static void end_turn(struct loop *loop)
{
    loop->again = false;
    loop->in_pass = true;
    loop->pass_ms = clock_monotonic_ms();
    run_hooks(loop);
    run_deferred(loop);
    loop->in_pass = false;
}

/* libev invokes prepare watchers right before it computes how long it may sleep, and an active idle
 * watcher makes that zero. */
static void on_prepare(struct ev_loop *ev, ev_prepare *prepare, int events)
{
    struct loop *loop = prepare->data;
    end_turn(loop);
    if (loop->again)
        ev_idle_start(ev, &loop->idle);
    else
        ev_idle_stop(ev, &loop->idle);
}

static void on_idle(struct ev_loop *ev, ev_idle *idle, int events)
{
}

int loop_init(struct loop *loop)
{
    /* NOSIGMASK: with threads around, signal masks are for those who start the threads to decide.
     */
    struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOSIGMASK);
    if (!ev)
        return -ENOMEM;
    *loop = (struct loop){.ev = ev};
    loop->deferred_tail = &loop->deferred;
    ev_prepare_init(&loop->prepare, on_prepare);
    ev_set_priority(&loop->prepare, EV_MINPRI);
    loop->prepare.data = loop;
    ev_prepare_start(ev, &loop->prepare);
    ev_idle_init(&loop->idle, on_idle);
    return 0;
}

void loop_release(struct loop *loop)
{
    if (!loop->ev)
        return;
    run_deferred(loop);
    ev_idle_stop(loop->ev, &loop->idle);
    ev_prepare_stop(loop->ev, &loop->prepare);
    ev_loop_destroy(loop->ev);
    *loop = (struct loop){0};
}

void loop_run(struct loop *loop)
{
    ev_run(loop->ev, 0);
    /* libev leaves before the prepare watchers: what the last callbacks did has its end of turn
     * here. */
    end_turn(loop);
}

void loop_stop(struct loop *loop)
{
    ev_break(loop->ev, EVBREAK_ALL);
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->in_pass ? loop->pass_ms : clock_monotonic_ms();
}

void loop_hook_add(struct loop *loop, struct loop_hook *hook)
{
    assert(hook->order < LOOP_ORDER_FREE);
    struct loop_hook **at = &loop->hooks;
    while (*at && (*at)->order <= hook->order)
        at = &(*at)->next;
    hook->next = *at;
    *at = hook;
    if (loop->in_pass)
        loop->again = true;
}

void loop_hook_remove(struct loop *loop, struct loop_hook *hook)
{
    for (struct loop_hook **at = &loop->hooks; *at; at = &(*at)->next) {
        if (*at != hook)
            continue;
        *at = hook->next;
        if (loop->upcoming == hook)
            loop->upcoming = hook->next;
        hook->next = NULL;
        return;
    }
}

void loop_again(struct loop *loop)
{
    loop->again = true;
}

void loop_hook_want(struct loop *loop, const struct loop_hook *hook)
{
    const struct loop_hook *next = loop->upcoming;
    while (next && next != hook)
        next = next->next;
    if (loop->in_pass && !next)
        loop->again = true;
}

void loop_defer_free(struct loop *loop, struct loop_deferred *deferred)
{
    deferred->next = NULL;
    *loop->deferred_tail = deferred;
    loop->deferred_tail = &deferred->next;
    if (loop->in_pass)
        loop->again = true;
}

static void on_async(struct ev_loop *ev, ev_async *async, int events)
{
    struct loop_wakeup *wakeup = async->data;
    wakeup->on_wake(wakeup);
}

void loop_wakeup_start(struct loop *loop, struct loop_wakeup *wakeup)
{
    ev_async_init(&wakeup->async, on_async);
    wakeup->async.data = wakeup;
    ev_async_start(loop->ev, &wakeup->async);
}

void loop_wakeup_stop(struct loop *loop, struct loop_wakeup *wakeup)
{
    ev_async_stop(loop->ev, &wakeup->async);
}

void loop_wake(struct loop *loop, struct loop_wakeup *wakeup)
{
    ev_async_send(loop->ev, &wakeup->async);
}
