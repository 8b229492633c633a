#include "base/thread.h"
#include "unit.h"
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

UNIT_SUITE("base/thread", test_signals_are_the_starters)
