#include "api/feed_stream.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/sse.h"

#include <stddef.h>

/* A client that is sent away comes back after 1 to 5 s: all at once would be a storm. */
#define RETRY_MIN_MS 1000
#define RETRY_SPREAD_MS 4001
#define RETRY_FRAME_MAX 64

static const struct http_header headers[] = {
    {STR("Content-Type"), STR("text/event-stream")},
    {STR("Cache-Control"), STR("no-cache, no-transform")},
    {STR("X-Accel-Buffering"), STR("no")},
};

/* --- the sink of the subscriber -------------------------------------------------------------- */

static bool sink_has_room(void *owner)
{
    return feed_stream_has_room(owner);
}

static void sink_want_room(void *owner)
{
    feed_stream_want_room(owner);
}

static void sink_push(void *owner, const struct journal_entry *entry, const struct event *event)
{
    struct feed_stream *stream = owner;

    stream->kind->push(stream, entry, event);
}

static void sink_reset(void *owner, enum reset_reason reason)
{
    struct feed_stream *stream = owner;

    stream->kind->reset(stream, reason);
}

static void sink_failed(void *owner, const struct error *why)
{
    log_error("api", "a stream ends: %s", why->text);
    feed_stream_end(owner);
}

static const struct subscriber_ops sink = {
    sink_has_room, sink_want_room, sink_push, sink_reset, sink_failed,
};

/* --- the events of the response -------------------------------------------------------------- */

static void on_fill(void *owner, struct http_stream *http)
{
    struct feed_stream *stream = owner;

    if (stream->ended)
        return;
    if (stream->subscriber.mode != SUBSCRIBER_CLOSED)
        subscriber_resume(&stream->subscriber);
    else if (stream->kind->fill != NULL)
        stream->kind->fill(stream);
}

static void on_drain(void *owner, struct http_stream *http)
{
    feed_stream_end(owner);
}

static void on_closed(void *owner, const char *reason)
{
    struct feed_stream *stream = owner;

    subscriber_close(&stream->subscriber);
    heartbeat_remove(&stream->api->heartbeat, &stream->heartbeat);
    stream->kind->free(stream);
}

static const struct http_stream_events events = {on_fill, on_drain, on_closed};

static void on_due(struct heartbeat_entry *entry)
{
    struct feed_stream *stream =
        (struct feed_stream *)((char *)entry - offsetof(struct feed_stream, heartbeat));

    /* Without room the client has enough to read. */
    if (feed_stream_has_room(stream))
        stream->kind->heartbeat(stream);
}

void feed_stream_open(struct feed_stream *stream, const struct feed_stream_kind *kind,
                      struct api *api, struct http_exchange *exchange, struct str first)
{
    stream->kind = kind;
    stream->api = api;
    stream->subscriber.ops = &sink;
    stream->subscriber.owner = stream;
    stream->heartbeat.on_due = on_due;
    stream->http = http_stream_start(exchange, headers, sizeof(headers) / sizeof(headers[0]), first,
                                     &events, stream);
    feed_stream_touch(stream);
}

void feed_stream_subscribe(struct feed_stream *stream, const struct topic *topic,
                           const struct position *after)
{
    struct error err;

    if (subscriber_start(&stream->subscriber, stream->api->router, topic, after, &err) == 0)
        return;
    log_error("api", "a stream ends: %s", err.text);
    feed_stream_end(stream);
}

/* Failures are not looked at: the connection then closes by itself, and the client comes back. */
void feed_stream_write(struct feed_stream *stream, struct str bytes)
{
    if (!stream->ended)
        (void)http_stream_write(stream->http, bytes);
}

void feed_stream_write_shared(struct feed_stream *stream, struct shared *bytes, struct str slice)
{
    if (!stream->ended)
        (void)http_stream_write_shared(stream->http, bytes, (size_t)(slice.data - bytes->data),
                                       slice.len);
}

void feed_stream_touch(struct feed_stream *stream)
{
    if (!stream->ended)
        heartbeat_touch(&stream->api->heartbeat, &stream->heartbeat);
}

bool feed_stream_has_room(const struct feed_stream *stream)
{
    return http_stream_room(stream->http) > 0;
}

void feed_stream_want_room(struct feed_stream *stream)
{
    http_stream_wake(stream->http);
}

void feed_stream_end(struct feed_stream *stream)
{
    struct buffer frame;

    if (stream->ended)
        return;
    stream->ended = true;
    subscriber_close(&stream->subscriber);
    heartbeat_remove(&stream->api->heartbeat, &stream->heartbeat);
    buffer_init(&frame, RETRY_FRAME_MAX);
    if (sse_retry(&frame, RETRY_MIN_MS + random_u32() % RETRY_SPREAD_MS) == 0)
        http_stream_write(stream->http, buffer_str(&frame));
    buffer_release(&frame);
    http_stream_end(stream->http);
}
