#include "api/feed_stream.h"

#include "api/pull.h"
#include "api/refuse.h"
#include "api/retry.h"
#include "base/log.h"
#include "base/places.h"

#include <stddef.h>

#define RETRY_FRAME_MAX 64

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

    heartbeat_remove(&stream->api->heartbeat, &stream->heartbeat);
    feed_stream_free(stream);
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

/* --- the outlet of a stream ------------------------------------------------------------------ */

static bool stream_has_room(const struct feed_stream *stream)
{
    return http_stream_room(stream->http) > 0;
}

static void stream_want_room(struct feed_stream *stream)
{
    http_stream_wake(stream->http);
}

/* Failures are not looked at: the connection then closes by itself, and the client comes back. */
static bool stream_give(struct feed_stream *stream, struct shared *owner, struct str bytes)
{
    if (owner != NULL)
        (void)http_stream_write_shared(stream->http, owner, (size_t)(bytes.data - owner->data),
                                       bytes.len);
    else
        (void)http_stream_write(stream->http, bytes);
    feed_stream_touch(stream);
    return true;
}

static void stream_end(struct feed_stream *stream)
{
    struct buffer frame;

    stream->ended = true;
    subscriber_close(&stream->subscriber);
    heartbeat_remove(&stream->api->heartbeat, &stream->heartbeat);
    buffer_init(&frame, RETRY_FRAME_MAX);
    if (stream->form == FORM_SSE && retry_append(&frame, RETRY_ENDED_MS) == 0)
        http_stream_write(stream->http, buffer_str(&frame));
    buffer_release(&frame);
    http_stream_end(stream->http);
}

static const struct feed_outlet stream_outlet = {
    .has_room = stream_has_room,
    .want_room = stream_want_room,
    .give = stream_give,
    .end = stream_end,
};

/* --- the outside ----------------------------------------------------------------------------- */

/* False: its consumer has as many as it may. */
static bool take_place(struct feed_stream *stream, const struct api *api, struct str consumer)
{
    if (api->context.consumers == NULL || consumer.len == 0)
        return true;
    stream->place = places_take(api->context.consumers, consumer);
    return stream->place != NULL;
}

bool feed_stream_init(struct feed_stream *stream, const struct feed_stream_kind *kind,
                      const struct feed_outlet *outlet, struct api *api,
                      const struct api_request *request, enum form form)
{
    if (!take_place(stream, api, access_identity(&request->access))) {
        http_count(&http_exchange_counters(request->exchange)->refused_consumer);
        api_refuse_with(request->exchange, 429, STR("Too many connections of this consumer"));
        return false;
    }
    stream->kind = kind;
    stream->outlet = outlet;
    stream->api = api;
    stream->form = form;
    stream->subscriber.ops = &sink;
    stream->subscriber.owner = stream;
    stream->heartbeat.on_due = on_due;
    return true;
}

void feed_stream_free(struct feed_stream *stream)
{
    subscriber_close(&stream->subscriber);
    expiry_stop(stream->expiry);
    places_give_back(stream->api->context.consumers, stream->place);
    stream->kind->free(stream);
}

bool feed_stream_open(struct feed_stream *stream, const struct feed_stream_kind *kind,
                      struct api *api, const struct api_request *request, enum form form,
                      struct str first)
{
    const struct http_header headers[] = {
        {STR("Content-Type"), accept_media_type(form)},
        {STR("Cache-Control"), STR("no-cache, no-transform")},
        {STR("X-Accel-Buffering"), STR("no")},
        {STR("Vary"), STR("Accept")},
    };

    if (!feed_stream_init(stream, kind, &stream_outlet, api, request, form))
        return false;
    stream->http = http_stream_start(request->exchange, headers,
                                     sizeof(headers) / sizeof(headers[0]), first, &events, stream);
    feed_stream_touch(stream);
    return true;
}

static void on_expired(void *owner)
{
    struct feed_stream *stream = owner;

    if (stream->form == FORM_JSON) {
        pull_expire(stream);
        return;
    }
    feed_stream_write(stream, stream->form == FORM_SSE ? STR("event: expired\ndata: {}\n\n")
                                                       : STR("{\"type\":\"expired\"}\n"));
    feed_stream_end(stream);
}

void feed_stream_expire_at(struct feed_stream *stream, int64_t at)
{
    if (at == 0)
        return;
    stream->expiry = expiry_start(stream->api->loop, at, on_expired, stream);
    if (stream->expiry == NULL)
        feed_stream_end(stream);
}

void feed_stream_subscribe(struct feed_stream *stream, const struct subscription *wanted,
                           size_t count, const struct position *after)
{
    struct error err;

    if (subscriber_start(&stream->subscriber, stream->api->router, wanted, count, after, &err) ==
        0) {
        if (stream->outlet->subscribed != NULL)
            stream->outlet->subscribed(stream);
        return;
    }
    log_error("api", "a stream ends: %s", err.text);
    feed_stream_end(stream);
}

bool feed_stream_give(struct feed_stream *stream, struct shared *owner, struct str bytes)
{
    return !stream->ended && stream->outlet->give(stream, owner, bytes);
}

void feed_stream_write(struct feed_stream *stream, struct str bytes)
{
    if (!stream->ended)
        (void)http_stream_write(stream->http, bytes);
}

void feed_stream_touch(struct feed_stream *stream)
{
    if (!stream->ended)
        heartbeat_touch(&stream->api->heartbeat, &stream->heartbeat);
}

bool feed_stream_has_room(const struct feed_stream *stream)
{
    return stream->outlet->has_room(stream);
}

void feed_stream_want_room(struct feed_stream *stream)
{
    stream->outlet->want_room(stream);
}

void feed_stream_end(struct feed_stream *stream)
{
    if (!stream->ended)
        stream->outlet->end(stream);
}
