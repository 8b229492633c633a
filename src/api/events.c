/* GET /events: the rows of the events table for one consumer.
 *
 * Without an id a stream is live at once. With one, there are two ways to what came after it:
 * - the journal has the row with that id: what follows it there, in commit order;
 * - it does not: first, page by page, the rows of the table that the journal does not have (they
 * are older than it), then the whole journal. Which of both has a row is asked only once the
 * journal is beyond every commit that the page can have seen, so there is neither gap nor duplicate
 * between them. */
#include "api/events_table.h"
#include "api/feed_stream.h"
#include "api/resume.h"
#include "http/sse.h"

#include <stddef.h>

#define ID_MAX 256
#define FRAME_MAX 256

struct consumer_stream {
    struct feed_stream base;
    char *consumer;
    int64_t resume_id;
    struct events_request request;
    bool first_page;
    bool wants_page;                /* as soon as there is room */
    bool skipped_any;               /* rows of the table that the journal has */
    struct position oldest_skipped; /* and the first of them there */
    struct position
        filtered_up_to; /* in the journal: rows up to resume_id are left out until there */
};

static struct consumer_stream *of_request(struct events_request *request)
{
    return (struct consumer_stream *)((char *)request - offsetof(struct consumer_stream, request));
}

static void subscribe(struct consumer_stream *self, const struct position *after)
{
    struct api *api = self->base.api;
    struct topic topic = {
        .kind = TOPIC_CONSUMER,
        .table = api->tables.events->name,
        .id = str_from(self->consumer),
    };

    feed_stream_subscribe(&self->base, &topic, after);
}

/* --- pages of the table
 * ---------------------------------------------------------------------------- */

static void ask_page(struct consumer_stream *self)
{
    if (!feed_stream_has_room(&self->base)) {
        self->wants_page = true;
        feed_stream_want_room(&self->base);
        return;
    }
    self->wants_page = false;
    events_table_ask(self->base.api->events_table, &self->request);
}

static void on_fill(struct feed_stream *stream)
{
    struct consumer_stream *self = (struct consumer_stream *)stream;

    if (self->wants_page)
        ask_page(self);
}

/* Retention was faster: a row that was left to the journal is in neither. */
static bool lost_skipped(const struct consumer_stream *self)
{
    struct position oldest, newest;

    return self->skipped_any &&
           (!journal_bounds(self->base.api->context.journal, &oldest, &newest) ||
            position_compare(self->oldest_skipped, oldest) < 0);
}

/* The pages are through: everything else is in the journal, from its first record on. */
static void walk_journal(struct consumer_stream *self)
{
    struct position earliest = router_earliest(self->base.api->router);

    /* The client's last id leads it through the table once more. */
    if (lost_skipped(self))
        feed_stream_end(&self->base);
    else
        subscribe(self, &earliest);
}

/* If the row with the client's id exists, then outside the journal, and all of the journal was
 * committed later: nothing of it may be left out, whatever its id. If it does not exist, "after"
 * can only mean greater ids; of what is committed from now on, though, nothing is left out. True
 * when the journal has it after all: it was not on disk yet when the client came. */
static bool check_first_page(struct consumer_stream *self, const struct events_page *page)
{
    struct journal *journal = self->base.api->context.journal;
    struct position oldest, position;

    self->first_page = false;
    if (journal_find_tag(journal, self->resume_id, &position)) {
        subscribe(self, &position);
        return true;
    }
    if (!page->row_exists)
        (void)journal_bounds(journal, &oldest, &self->filtered_up_to);
    return false;
}

/* Moves the frames of rows that the journal does not have to the front of the page. */
static size_t keep_missing(struct consumer_stream *self, struct events_page *page)
{
    struct journal *journal = self->base.api->context.journal;
    struct position position;
    size_t len = 0;

    for (size_t i = 0; i < page->row_count; i++) {
        struct events_row *row = &page->rows[i];
        if (!journal_find_tag(journal, row->id, &position)) {
            memmove(page->bytes.data + len, row->frame.data, row->frame.len);
            len += row->frame.len;
            continue;
        }
        if (!self->skipped_any || position_compare(position, self->oldest_skipped) < 0)
            self->oldest_skipped = position;
        self->skipped_any = true;
    }
    return len;
}

