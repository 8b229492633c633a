/* base/progress.h - something that others wait for has come further, on a thread that does not know
 * them: those who listen are told, and look for themselves. Zeroed it has no listeners. Owns
 * nothing. Thread-safe. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <pthread.h>

struct progress_listener {
    /* On the thread that tells, under a lock: only wake yourself. */
    void (*on_progress)(struct progress_listener *self);
    struct progress_listener *next; /* the progress' */
};

struct progress {
    pthread_mutex_t lock;
    struct progress_listener *listeners;
};

/* What was told before is for the listener to look at now. */
void progress_listen(struct progress *progress, struct progress_listener *listener);
/* Not called any more once this returns. Safe on one that does not listen. */
void progress_unlisten(struct progress *progress, struct progress_listener *listener);
void progress_tell(struct progress *progress);

#endif
