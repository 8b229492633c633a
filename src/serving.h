/* serving.h - one serving loop in a thread of its own: listener, connections, subscribers. Started
 * and stopped by the daemon; everything inside runs on its thread. */
#ifndef SERVING_H
#define SERVING_H

#include "api/context.h"
#include "base/error.h"

struct serving;

/* Binds in the caller's thread, so that a busy address is an error here; then runs in its own.
 * INDEX counts the serving loops of the process from 0. */
int serving_start(struct serving **ret_serving, const struct api_context *context, unsigned index,
                  struct error *err);
/* Any thread: accepts no more, ends the streams, then the thread ends by itself. */
void serving_drain(struct serving *serving);
/* Waits for the thread and frees all. NULL is fine. */
void serving_join(struct serving *serving);

#endif