static void on_page(struct events_request *request, struct events_page *page)
{
    struct consumer_stream *self = of_request(request);

    if (self->base.ended)
        return;
    if (page == NULL) {
        feed_stream_end(&self->base);
        return;
    }
    if (self->first_page && check_first_page(self, page))
        return;
    if (page->row_count == 0) {
        walk_journal(self);
        return;
    }
    request->after = page->rows[page->row_count - 1].id;
    size_t len = keep_missing(self, page);
    if (len > 0)
        feed_stream_give(&self->base, NULL, (struct str){page->bytes.data, len});
    ask_page(self);
}

/* --- the stream
 * ------------------------------------------------------------------------------------ */

static bool left_out(const struct consumer_stream *self, const struct journal_entry *entry,
                     const struct event *event)
{
    int64_t id;

    return position_compare(entry->position, self->filtered_up_to) <= 0 &&
           events_frame_id(self->base.api->context.config, event, &id) && id <= self->resume_id;
}

static void on_push(struct feed_stream *stream, const struct journal_entry *entry,
                    const struct event *event)
{
    struct consumer_stream *self = (struct consumer_stream *)stream;
    struct api *api = stream->api;

    if (left_out(self, entry, event))
        return;
    struct shared *frame = events_frame_get(&api->frames, api->context.config, event);
    if (frame == NULL) {
        feed_stream_end(stream);
        return;
    }
    feed_stream_give(stream, frame, (struct str){frame->data, frame->len});
}

/* The rows that were missed are in the table: the client comes back with its last id for them. Not
 * when the journal has them and they are damaged there: it would come back for ever. */
static void on_reset(struct feed_stream *stream, enum reset_reason reason)
{
    if (reason != RESET_DAMAGED) {
        feed_stream_end(stream);
        return;
    }
    feed_stream_write(stream, STR("event: reset\ndata: "
                                  "{\"reason\":\"expired\",\"oldest\":null,\"latest\":null}\n\n"));
    feed_stream_touch(stream);
}

static void on_heartbeat(struct feed_stream *stream)
{
    feed_stream_write(stream, STR("event: heartbeat\ndata: thump\n\n"));
}

static void on_free(struct feed_stream *stream)
{
    struct consumer_stream *self = (struct consumer_stream *)stream;

    if (stream->api->events_table != NULL)
        events_table_cancel(stream->api->events_table, &self->request);
    free(self->consumer);
    free(self);
}

static const struct feed_stream_kind consumer_stream_kind = {
    .push = on_push,
    .reset = on_reset,
    .heartbeat = on_heartbeat,
    .fill = on_fill,
    .free = on_free,
};

/* --- the request
 * ----------------------------------------------------------------------------------- */

static bool find_id(const struct api_request *request, int64_t *ret_id)
{
    struct buffer scratch;
    struct str text;

    buffer_init(&scratch, ID_MAX);
    bool found = resume_id(request->http, &scratch, &text) && str_to_int64(text, ret_id) == 0;
    buffer_release(&scratch);
    return found;
}

static void start(struct consumer_stream *self, bool has_id)
{
    struct position position;

    if (!has_id) {
        subscribe(self, NULL);
    } else if (journal_find_tag(self->base.api->context.journal, self->resume_id, &position)) {
        subscribe(self, &position);
    } else {
        self->first_page = true;
        self->request = (struct events_request){
            .consumer = self->consumer, .after = self->resume_id, .on_page = on_page};
        ask_page(self);
    }
}

void api_events(struct api *api, const struct api_request *request)
{
    struct str consumer = http_request_header(request->http, STR("X-Consumer-Id"));

    if (!api->context.config->events.enabled) {
        api_respond_text(request, 404, STR("Not found"));
        return;
    }
    if (consumer.len == 0) {
        api_respond_text(request, 401, STR("Request doesn't pass through the API gateway!"));
        return;
    }
    struct consumer_stream *self = calloc(1, sizeof(*self));
    char *name = str_dup(consumer);
    if (self == NULL || name == NULL) {
        free(self);
        free(name);
        api_respond_text(request, 503, STR("Out of memory"));
        return;
    }
    self->consumer = name;
    bool has_id = find_id(request, &self->resume_id);
    feed_stream_open(&self->base, &consumer_stream_kind, api, request->exchange, FORM_SSE,
                     STR(":\n"));
    start(self, has_id);
}
