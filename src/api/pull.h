/* api/pull.h - one answer for what a feed has: `Accept: application/json`.
 *
 * A pull is a feed_stream whose outlet gathers the events in one answer, which is sent
 * - when it is full (limit, bytes),
 * - when everything up to now was read and there is an event, or the client does not wait, or not
 *   any longer,
 * - when reading takes so long that the client should hear how far it came.
 * It is decided at the end of each turn, behind the router: a long poll is answered with all that
 * came in the turn of its first event. Memory: PULL_BYTES and one event for each; nothing while it
 * waits. */
#ifndef API_PULL_H
#define API_PULL_H

#include "api/feed_stream.h"
#include "api/pull_query.h"
#include <ev.h>

#define PULL_BYTES 1048576u /* an answer that has as many takes no further event */

/* The answer will come from a pull; STREAM is zero, and the exchange's from here on. REQUEST must
 * have been looked at already. False as of feed_stream_init(), or when the memory is out: it was
 * answered with 503, STREAM is untouched. */
bool pull_open(struct feed_stream *stream, const struct feed_stream_kind *kind, struct api *api,
               const struct api_request *request, const struct pull_query *query);

/* The client may not wait any longer: it gets what is there. */
void pull_expire(struct feed_stream *stream);
/* Whether STREAM has an event for its answer. */
bool pull_has_events(const struct feed_stream *stream);
/* Instead of events: 410 with BODY, JSON. */
void pull_refuse(struct feed_stream *stream, struct str body);
/* The same for one that was not opened. */
void pull_respond_gone(struct http_exchange *exchange, struct str body);

#endif
