#include "api/pull.h"

#include "api/refuse.h"
#include "base/clock.h"

#include <stddef.h>
#include <stdlib.h>

/* A long poll that finds nothing in a long journal says after this time how far it came. */
#define READ_SECONDS 2.0
/* A full answer looks this much longer for one more event, to tell whether there is any. */
#define LOOK_ON_SECONDS 0.05
/* Events have limits of their own. */
#define TEXT_MAX ((size_t)8 << 30)

enum pull_state {
    PULL_READING,
    PULL_DONE, /* to be answered at the end of this turn */
};

struct pull {
    struct feed_stream *stream;
    struct http_exchange *exchange;
    enum pull_state state;
    unsigned limit;
    unsigned count;         /* events in the answer */
    struct position target; /* the newest one of the journal when the client asked */
    uint64_t deadline_ms;   /* of its wait, clock_monotonic_ms() */
    bool timed_out;
    int status;
    struct buffer text; /* of the answer; nothing yet while there is no event */
    ev_timer timer;
    struct review_entry entry; /* in while it reads or has something to say; not while it waits */
};

static const struct http_header headers[] = {
    {STR("Cache-Control"), STR("no-store")},
    {STR("Vary"), STR("Accept")},
};

static void respond(struct http_exchange *exchange, int status, struct str body)
{
    http_respond(exchange, &(struct http_response){
                               .status = status,
                               .content_type = "application/json",
                               .body = body,
                               .headers = headers,
                               .header_count = sizeof(headers) / sizeof(headers[0]),
                           });
}

void pull_respond_gone(struct http_exchange *exchange, struct str body)
{
    respond(exchange, 410, body);
}

/* Everything was read that the journal had when the client asked; one that waits gets the rest as
 * it comes. */
static bool caught_up(const struct pull *pull)
{
    const struct subscriber *subscriber = &pull->stream->subscriber;

    return subscriber->mode == SUBSCRIBER_LIVE &&
           position_compare(subscriber_position(subscriber), pull->target) >= 0;
}

static bool is_full(const struct pull *pull)
{
    return pull->count >= pull->limit || pull->text.len >= PULL_BYTES;
}

static struct pull *of_entry(struct review_entry *entry)
{
    return (struct pull *)((char *)entry - offsetof(struct pull, entry));
}

static void look_at_end_of_turn(struct pull *pull)
{
    review_add(&pull->stream->api->review, &pull->entry);
}

static void set_timer(struct pull *pull, double seconds)
{
    struct ev_loop *ev = pull->stream->api->loop->ev;

    ev_now_update(ev);
    ev_timer_stop(ev, &pull->timer);
    ev_timer_set(&pull->timer, seconds, 0.);
    ev_timer_start(ev, &pull->timer);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct pull *pull = timer->data;

    pull->timed_out = true;
    look_at_end_of_turn(pull);
}

/* --- the end --------------------------------------------------------------------------------- */

static void release(struct pull *pull)
{
    struct feed_stream *stream = pull->stream;

    review_remove(&stream->api->review, &pull->entry);
    ev_timer_stop(stream->api->loop->ev, &pull->timer);
    buffer_release(&pull->text);
    free(pull);
    feed_stream_free(stream);
}

/* Nothing is pushed any more; the answer is sent at the end of the turn, for the caller may be one
 * who goes on with the stream. */
static void finish(struct pull *pull, int status)
{
    pull->state = PULL_DONE;
    pull->status = status;
    pull->stream->ended = true;
    subscriber_close(&pull->stream->subscriber);
    look_at_end_of_turn(pull);
}

static void fail(struct pull *pull)
{
    finish(pull, 503);
}

static void begin_text(struct pull *pull)
{
    if (pull->text.len == 0)
        buffer_append_str(&pull->text, STR("{\"events\":["));
}

/* ALL_READ as of kind->next. */
static void complete(struct pull *pull, bool all_read, bool more)
{
    begin_text(pull);
    buffer_append_str(&pull->text, STR("],\"next\":"));
    pull->stream->kind->next(pull->stream, &pull->text, all_read);
    buffer_append_str(&pull->text, more ? STR(",\"more\":true}") : STR(",\"more\":false}"));
    finish(pull, pull->text.failed == 0 ? 200 : 503);
}

static void answer(struct pull *pull)
{
    if (pull->status == 503)
        api_respond_unavailable(pull->exchange, STR("The events cannot be read now; try again"));
    else
        respond(pull->exchange, pull->status, buffer_str(&pull->text));
    release(pull);
}

