/* GET /streams/TABLE, /streams/TABLE/ID, /streams/PARENT/ID/TABLE */
#include "api/feed_stream.h"
#include "api/resume.h"
#include "event/id.h"
#include "http/sse.h"

#include <jansson.h>

#define ID_MAX 256
#define FRAME_MAX 1024

/* A silent stream is told its position again after this many records of others, so that its id does
 * not grow so old that the journal no longer has what follows. */
#define FAR_RECORDS 1000

struct topic_stream {
    struct feed_stream base;
    bool lost;           /* the client's id is of no use until it gets a new one */
    uint64_t read_at_id; /* the router's counter when the client last got an id */
    struct position id;  /* the position last told */
};

static void write_frame(struct feed_stream *stream, struct buffer *frame)
{
    if (frame->failed == 0)
        feed_stream_write(stream, buffer_str(frame));
    buffer_release(frame);
}

/* --- reset ----------------------------------------------------------------------------------- */

static json_t *id_json(const struct resume_range *range, struct position position)
{
    char text[EVENT_ID_MAX];

    return range->empty ? json_null() : json_string(event_id_format(range->epoch, position, text));
}

static void append_reset(struct buffer *out, enum reset_reason reason,
                         const struct resume_range *range)
{
    json_t *json =
        json_pack("{s:s, s:o, s:o}", "reason", reset_reason_name(reason), "oldest",
                  id_json(range, range->oldest), "latest", id_json(range, range->newest));
    char *data = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;

    if (data != NULL)
        sse_frame(out, STR(""), STR("reset"), str_from(data));
    free(data);
    json_decref(json);
}

static struct resume_range read_range(const struct api *api, char epoch[9])
{
    struct resume_range range = {.epoch = epoch};

    journal_epoch(api->context.journal, epoch);
    range.empty = !journal_bounds(api->context.journal, &range.oldest, &range.newest);
    return range;
}

static void on_reset(struct feed_stream *stream, enum reset_reason reason)
{
    struct topic_stream *self = (struct topic_stream *)stream;
    char epoch[9];
    struct resume_range range = read_range(stream->api, epoch);
    struct buffer frame;

    buffer_init(&frame, FRAME_MAX);
    append_reset(&frame, reason, &range);
    write_frame(stream, &frame);
    feed_stream_touch(stream);
    self->lost = true;
    self->id = (struct position){0, 0};
}

/* --- events and signs of life ---------------------------------------------------------------- */

static void on_push(struct feed_stream *stream, const struct journal_entry *entry,
                    const struct event *event)
{
    struct topic_stream *self = (struct topic_stream *)stream;

    feed_stream_write_shared(stream, entry->owner, event->frame);
    feed_stream_touch(stream);
    self->lost = false;
    self->id = entry->position;
    self->read_at_id = router_records_read(stream->api->router);
}

/* While it catches up the router's counter says nothing of how far it came. */
static bool moved_far(const struct topic_stream *self, struct position position)
{
    bool live = self->base.subscriber.mode == SUBSCRIBER_LIVE;
    uint64_t read = router_records_read(self->base.api->router) - self->read_at_id;

    if (position_compare(position, self->id) <= 0)
        return false;
    return !live || self->lost || read >= FAR_RECORDS;
}

static void on_heartbeat(struct feed_stream *stream)
{
    struct topic_stream *self = (struct topic_stream *)stream;
    struct position position = subscriber_position(&stream->subscriber);
    char id[EVENT_ID_MAX];
    struct buffer frame;

    buffer_init(&frame, FRAME_MAX);
    if (moved_far(self, position)) {
        event_id_format(subscriber_epoch(&stream->subscriber), position, id);
        sse_frame(&frame, str_from(id), STR("keepalive"), STR("{}"));
        self->lost = false;
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
    .free = on_free,
};

/* --- the request ----------------------------------------------------------------------------- */

/* Filters are columns, so any name may become one: none may be ignored. */
static bool refuse_parameters(const struct api_request *request)
{
    struct str query = request->http->query;
    struct str name, value;
    char text[128];

    while (http_query_next(&query, &name, &value)) {
        if (resume_names_the_id(name))
            continue;
        int len = snprintf(text, sizeof(text), "Parameter \"%.*s\" is not available yet",
                           name.len > 64 ? 64 : (int)name.len, name.data);
        api_respond_text(request, 400, (struct str){text, (size_t)len});
        return true;
    }
    return false;
}

static int find_topic(const struct api *api, const struct api_request *request,
                      struct topic *ret_topic)
{
    struct topic topic;
    struct error err;
    int status = topic_parse(&topic, request->segments + 1, request->segment_count - 1, &err);

    if (status == 0)
        status = feed_tables_check(&api->tables, &topic, &err);
    if (status < 0)
        api_respond_text(request, 400, str_from(err.text));
    else
        *ret_topic = topic;
    return status;
}

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

static void open_stream(struct api *api, const struct api_request *request,
                        const struct topic *topic, struct topic_stream *self)
{
    char epoch[9];
    struct resume_range range = read_range(api, epoch);
    struct resume resume = find_resume(request, &range);
    struct buffer first;

    /* Something at once: proxies and clients wait for the first byte. */
    buffer_init(&first, FRAME_MAX);
    sse_comment(&first);
    if (resume.kind == RESUME_RESET) {
        append_reset(&first, resume.reason, &range);
        self->lost = true;
    }
    feed_stream_open(&self->base, &topic_stream_kind, api, request->exchange, buffer_str(&first));
    buffer_release(&first);
    feed_stream_subscribe(&self->base, topic, resume.kind == RESUME_AFTER ? &resume.after : NULL);
    if (resume.kind == RESUME_AFTER)
        self->id = resume.after;
    self->read_at_id = router_records_read(api->router);
}

void api_streams(struct api *api, const struct api_request *request)
{
    struct topic topic;

    if (refuse_parameters(request) || find_topic(api, request, &topic) < 0)
        return;
    struct topic_stream *self = calloc(1, sizeof(*self));
    if (self == NULL)
        api_respond_text(request, 503, STR("Out of memory"));
    else
        open_stream(api, request, &topic, self);
}
