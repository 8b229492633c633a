/* api/internal.h - what the files of this room share: the api itself, and a request on its way to
 * the handler of its resource. */
#ifndef API_INTERNAL_H
#define API_INTERNAL_H

#include "api/accept.h"
#include "api/access.h"
#include "api/api.h"
#include "api/cors.h"
#include "api/counters.h"
#include "api/events_frame.h"
#include "api/heartbeat.h"
#include "api/review.h"
#include "feed/router.h"

/* "streams" and a topic, or one segment too many to be one. */
#define API_SEGMENTS_MAX (2 + TOPIC_SEGMENTS_MAX)

struct events_table;
struct publish_table;

struct api {
    struct loop *loop;
    struct api_context context;
    struct cors cors;
    struct feed_tables tables;
    struct router *router;
    struct heartbeat heartbeat;
    struct review review;
    struct awaiting awaiting;
    struct events_frame_cache frames;
    struct api_counters counters;
    struct events_table *events_table;   /* NULL when the events feed is off */
    struct publish_table *publish_table; /* likewise */
};

struct api_request {
    struct http_exchange *exchange;
    const struct http_request *http;
    struct str segments[API_SEGMENTS_MAX]; /* of the path, percent-decoded one by one */
    size_t segment_count;
    struct access access; /* admitted already */
};

/* One resource each. As of http_handle: respond, now or later, or start a stream. */
void api_health(struct api *api, const struct api_request *request);
void api_streams(struct api *api, const struct api_request *request);
void api_events(struct api *api, const struct api_request *request);
void api_publish(struct api *api, const struct api_request *request);
void api_processed(struct api *api, const struct api_request *request);

void api_respond_text(const struct api_request *request, int status, struct str text);

/* The form in which the client takes events; FORM_NONE: it was answered with 406. */
enum form api_negotiate(const struct api_request *request);

#endif
