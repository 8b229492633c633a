/* api/events_frame.h - a row of the events table as the frame that GET /events sends:
 * `id:` the row's id, `event:` its type, `data:` its payload. Pure, but for the cache, which owns
 * what it holds. */
#ifndef API_EVENTS_FRAME_H
#define API_EVENTS_FRAME_H

#include "base/buffer.h"
#include "base/shared.h"
#include "config/config.h"
#include "event/id.h"
#include <walpiper/event.h>

/* Appends the frame of a row as queried. PAYLOAD is JSON text, also when it is `null`. A line end
 * in the id or type becomes a space: SSE has no way to carry it. 0, -ENOMEM, -EMSGSIZE, or -EINVAL
 * for a payload that is no JSON. */
int events_frame_row(struct buffer *out, struct str id, struct str type, struct str payload);

/* The integer in the id column of an insert into the events table; false when it is none. */
bool events_frame_id(const struct config *config, const struct event *event, int64_t *ret_id);

/* All subscribers of a consumer get an event one after the other: its frame is made for the first
 * one and kept until the next event. */
struct events_frame_cache {
    char id[EVENT_ID_MAX]; /* of the event */
    struct shared *frame;
};

/* The frame of EVENT, an insert into the events table. Borrowed from the cache until its next call.
 * NULL when the memory is out. */
struct shared *events_frame_get(struct events_frame_cache *cache, const struct config *config,
                                const struct event *event);
void events_frame_cache_release(struct events_frame_cache *cache);

#endif
