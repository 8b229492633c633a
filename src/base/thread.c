#include "base/thread.h"
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
