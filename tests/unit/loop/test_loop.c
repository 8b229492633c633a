#include "loop/loop.h"
#include "unit.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* What ran, one letter an occurrence. */
static char trace[64];

static void note(char letter)
{
    size_t len = strlen(trace);
    ck_assert_uint_lt(len + 1, sizeof(trace));
    trace[len] = letter;
    trace[len + 1] = '\0';
}

struct step {
    struct loop_hook hook;
    struct loop *loop;
    char letter;
    int again;             /* asks for that many further passes */
    struct step *wants;    /* to run when this one has */
    struct step *add;      /* hooked in when this one runs */
    struct step *remove;   /* unhooked when this one runs */
    struct object *closes; /* deferred when this one runs */
};

struct object {
    struct loop_deferred deferred;
    struct loop *loop;
    char letter;
    struct object *closes;
};

static void object_free(struct loop_deferred *deferred)
{
    struct object *object = (struct object *)deferred;
    note(object->letter);
    if (object->closes)
        loop_defer_free(object->loop, &object->closes->deferred);
}

static void step_run(struct loop_hook *hook)
{
    struct step *step = (struct step *)hook;
    note(step->letter);
    if (step->again > 0) {
        step->again--;
        loop_again(step->loop);
    }
    if (step->wants)
        loop_hook_want(step->loop, &step->wants->hook);
    step->wants = NULL;
    if (step->add)
        loop_hook_add(step->loop, &step->add->hook);
    step->add = NULL;
    if (step->remove)
        loop_hook_remove(step->loop, &step->remove->hook);
    step->remove = NULL;
    if (step->closes)
        loop_defer_free(step->loop, &step->closes->deferred);
    step->closes = NULL;
}

static struct step step_of(struct loop *loop, enum loop_order order, char letter)
{
    return (struct step){.hook = {.order = order, .run = step_run}, .loop = loop, .letter = letter};
}

static struct object object_of(struct loop *loop, char letter)
{
    return (struct object){.deferred = {.free = object_free}, .loop = loop, .letter = letter};
}

static void on_stop_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    note('!');
    loop_stop(timer->data);
}

/* Runs LOOP until it has slept once: a timer that is due only after a sleep stops it. */
static void run_until_slept(struct loop *loop)
{
    ev_timer timer;
    ev_timer_init(&timer, on_stop_timer, 0.02, 0.);
    timer.data = loop;
    ev_timer_start(loop->ev, &timer);
    trace[0] = '\0';
    loop_run(loop);
}

static char *until_slept(struct loop *loop)
{
    run_until_slept(loop);
    *strchr(trace, '!') = '\0';
    return trace;
}

START_TEST(test_hooks_run_in_order_and_stable)
{
    struct loop loop;
    ck_assert_int_eq(loop_init(&loop), 0);
    struct step journal = step_of(&loop, LOOP_ORDER_JOURNAL, 'j');
    struct step feed1 = step_of(&loop, LOOP_ORDER_FEED, '1');
    struct step write = step_of(&loop, LOOP_ORDER_WRITE, 'w');
    struct step feed2 = step_of(&loop, LOOP_ORDER_FEED, '2');
    struct object object = object_of(&loop, 'f');
    feed1.closes = &object;
    loop_hook_add(&loop, &journal.hook);
    loop_hook_add(&loop, &feed1.hook);
    loop_hook_add(&loop, &write.hook);
    loop_hook_add(&loop, &feed2.hook);
    /* The close during the pass asks for one more. */
    ck_assert_str_eq(until_slept(&loop), "12wjf12wj");
    loop_release(&loop);
}
END_TEST

START_TEST(test_a_wanted_hook_runs_before_sleep_and_no_pass_is_for_nothing)
{
    struct loop loop;
    ck_assert_int_eq(loop_init(&loop), 0);
    struct step feed = step_of(&loop, LOOP_ORDER_FEED, 'a');
    struct step write = step_of(&loop, LOOP_ORDER_WRITE, 'b');
    loop_hook_add(&loop, &feed.hook);
    loop_hook_add(&loop, &write.hook);
    feed.wants = &write;
    ck_assert_str_eq(until_slept(&loop), "ab");
    write.wants = &feed;
    ck_assert_str_eq(until_slept(&loop), "abab");
    write.wants = &write;
    ck_assert_str_eq(until_slept(&loop), "abab");
    loop_hook_want(&loop, &feed.hook); /* outside of a pass: the next one comes anyway */
    ck_assert_str_eq(until_slept(&loop), "ab");
    loop_release(&loop);
}
END_TEST

START_TEST(test_work_for_an_earlier_stage_is_done_before_sleep)
{
    struct loop loop;
    ck_assert_int_eq(loop_init(&loop), 0);
    struct step feed = step_of(&loop, LOOP_ORDER_FEED, 'a');
    struct step write = step_of(&loop, LOOP_ORDER_WRITE, 'b');
    write.again = 2;
    loop_hook_add(&loop, &feed.hook);
    loop_hook_add(&loop, &write.hook);
    ck_assert_str_eq(until_slept(&loop), "ababab");
    /* And no more than asked for: the loop sleeps. */
    ck_assert_str_eq(until_slept(&loop), "ab");
    loop_release(&loop);
}
END_TEST

