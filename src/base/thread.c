#include "base/thread.h"
#include <sched.h>
#include <signal.h>
#include <string.h>

int thread_start(pthread_t *ret_thread, void *(*run)(void *argument), void *argument,
                 const char *what, struct error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(ret_thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? 0
                   : error_set(err, -rc, "no thread %s: %s; look at the limits of the machine",
                               what, strerrordesc_np(rc));
}

void thread_set_batch(bool batch)
{
    static _Thread_local bool is_batch; /* and by us */
    const struct sched_param none = {0};

    if (batch == is_batch || (batch && sched_getscheduler(0) != SCHED_OTHER))
        return;
    is_batch = sched_setscheduler(0, batch ? SCHED_BATCH : SCHED_OTHER, &none) == 0 && batch;
}
