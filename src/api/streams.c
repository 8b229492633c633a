/* GET /streams/TABLE, /streams/TABLE/ID, /streams/PARENT/ID/TABLE,
 * /streams/PARENT/ID/PARENT/ID/TABLE, /streams?topic=...&topic=... */
#include "api/pull.h"
#include "api/refuse.h"
#include "api/reset.h"
#include "api/wanted.h"
#include "event/id.h"
#include "http/sse.h"

#include <errno.h>

#define ID_MAX 256
#define FRAME_MAX 1024

/* A silent stream is told its position again after this many records of others, so that its id does
 * not grow so old that the journal no longer has what follows. */
#define FAR_RECORDS 1000

struct topic_stream {
    struct feed_stream base;
    bool needs_id;       /* the client has none that is of use */
    uint64_t read_at_id; /* the router's counter when the client last got an id */
    struct position id;  /* the position last told; of a pull, that of its last event */
    char epoch[9];       /* that the positions belong to */
};

static void write_frame(struct feed_stream *stream, struct buffer *frame)
{
    if (frame->failed == 0)
        feed_stream_write(stream, buffer_str(frame));
    buffer_release(frame);
}

/* --- reset ----------------------------------------------------------------------------------- */

static struct resume_range read_range(const struct api *api, char epoch[9])
{
    struct resume_range range = {.epoch = epoch};

    journal_epoch(api->context.journal, epoch);
    range.empty = !journal_bounds(api->context.journal, &range.oldest, &range.newest);
    range.given = journal_given_lsn(api->context.journal);
    return range;
}

static void write_reset(struct topic_stream *self, struct str text)
{
    feed_stream_write(&self->base, text);
    feed_stream_touch(&self->base);
    self->needs_id = true;
    self->id = (struct position){0, 0};
}

static void on_reset(struct feed_stream *stream, enum reset_reason reason)
{
    struct topic_stream *self = (struct topic_stream *)stream;
    struct buffer text;

    /* What a pull has is good; its next one is told. */
    if (stream->form == FORM_JSON && pull_has_events(stream)) {
        feed_stream_end(stream);
        return;
    }
    struct resume_range range = read_range(stream->api, self->epoch);
    counter_add(&stream->api->counters.resets[reason], 1);
    buffer_init(&text, RESET_BYTES_MAX);
    if (reset_append(&text, stream->form, reason, &range) < 0)
        feed_stream_end(stream);
    else if (stream->form == FORM_JSON)
        pull_refuse(stream, buffer_str(&text));
    else
        write_reset(self, buffer_str(&text));
    buffer_release(&text);
}

/* --- events and signs of life ---------------------------------------------------------------- */

/* Each form is a part of the frame. */
static struct str text_of(enum form form, const struct event *event)
{
    if (form == FORM_SSE)
        return event->frame;
    /* The line end is that of the frame's data line. */
    return (struct str){event->json.data, event->json.len + (form == FORM_NDJSON ? 1 : 0)};
}

static void on_push(struct feed_stream *stream, const struct journal_entry *entry,
                    const struct event *event)
{
    struct topic_stream *self = (struct topic_stream *)stream;

    if (!feed_stream_give(stream, entry->owner, text_of(stream->form, event)))
        return;
    self->needs_id = false;
    self->id = entry->position;
    self->read_at_id = router_records_read(stream->api->router);
}

static void on_next(struct feed_stream *stream, struct buffer *out, bool all_read)
{
    struct topic_stream *self = (struct topic_stream *)stream;
    char id[EVENT_ID_MAX];

    event_id_format(self->epoch, all_read ? subscriber_position(&stream->subscriber) : self->id,
                    id);
    buffer_printf(out, "\"%s\"", id);
}

/* While it catches up the router's counter says nothing of how far it came. */
static bool moved_far(const struct topic_stream *self, struct position position)
{
    bool live = self->base.subscriber.mode == SUBSCRIBER_LIVE;
    uint64_t read = router_records_read(self->base.api->router) - self->read_at_id;

    if (position_compare(position, self->id) <= 0)
        return false;
    return !live || self->needs_id || read >= FAR_RECORDS;
}

static void on_heartbeat(struct feed_stream *stream)
{
    struct topic_stream *self = (struct topic_stream *)stream;
    struct position position = subscriber_position(&stream->subscriber);
    char id[EVENT_ID_MAX];
    struct buffer frame;

    event_id_format(subscriber_epoch(&stream->subscriber), position, id);
    buffer_init(&frame, FRAME_MAX);
    if (stream->form == FORM_NDJSON) {
        buffer_printf(&frame, "{\"type\":\"keepalive\",\"id\":\"%s\"}\n", id);
    } else if (moved_far(self, position)) {
        sse_frame(&frame, str_from(id), STR("keepalive"), STR("{}"));
        self->needs_id = false;
        self->id = position;
        self->read_at_id = router_records_read(stream->api->router);
    } else {
        sse_comment(&frame);
    }
    write_frame(stream, &frame);
}