START_TEST(test_a_busy_hook_does_not_starve_events)
{
    struct loop loop;
    ck_assert_int_eq(loop_init(&loop), 0);
    struct step hook = step_of(&loop, LOOP_ORDER_FEED, 'a');
    hook.again = 3;
    loop_hook_add(&loop, &hook.hook);
    ev_timer timer;
    ev_timer_init(&timer, on_stop_timer, 0., 0.);
    timer.data = &loop;
    ev_timer_start(loop.ev, &timer);
    trace[0] = '\0';
    loop_run(&loop);
    /* The timer that is due fires after one pass; the last pass follows the stop. */
    ck_assert_str_eq(trace, "a!a");
    loop_release(&loop);
}
END_TEST

START_TEST(test_frees_run_last_and_drain)
{
    struct loop loop;
    ck_assert_int_eq(loop_init(&loop), 0);
    struct step journal = step_of(&loop, LOOP_ORDER_JOURNAL, 'j');
    struct object x = object_of(&loop, 'x');
    struct object y = object_of(&loop, 'y');
    struct object z = object_of(&loop, 'z');
    x.closes = &z;
    loop_hook_add(&loop, &journal.hook);
    loop_defer_free(&loop, &x.deferred);
    loop_defer_free(&loop, &y.deferred);
    ck_assert_str_eq(until_slept(&loop), "jxyzj");
    loop_release(&loop);
}
END_TEST

START_TEST(test_hooks_come_and_go_during_a_pass)
{
    struct loop loop;
    ck_assert_int_eq(loop_init(&loop), 0);
    struct step a = step_of(&loop, LOOP_ORDER_FEED, 'a');
    struct step b = step_of(&loop, LOOP_ORDER_WRITE, 'b');
    struct step c = step_of(&loop, LOOP_ORDER_JOURNAL, 'c');
    struct step early = step_of(&loop, LOOP_ORDER_FEED, 'e');
    a.remove = &b; /* the next to run */
    c.add = &early;
    loop_hook_add(&loop, &a.hook);
    loop_hook_add(&loop, &b.hook);
    loop_hook_add(&loop, &c.hook);
    ck_assert_str_eq(until_slept(&loop), "acaec");
    c.remove = &c; /* itself */
    ck_assert_str_eq(until_slept(&loop), "aec");
    ck_assert_str_eq(until_slept(&loop), "ae");
    loop_hook_remove(&loop, &b.hook); /* not there: nothing happens */
    loop_release(&loop);
}
END_TEST

START_TEST(test_the_last_turn_has_its_end)
{
    struct loop loop;
    ck_assert_int_eq(loop_init(&loop), 0);
    struct step journal = step_of(&loop, LOOP_ORDER_JOURNAL, 'j');
    loop_hook_add(&loop, &journal.hook);
    run_until_slept(&loop);
    ck_assert_str_eq(trace, "j!j");
    struct object object = object_of(&loop, 'f');
    loop_defer_free(&loop, &object.deferred);
    loop_release(&loop);
    ck_assert_str_eq(trace, "j!jf");
}
END_TEST

enum { WAKES = 1000 };

struct mailbox {
    struct loop_wakeup wakeup;
    struct loop *loop;
    atomic_int sent;
    int calls;
};

static void on_wake(struct loop_wakeup *wakeup)
{
    struct mailbox *box = (struct mailbox *)wakeup;
    box->calls++;
    if (atomic_load(&box->sent) == WAKES)
        loop_stop(box->loop);
}

static void *sender(void *argument)
{
    struct mailbox *box = argument;
    for (int i = 0; i < WAKES; i++) {
        atomic_fetch_add(&box->sent, 1);
        loop_wake(box->loop, &box->wakeup);
    }
    return NULL;
}

START_TEST(test_wake_from_another_thread_is_never_lost)
{
    struct loop loop;
    ck_assert_int_eq(loop_init(&loop), 0);
    struct mailbox box = {.wakeup = {.on_wake = on_wake}, .loop = &loop};
    loop_wakeup_start(&loop, &box.wakeup);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, sender, &box), 0);
    loop_run(&loop); /* ends only when the last wake arrived */
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_ge(box.calls, 1);
    ck_assert_int_le(box.calls, WAKES);
    loop_wakeup_stop(&loop, &box.wakeup);
    loop_release(&loop);
}
END_TEST

UNIT_SUITE("loop/loop", test_hooks_run_in_order_and_stable,
           test_a_wanted_hook_runs_before_sleep_and_no_pass_is_for_nothing,
           test_work_for_an_earlier_stage_is_done_before_sleep,
           test_a_busy_hook_does_not_starve_events, test_frees_run_last_and_drain,
           test_hooks_come_and_go_during_a_pass, test_the_last_turn_has_its_end,
           test_wake_from_another_thread_is_never_lost)
