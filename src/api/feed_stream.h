/* api/feed_stream.h - an SSE response that is fed by a subscriber: what /streams and /events have
 * in common. It is the sink of its subscriber, writes heartbeats when they are due, and says
 * goodbye with a jittered `retry:` when it ends, so that the client comes back.
 *
 * Embedded by the stream of a resource. Lives from feed_stream_open() until the connection is gone;
 * kind->free then frees it. */
#ifndef API_FEED_STREAM_H
#define API_FEED_STREAM_H

#include "api/internal.h"

struct feed_stream;

struct feed_stream_kind {
    /* As in struct subscriber_ops. */
    void (*push)(struct feed_stream *stream, const struct journal_entry *entry,
                 const struct event *event);
    void (*reset)(struct feed_stream *stream, enum reset_reason reason);
    /* Nothing was written for the configured time, and there is room. */
    void (*heartbeat)(struct feed_stream *stream);
    /* There is room, and no subscriber yet that could fill it. NULL: it always has one. */
    void (*fill)(struct feed_stream *stream);
    void (*free)(struct feed_stream *stream);
};

struct feed_stream {
    const struct feed_stream_kind *kind;
    struct api *api;
    struct http_stream *http;
    struct subscriber subscriber;
    struct heartbeat_entry heartbeat;
    bool ended;
};

/* Answers with the head of an event stream and FIRST. STREAM is zero, and the connection's from
 * here on. */
void feed_stream_open(struct feed_stream *stream, const struct feed_stream_kind *kind,
                      struct api *api, struct http_exchange *exchange, struct str first);
/* AFTER as in subscriber_start(). When it fails the stream ends. */
void feed_stream_subscribe(struct feed_stream *stream, const struct topic *topic,
                           const struct position *after);
/* Bytes for the client, copied or by reference. When the memory is out the connection closes. */
void feed_stream_write(struct feed_stream *stream, struct str bytes);
void feed_stream_write_shared(struct feed_stream *stream, struct shared *bytes, struct str slice);
/* Puts off the next heartbeat. */
void feed_stream_touch(struct feed_stream *stream);
bool feed_stream_has_room(const struct feed_stream *stream);
/* Asks for kind->fill. */
void feed_stream_want_room(struct feed_stream *stream);
/* The goodbye. Nothing is pushed afterwards. May be called twice. */
void feed_stream_end(struct feed_stream *stream);

#endif
