/* base/thread.h - starts a thread that no signal interrupts: signals are the main thread's. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/error.h"
#include <pthread.h>

/* WHAT it is for, for the error. 0 or a negative errno. */
int thread_start(pthread_t *ret_thread, void *(*run)(void *argument), void *argument,
                 const char *what, struct error *err);

#endif
