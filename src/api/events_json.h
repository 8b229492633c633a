/* api/events_json.h - a row of the events table as JSON, for the forms of GET /events that are no
 * event stream. Pure. Owns nothing. */
#ifndef API_EVENTS_JSON_H
#define API_EVENTS_JSON_H

#include "base/buffer.h"

/* Appends {"id":7,"type":"insert","payload":{...}} for the frame (api/events_frame.h) that has the
 * row. An id that is no integer becomes a string; a frame without a type has null. 0 or OUT's
 * failure. */
int events_json(struct buffer *out, struct str frame);

#endif
