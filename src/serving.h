/* serving.h - one serving loop in a thread of its own: listener, connections, subscribers. Started
 * and stopped by the daemon; everything inside runs on its thread. */
#ifndef SERVING_H
#define SERVING_H

#include "api/context.h"
#include "api/counters.h"
#include "base/error.h"
#include "base/places.h"

struct serving;

struct serving_options {
    const struct api_context *context;
    unsigned index;         /* counts the serving loops of the process from 0 */
    struct places *clients; /* counted over all loops; borrowed; NULL: no limit */
    /* The loop has ended, after serving_drain() or serving_cut(). On the serving thread. */
    void (*on_ended)(void *owner);
    void *owner;
};

/* Binds in the caller's thread, so that a busy address is an error here; then runs in its own. */
int serving_start(struct serving **ret_serving, const struct serving_options *options,
                  struct error *err);
/* Any thread: accepts no more, ends the streams over http.drain, then the thread ends by itself. */
void serving_drain(struct serving *serving);
/* Any thread: the thread ends now, without goodbyes. */
void serving_cut(struct serving *serving);
bool serving_ended(const struct serving *serving);                       /* any thread */
struct serving_counters serving_counters(const struct serving *serving); /* any thread */
/* Waits for the thread and frees all. NULL is fine. */
void serving_join(struct serving *serving);

#endif
