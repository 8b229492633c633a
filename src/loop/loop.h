/* loop/loop.h - libev with the three things that every room needs on top: an ordered end of a turn,
 * memory that is freed only then, and a wake-up from other threads.
 *
 * One loop belongs to one thread. Only loop_wake() may be called from others. The struct ev_loop is
 * open: rooms start their own ev_io and ev_timer on loop->ev.
 *
 * The end of a turn is one pass over the hooks, then the frees. Work that a later stage makes for
 * an earlier one waits for the next pass: loop_again() sees to it that the loop polls without
 * sleeping and comes back, so that nothing is forgotten and sockets are not starved either. The
 * loop asks by itself when something was closed (loop_defer_free) or hooked in (loop_hook_add)
 * while a pass was under way. Includes nothing of ours but the base room. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

/* What runs at the end of every turn, before the loop sleeps, in ascending ORDER. */
enum loop_order {
    LOOP_ORDER_FEED,    /* hand new events to subscribers; before they are written */
    LOOP_ORDER_WRITE,   /* one writev a connection; before what closed is freed */
    LOOP_ORDER_JOURNAL, /* hand what was appended to the writer */
    LOOP_ORDER_FREE,    /* free what closed itself in this turn: the loop's own, always last */
};

struct loop_hook {
    enum loop_order order;
    void (*run)(struct loop_hook *self);
    struct loop_hook *next; /* the loop's */
};

struct loop_deferred {
    void (*free)(struct loop_deferred *self);
    struct loop_deferred *next; /* the loop's */
};

struct loop_wakeup {
    ev_async async; /* the loop's */
    void (*on_wake)(
        struct loop_wakeup *self); /* on the loop's thread; several wakes may be one call */
};

struct loop {
    struct ev_loop *ev;
    /* The rest is the loop's own. */
    ev_prepare prepare;
    ev_idle idle; /* active: do not sleep, there is work for another pass */
    struct loop_hook *hooks;
    struct loop_hook *upcoming; /* of the pass under way */
    struct loop_deferred *deferred;
    struct loop_deferred **deferred_tail;
    bool in_pass;
    bool again;
    uint64_t pass_ms; /* when the pass began */
};

int loop_init(struct loop *loop); /* 0 or -ENOMEM */
void loop_release(struct loop *loop);
void loop_run(struct loop *loop);  /* until loop_stop(), then one last pass over the hooks */
void loop_stop(struct loop *loop); /* from a callback of this loop */

/* clock_monotonic_ms(), in a hook as of the begin of the pass: for what each of many subscribers
 * asks. */
uint64_t loop_now_ms(const struct loop *loop);

void loop_hook_add(struct loop *loop, struct loop_hook *hook);
/* Safe from any hook, also of itself: a removed hook does not run any more. */
void loop_hook_remove(struct loop *loop, struct loop_hook *hook);
/* Runs the hooks once more before the loop sleeps. For a hook that made work for an earlier stage.
 */
void loop_again(struct loop *loop);
/* HOOK has something to do: it runs before the loop sleeps, in this pass if its turn is still to
 * come. */
void loop_hook_want(struct loop *loop, const struct loop_hook *hook);

/* Calls deferred->free at the end of this turn, in the order of the calls. Once an object. */
void loop_defer_free(struct loop *loop, struct loop_deferred *deferred);

void loop_wakeup_start(struct loop *loop, struct loop_wakeup *wakeup);
void loop_wakeup_stop(struct loop *loop, struct loop_wakeup *wakeup);
void loop_wake(struct loop *loop, struct loop_wakeup *wakeup); /* any thread */

#endif