static void judge(struct pull *pull)
{
    uint64_t now = clock_monotonic_ms();

    if (caught_up(pull) && (pull->count > 0 || now >= pull->deadline_ms)) {
        complete(pull, true, false);
    } else if (pull->timed_out && !caught_up(pull)) {
        complete(pull, true, true);
    } else if (caught_up(pull)) {
        pull->timed_out = false;
        set_timer(pull, (double)(pull->deadline_ms - now) / 1000.);
    }
}

static void look(struct review_entry *entry)
{
    struct pull *pull = of_entry(entry);

    if (pull->state == PULL_READING)
        judge(pull);
    if (pull->state == PULL_DONE)
        answer(pull);
    else if (caught_up(pull) || pull->stream->subscriber.mode == SUBSCRIBER_CLOSED)
        review_remove(&pull->stream->api->review, entry);
}

/* --- the outlet ------------------------------------------------------------------------------ */

static bool outlet_has_room(const struct feed_stream *stream)
{
    return stream->pull->state == PULL_READING;
}

/* Only one that is over has no room. */
static void outlet_want_room(struct feed_stream *stream)
{
}

static bool outlet_give(struct feed_stream *stream, struct shared *owner, struct str bytes)
{
    struct pull *pull = stream->pull;

    if (is_full(pull)) {
        complete(pull, false, true);
        return false;
    }
    begin_text(pull);
    if (pull->count > 0)
        buffer_append_char(&pull->text, ',');
    if (buffer_append_str(&pull->text, bytes) < 0) {
        fail(pull);
        return false;
    }
    pull->count++;
    if (is_full(pull))
        set_timer(pull, LOOK_ON_SECONDS);
    look_at_end_of_turn(pull);
    return true;
}

static void outlet_subscribed(struct feed_stream *stream)
{
    look_at_end_of_turn(stream->pull);
}

static void outlet_end(struct feed_stream *stream)
{
    if (pull_has_events(stream))
        complete(stream->pull, false, true);
    else
        fail(stream->pull);
}

static const struct feed_outlet outlet = {
    .has_room = outlet_has_room,
    .want_room = outlet_want_room,
    .give = outlet_give,
    .subscribed = outlet_subscribed,
    .end = outlet_end,
};

static struct position newest(const struct api *api)
{
    struct position oldest, at;

    (void)journal_bounds(api->context.journal, &oldest, &at);
    return at;
}

/* --- the exchange ---------------------------------------------------------------------------- */

static void stop_reading(struct pull *pull)
{
    if (pull->state == PULL_READING)
        complete(pull, true, !caught_up(pull));
}

static void on_drain(void *owner, struct http_exchange *exchange)
{
    stop_reading(owner);
    answer(owner);
}

static void on_gone(void *owner, const char *reason)
{
    release(owner);
}

static const struct http_wait_events wait_events = {on_drain, on_gone};

bool pull_open(struct feed_stream *stream, const struct feed_stream_kind *kind, struct api *api,
               const struct api_request *request, const struct pull_query *query)
{
    struct pull *pull = calloc(1, sizeof(*pull));
    double wait = query->wait_ms / 1000.;

    if (pull == NULL) {
        api_respond_unavailable(request->exchange, STR("Out of memory"));
        return false;
    }
    if (!feed_stream_init(stream, kind, &outlet, api, request, FORM_JSON)) {
        free(pull);
        return false;
    }
    stream->pull = pull;
    pull->stream = stream;
    pull->limit = query->limit;
    pull->target = newest(api);
    pull->deadline_ms = clock_monotonic_ms() + query->wait_ms;
    buffer_init(&pull->text, TEXT_MAX);
    ev_timer_init(&pull->timer, on_timer, 0., 0.);
    pull->timer.data = pull;
    pull->entry.look = look;
    pull->exchange = http_respond_later(request->exchange, &wait_events, pull);
    set_timer(pull, wait > READ_SECONDS ? wait : READ_SECONDS);
    return true;
}

void pull_expire(struct feed_stream *stream)
{
    stop_reading(stream->pull);
}

bool pull_has_events(const struct feed_stream *stream)
{
    return stream->pull->count > 0;
}

void pull_refuse(struct feed_stream *stream, struct str body)
{
    struct pull *pull = stream->pull;

    buffer_reset(&pull->text);
    finish(pull, buffer_append_str(&pull->text, body) == 0 ? 410 : 503);
}
