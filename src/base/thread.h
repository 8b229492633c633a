/* base/thread.h - starts a thread that no signal interrupts: signals are the main thread's; and
 * tells the kernel what a thread is at. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/error.h"
#include <pthread.h>
#include <stdbool.h>

/* WHAT it is for, for the error. 0 or a negative errno. */
int thread_start(pthread_t *ret_thread, void *(*run)(void *argument), void *argument,
                 const char *what, struct error *err);

/* Whether the calling thread works off a backlog, in which nobody waits for a single piece of it:
 * then it takes no core away from who is at work there when it wakes, but has the next one that is
 * free (SCHED_BATCH, sched(7)). A policy that somebody else has given it stays. */
void thread_set_batch(bool batch);

#endif
