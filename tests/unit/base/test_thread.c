#include "base/thread.h"
#include "unit.h"
#include <sched.h>
#include <signal.h>

static void *look_at_mask(void *argument)
{
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, argument), 0);
    return NULL;
}

START_TEST(test_signals_are_the_starters)
{
    struct error err = {0};
    pthread_t thread;
    sigset_t of_thread, own;

    ck_assert_int_eq(thread_start(&thread, look_at_mask, &of_thread, "to look", &err), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &own), 0);
    ck_assert_int_eq(sigismember(&of_thread, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&of_thread, SIGHUP), 1);
    ck_assert_int_eq(sigismember(&own, SIGTERM), 0);
}
END_TEST

/* ARGUMENT: the policy that the thread has before. */
static void *set_batch_and_back(void *argument)
{
    const int *before = argument;
    const struct sched_param none = {0};

    ck_assert_int_eq(sched_setscheduler(0, *before, &none), 0);
    thread_set_batch(true);
    ck_assert_int_eq(sched_getscheduler(0), SCHED_BATCH);
    thread_set_batch(true);
    thread_set_batch(false);
    ck_assert_int_eq(sched_getscheduler(0), *before);
    return NULL;
}

static void run_with_policy(int policy)
{
    struct error err = {0};
    pthread_t thread;

    ck_assert_int_eq(thread_start(&thread, set_batch_and_back, &policy, "to set", &err), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

START_TEST(test_batch_is_for_a_time)
{
    run_with_policy(SCHED_OTHER);
}
END_TEST

START_TEST(test_a_policy_that_was_given_stays)
{
    run_with_policy(SCHED_BATCH);
}
END_TEST

UNIT_SUITE("base/thread", test_signals_are_the_starters, test_batch_is_for_a_time,
           test_a_policy_that_was_given_stays)
