/* api/feed_stream.h - a response that is fed by a subscriber: what /streams and /events have in
 * common, in each form. It is the sink of its subscriber and hands the events to its outlet: the
 * endless answer of SSE and NDJSON, which has heartbeats, or the one answer of a pull (api/pull.h).
 * SSE says goodbye with a jittered `retry:` when it ends, so that the client comes back.
 *
 * Embedded by the stream of a resource. Lives from feed_stream_open() or pull_open() until the
 * connection is gone or the pull answered; kind->free then frees it. */
#ifndef API_FEED_STREAM_H
#define API_FEED_STREAM_H

#include "api/accept.h"
#include "api/expiry.h"
#include "api/internal.h"

struct feed_stream;
struct pull;
struct places_holder;

struct feed_stream_kind {
    /* As in struct subscriber_ops. */
    void (*push)(struct feed_stream *stream, const struct journal_entry *entry,
                 const struct event *event);
    void (*reset)(struct feed_stream *stream, enum reset_reason reason);
    /* Nothing was written for the configured time, and there is room. */
    void (*heartbeat)(struct feed_stream *stream);
    /* There is room, and no subscriber yet that could fill it. NULL: it always has one. */
    void (*fill)(struct feed_stream *stream);
    /* Of a pull: appends, as JSON, the id after which the next one goes on. ALL_READ: everything up
     * to where the subscriber stands was given; else only the events that were taken count. */
    void (*next)(struct feed_stream *stream, struct buffer *out, bool all_read);
    void (*free)(struct feed_stream *stream);
};

/* Where the events go. */
struct feed_outlet {
    bool (*has_room)(const struct feed_stream *stream);
    void (*want_room)(struct feed_stream *stream);
    bool (*give)(struct feed_stream *stream, struct shared *owner, struct str bytes);
    void (*subscribed)(struct feed_stream *stream); /* NULL: does not care */
    void (*end)(struct feed_stream *stream);
};

struct feed_stream {
    const struct feed_stream_kind *kind;
    const struct feed_outlet *outlet;
    struct api *api;
    enum form form;
    struct http_stream *http; /* NULL for a pull */
    struct pull *pull;        /* NULL for a stream */
    struct subscriber subscriber;
    struct heartbeat_entry heartbeat;
    struct expiry *expiry;       /* NULL: it never expires */
    struct places_holder *place; /* among those of its consumer; NULL: they are not counted */
    bool ended;
};

/* What both ways to open one have in common. False: its consumer has as many as it may, and was
 * answered; STREAM is untouched. */
bool feed_stream_init(struct feed_stream *stream, const struct feed_stream_kind *kind,
                      const struct feed_outlet *outlet, struct api *api,
                      const struct api_request *request, enum form form);
/* And to end one: frees it. */
void feed_stream_free(struct feed_stream *stream);
/* Answers with the head of a stream (FORM_SSE or FORM_NDJSON) and FIRST. STREAM is zero, and the
 * connection's from here on. False as of feed_stream_init(). */
bool feed_stream_open(struct feed_stream *stream, const struct feed_stream_kind *kind,
                      struct api *api, const struct api_request *request, enum form form,
                      struct str first);
/* What lets the client read it ends at AT, seconds since 1970 UTC (0: never): it is told so, and
 * the stream ends. */
void feed_stream_expire_at(struct feed_stream *stream, int64_t at);
/* WANTED and AFTER as in subscriber_start(). When it fails the stream ends. */
void feed_stream_subscribe(struct feed_stream *stream, const struct subscription *wanted,
                           size_t count, const struct position *after);
/* One event in the stream's form: by reference to OWNER, whose bytes they are, or copied (NULL).
 * False when the answer of a pull was full already: it counts for the next one. When the memory is
 * out the connection closes. */
bool feed_stream_give(struct feed_stream *stream, struct shared *owner, struct str bytes);
/* Other text, copied. Not for a pull. */
void feed_stream_write(struct feed_stream *stream, struct str bytes);
/* Puts off the next heartbeat. */
void feed_stream_touch(struct feed_stream *stream);
bool feed_stream_has_room(const struct feed_stream *stream);
/* Asks for kind->fill. */
void feed_stream_want_room(struct feed_stream *stream);
/* The goodbye; a pull is answered with what it has. Nothing is pushed afterwards. May be called
 * twice. */
void feed_stream_end(struct feed_stream *stream);

#endif