static void on_free(struct feed_stream *stream)
{
    free(stream);
}

static const struct feed_stream_kind topic_stream_kind = {
    .push = on_push,
    .reset = on_reset,
    .heartbeat = on_heartbeat,
    .next = on_next,
    .free = on_free,
};

/* --- the request ----------------------------------------------------------------------------- */

static struct resume find_resume(const struct api_request *request,
                                 const struct resume_range *range)
{
    struct resume resume = {.kind = RESUME_LIVE};
    struct buffer scratch;
    struct str id;

    buffer_init(&scratch, ID_MAX);
    if (resume_id(request->http, &scratch, &id))
        resume = resume_decide(id, range);
    buffer_release(&scratch);
    return resume;
}

/* Where STREAM begins in the feed. The epoch may have changed since RESUME was decided: the client
 * comes back and is told. */
static void subscribe(struct topic_stream *self, const struct wanted *wanted,
                      const struct resume *resume)
{
    bool after = resume->kind == RESUME_AFTER;
    const char *epoch = subscriber_epoch(&self->base.subscriber);

    self->needs_id = !after;
    feed_stream_subscribe(&self->base, wanted->subscriptions, wanted->count,
                          after ? &resume->after : NULL);
    self->read_at_id = router_records_read(self->base.api->router);
    if (after)
        self->id = resume->after;
    if (after && !self->base.ended && strcmp(epoch, self->epoch) != 0)
        feed_stream_end(&self->base);
    memcpy(self->epoch, epoch, sizeof(self->epoch));
}

/* False when it was answered. */
static bool open_stream(struct topic_stream *self, struct api *api,
                        const struct api_request *request, enum form form,
                        const struct resume *resume, const struct resume_range *range)
{
    struct buffer first;

    /* Something at once: proxies and clients wait for the first byte. Lines of JSON have nothing
     * that says nothing. */
    buffer_init(&first, FRAME_MAX);
    if (form == FORM_SSE)
        sse_comment(&first);
    if (resume->kind == RESUME_RESET)
        reset_append(&first, form, resume->reason, range);
    bool opened =
        feed_stream_open(&self->base, &topic_stream_kind, api, request, form, buffer_str(&first));
    buffer_release(&first);
    if (opened && resume->kind == RESUME_RESET)
        counter_add(&api->counters.resets[resume->reason], 1);
    return opened;
}

static void refuse_id(struct api *api, const struct api_request *request, enum reset_reason reason,
                      const struct resume_range *range)
{
    struct buffer text;

    counter_add(&api->counters.resets[reason], 1);
    buffer_init(&text, RESET_BYTES_MAX);
    if (reset_append(&text, FORM_JSON, reason, range) == 0)
        pull_respond_gone(request->exchange, buffer_str(&text));
    else
        api_respond_unavailable(request->exchange, STR("Out of memory"));
    buffer_release(&text);
}

static void start(struct api *api, const struct api_request *request, enum form form,
                  const struct wanted *wanted, const struct pull_query *query)
{
    struct topic_stream *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        api_respond_unavailable(request->exchange, STR("Out of memory"));
        return;
    }
    struct resume_range range = read_range(api, self->epoch);
    struct resume resume = find_resume(request, &range);
    if (form == FORM_JSON && resume.kind == RESUME_RESET) {
        refuse_id(api, request, resume.reason, &range);
        free(self);
    } else if (form == FORM_JSON ? pull_open(&self->base, &topic_stream_kind, api, request, query)
                                 : open_stream(self, api, request, form, &resume, &range)) {
        feed_stream_expire_at(&self->base, access_expires(&request->access));
        subscribe(self, wanted, &resume);
    } else {
        free(self);
    }
}

/* The columns are not known yet. A native EventSource would give up for ever on a 503: its stream
 * ends at once and says when to come back. */
static void send_away(struct api *api, const struct api_request *request, enum form form,
                      const struct error *why)
{
    struct topic_stream *self = form == FORM_SSE ? calloc(1, sizeof(*self)) : NULL;

    if (self != NULL) {
        if (feed_stream_open(&self->base, &topic_stream_kind, api, request, form, STR(":\n")))
            feed_stream_end(&self->base);
        else
            free(self);
        return;
    }
    api_respond_unavailable(request->exchange, str_from(why->text));
}

void api_streams(struct api *api, const struct api_request *request)
{
    enum form form = api_negotiate(request);
    struct pull_query query = {0};
    struct wanted wanted;
    struct error err;

    if (form == FORM_NONE)
        return;
    int status = wanted_parse(&wanted, &api->tables, request, form, &err);
    if (status == 0 && form == FORM_JSON)
        status = pull_query_parse(&query, request->http->query, &err);
    if (status == 0)
        start(api, request, form, &wanted, &query);
    else if (status == -EINVAL)
        api_respond_text(request, 400, str_from(err.text));
    else if (status != -EACCES)
        send_away(api, request, form, &err);
    wanted_release(&wanted);
}
