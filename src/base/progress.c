#include "base/progress.h"

void progress_listen(struct progress *progress, struct progress_listener *listener)
{
    pthread_mutex_lock(&progress->lock);
    listener->next = progress->listeners;
    progress->listeners = listener;
    pthread_mutex_unlock(&progress->lock);
}

void progress_unlisten(struct progress *progress, struct progress_listener *listener)
{
    pthread_mutex_lock(&progress->lock);
    struct progress_listener **at = &progress->listeners;
    while (*at && *at != listener)
        at = &(*at)->next;
    if (*at)
        *at = listener->next;
    pthread_mutex_unlock(&progress->lock);
}

void progress_tell(struct progress *progress)
{
    pthread_mutex_lock(&progress->lock);
    for (struct progress_listener *at = progress->listeners; at; at = at->next)
        at->on_progress(at);
    pthread_mutex_unlock(&progress->lock);
}
