/* GET /events: the rows of the events table for one consumer.
 *
 * Without an id a stream is live at once. With one, there are two ways to what came after it:
 * - the journal has the row with that id: what follows it there, in commit order;
 * - it does not: first, page by page, the rows of the table that the journal does not have (they
 * are older than it) in the order of their commits (events_replay.h), then the whole journal. Which
 * of both has a row is asked only once the journal is beyond every commit that the page can have
 * seen, so there is neither gap nor duplicate between them. */
#include "api/events_json.h"
#include "api/events_page.h"
#include "api/pull.h"
#include "api/refuse.h"
#include "api/reset.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

#define ID_MAX 256
#define JSON_MAX ((size_t)4 << 30) /* of a page; its frames have a limit of their own */

/* Nobody's id, and smaller than everybody's. */
#define EARLIEST INT64_MIN

struct consumer_stream {
    struct feed_stream base;
    char *consumer;
    bool resumes;      /* from resume_id; else live */
    int64_t resume_id; /* EARLIEST: from the first row on */
    bool gave_any;
    int64_t last_id; /* of the last row given */
    struct events_request request;
    struct events_replay replay;
    bool first_page;
    bool wants_page; /* as soon as there is room */
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
    const struct subscription wanted = {.topic = {
                                            .kind = TOPIC_CONSUMER,
                                            .table = api->tables.events->name,
                                            .id = str_from(self->consumer),
                                        }};

    feed_stream_subscribe(&self->base, &wanted, 1, after);
}

/* --- rows in the stream's form
 * --------------------------------------------------------------------- */

/* What a client cannot get now it gets when it comes back. */
static void give_text(struct consumer_stream *self, int64_t id, struct buffer *text)
{
    if (text->failed != 0) {
        feed_stream_end(&self->base);
    } else if (feed_stream_give(&self->base, NULL, buffer_str(text))) {
        self->gave_any = true;
        self->last_id = id;
    }
    buffer_release(text);
}

static void append_line(struct buffer *out, struct str frame)
{
    events_json(out, frame);
    buffer_append_char(out, '\n');
}

/* One row by its frame, which lies in OWNER. */
static void give(struct consumer_stream *self, int64_t id, struct shared *owner, struct str frame)
{
    struct buffer text;

    if (self->base.form == FORM_SSE) {
        feed_stream_give(&self->base, owner, frame);
        return;
    }
    buffer_init(&text, JSON_MAX);
    if (self->base.form == FORM_JSON)
        events_json(&text, frame);
    else
        append_line(&text, frame);
    give_text(self, id, &text);
}

static void give_lines(struct consumer_stream *self, const struct events_page *page)
{
    struct buffer text;

    buffer_init(&text, JSON_MAX);
    for (size_t i = 0; i < page->row_count; i++)
        append_line(&text, page->rows[i].frame);
    give_text(self, page->rows[page->row_count - 1].id, &text);
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
    self->request.after = self->replay.after;
    events_table_ask(self->base.api->events_table, &self->request);
}

static void on_fill(struct feed_stream *stream)
{
    struct consumer_stream *self = (struct consumer_stream *)stream;

    if (self->wants_page)
        ask_page(self);
}

/* If the row with the client's id exists, then outside the journal, and all of the journal was
 * committed later: nothing of it may be left out, whatever its id. So it is if a greater one is
 * already outside. Else "after" can only mean greater ids; of what is committed from now on,
 * though, nothing is left out. False when the page is not what the client needs. */
static bool check_first_page(struct consumer_stream *self, const struct events_page *page)
{
    struct journal *journal = self->base.api->context.journal;
    struct journal_tag had = {.tag = self->resume_id};
    struct journal_look look = {.tags = &had, .tag_count = 1};
    struct position oldest;

    self->first_page = false;
    if (journal_look_up(journal, &look) < 0) {
        feed_stream_end(&self->base);
        return false;
    }
    /* It was not on disk yet when the client came. */
    if (had.here) {
        subscribe(self, &had.position);
        return false;
    }
    if (tag_place_compare(had.place, self->replay.after) != 0) {
        events_replay_begin(&self->replay, had.place);
        ask_page(self);
        return false;
    }
    if (!page->row_exists && !tag_is_late(had.place) &&
        !(look.has_leader && self->resume_id <= look.leader))
        (void)journal_bounds(journal, &oldest, &self->filtered_up_to);
    return true;
}

/* All of it at once: a stream has room for one piece of any size. */
static void give_page(struct consumer_stream *self, const struct events_page *page)
{
    if (page->row_count == 0)
        return;
    if (self->base.form == FORM_JSON) {
        for (size_t i = 0; i < page->row_count; i++)
            give(self, page->rows[i].id, NULL, page->rows[i].frame);
    } else if (self->base.form == FORM_NDJSON) {
        give_lines(self, page);
    } else {
        feed_stream_give(&self->base, NULL, buffer_str(&page->bytes));
    }
}

/* What the page needs beside its rows, in one piece of memory each. */
struct page_work {
    struct journal_tag *tags;
    struct journal_late *late;
    size_t *order;
};

static void page_work_release(struct page_work *work)
{
    free(work->tags);
    free(work->late);
    free(work->order);
}

static int page_work_init(struct page_work *work, const struct events_page *page)
{
    size_t rows = page->row_count + 1; /* not of nothing */

    *work = (struct page_work){
        .tags = calloc(rows, sizeof(*work->tags)),
        .late = calloc(EVENTS_PAGE_LATE, sizeof(*work->late)),
        .order = calloc(rows, sizeof(*work->order)),
    };
    if (work->tags == NULL || work->late == NULL || work->order == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < page->row_count; i++)
        work->tags[i].tag = page->rows[i].id;
    return 0;
}

/* 0, or why the journal cannot tell: then nothing was given. */
static int take_page(struct consumer_stream *self, struct events_page *page, struct page_work *work)
{
    struct journal_look look = {
        .tags = work->tags,
        .tag_count = page->row_count,
        .after = page->asked.after,
        .late = work->late,
        .late_room = EVENTS_PAGE_LATE,
    };
    const struct api_context *context = &self->base.api->context;
    struct position unseen;
    size_t count;
    int status = journal_look_up(context->journal, &look);

    if (status < 0)
        return status;
    bool unseen_any = commits_first_unseen(context->commits, &page->snapshot, &unseen);
    enum events_verdict verdict = events_replay_page(
        &self->replay, &page->asked, &look, unseen_any ? &unseen : NULL, work->order, &count);
    if (verdict == EVENTS_SAME_AGAIN) {
        events_table_ask_again(self->base.api->events_table, &self->request);
        return 0;
    }
    status = events_page_pick(page, work->order, count);
    if (status < 0)
        return status;
    give_page(self, page);
    if (self->base.ended)
        return 0;
    /* Should more have gone meanwhile, the cursor says so. */
    if (verdict == EVENTS_THROUGH)
        subscribe(self, &look.trimmed);
    else
        ask_page(self);
    return 0;
}

static void on_page(struct events_request *request, struct events_page *page)
{
    struct consumer_stream *self = of_request(request);
    struct page_work work;

    if (self->base.ended)
        return;
    if (page == NULL) {
        feed_stream_end(&self->base);
        return;
    }
    if (self->first_page && !check_first_page(self, page))
        return;
    if (page_work_init(&work, page) < 0 || take_page(self, page, &work) < 0)
        feed_stream_end(&self->base);
    page_work_release(&work);
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
    int64_t id = 0;

    if (left_out(self, entry, event))
        return;
    struct shared *frame = events_frame_get(&api->frames, api->context.config, event);
    if (frame == NULL) {
        feed_stream_end(stream);
        return;
    }
    (void)events_frame_id(api->context.config, event, &id);
    give(self, id, frame, (struct str){frame->data, frame->len});
}

/* There are no ids of rows between which the damage lies: a pull that goes on does so live. */
static void tell_damaged(struct feed_stream *stream)
{
    const struct resume_range nowhere = {.epoch = "", .empty = true};
    struct buffer text;

    counter_add(&stream->api->counters.resets[RESET_DAMAGED], 1);
    if (stream->form == FORM_JSON && pull_has_events(stream)) {
        feed_stream_end(stream);
    } else if (stream->form == FORM_JSON) {
        pull_refuse(stream, STR("{\"reset\":{\"reason\":\"expired\",\"oldest\":null,"
                                "\"latest\":null},\"next\":\"latest\"}"));
    } else {
        buffer_init(&text, RESET_BYTES_MAX);
        if (reset_append(&text, stream->form, RESET_DAMAGED, &nowhere) == 0)
            feed_stream_write(stream, buffer_str(&text));
        feed_stream_touch(stream);
        buffer_release(&text);
    }
}

/* The rows that were missed are in the table: the client comes back with its last id for them. Not
 * when the journal has them and they are damaged there: it would come back for ever. */
static void on_reset(struct feed_stream *stream, enum reset_reason reason)
{
    if (reason != RESET_DAMAGED) {
        feed_stream_end(stream);
        return;
    }
    tell_damaged(stream);
}

static void on_heartbeat(struct feed_stream *stream)
{
    feed_stream_write(stream,
                      stream->form == FORM_SSE
                          ? STR("event: heartbeat\ndata: thump\n\n")
                          : STR("{\"id\":null,\"type\":\"heartbeat\",\"payload\":\"thump\"}\n"));
}

/* Where the client stands is the row that it had last, also when all others were read: after which
 * rows of others this was nobody can say by an id of theirs. */
static void on_next(struct feed_stream *stream, struct buffer *out, bool all_read)
{
    const struct consumer_stream *self = (const struct consumer_stream *)stream;

    if (self->gave_any)
        buffer_printf(out, "%" PRId64, self->last_id);
    else if (!self->resumes)
        buffer_append_str(out, STR("\"latest\""));
    else if (self->resume_id == EARLIEST)
        buffer_append_str(out, STR("\"earliest\""));
    else
        buffer_printf(out, "%" PRId64, self->resume_id);
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
    .next = on_next,
    .free = on_free,
};

/* --- the request
 * ----------------------------------------------------------------------------------- */

enum position_kind { POSITION_NONE, POSITION_ID, POSITION_LATEST, POSITION_MALFORMED };

static enum position_kind find_position(const struct api_request *request, int64_t *ret_id)
{
    enum position_kind kind = POSITION_ID;
    struct buffer scratch;
    struct str text;

    buffer_init(&scratch, ID_MAX);
    if (!resume_id(request->http, &scratch, &text))
        kind = POSITION_NONE;
    else if (str_equal(text, STR("latest")))
        kind = POSITION_LATEST;
    else if (str_equal(text, STR("earliest")))
        *ret_id = EARLIEST;
    else if (str_to_int64(text, ret_id) < 0)
        kind = POSITION_MALFORMED;
    buffer_release(&scratch);
    return kind;
}

static void start(struct consumer_stream *self)
{
    struct journal_tag had = {.tag = self->resume_id};
    struct journal_look look = {.tags = &had, .tag_count = 1};

    if (!self->resumes) {
        subscribe(self, NULL);
    } else if (journal_look_up(self->base.api->context.journal, &look) < 0) {
        feed_stream_end(&self->base);
    } else if (had.here) {
        subscribe(self, &had.position);
    } else {
        self->first_page = true;
        self->request = (struct events_request){
            .consumer = self->consumer, .had = self->resume_id, .on_page = on_page};
        events_replay_begin(&self->replay, had.place);
        ask_page(self);
    }
}

/* False when it was answered. */
static bool check_pull(const struct api_request *request, enum position_kind position,
                       struct pull_query *ret_query)
{
    struct str query = request->http->query;
    struct str name, value;
    struct error err = {0};

    if (position == POSITION_MALFORMED)
        error_set(&err, -EINVAL, "Parameter \"after\" must be the id of a row, earliest or latest");
    while (err.text[0] == '\0' && http_query_next(&query, &name, &value)) {
        if (!resume_names_the_id(name) && !pull_query_names(name) &&
            !access_names_the_token(&request->access, name))
            error_set(&err, -EINVAL, "Parameter \"%.*s\" is not known",
                      name.len > 64 ? 64 : (int)name.len, name.data);
    }
    if (err.text[0] == '\0')
        (void)pull_query_parse(ret_query, request->http->query, &err);
    if (err.text[0] == '\0')
        return true;
    api_respond_text(request, 400, str_from(err.text));
    return false;
}

static struct consumer_stream *consumer_stream_new(struct str consumer)
{
    struct consumer_stream *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->consumer = str_dup(consumer);
    if (self->consumer != NULL)
        return self;
    free(self);
    return NULL;
}

/* False when it was answered. */
static bool open_stream(struct consumer_stream *self, struct api *api,
                        const struct api_request *request, enum form form,
                        const struct pull_query *query)
{
    if (form == FORM_JSON)
        return pull_open(&self->base, &consumer_stream_kind, api, request, query);
    return feed_stream_open(&self->base, &consumer_stream_kind, api, request, form,
                            form == FORM_SSE ? STR(":\n") : STR(""));
}

static void serve(struct api *api, const struct api_request *request, enum form form,
                  struct str consumer)
{
    int64_t id = 0;
    enum position_kind position = find_position(request, &id);
    struct pull_query query;

    if (form == FORM_JSON && !check_pull(request, position, &query))
        return;
    struct consumer_stream *self = consumer_stream_new(consumer);
    if (self == NULL) {
        api_respond_unavailable(request->exchange, STR("Out of memory"));
        return;
    }
    /* Who pulls and has no id yet wants its mail: all of it. */
    self->resumes = position == POSITION_ID || (form == FORM_JSON && position == POSITION_NONE);
    self->resume_id = id;
    if (!open_stream(self, api, request, form, &query)) {
        free(self->consumer);
        free(self);
        return;
    }
    feed_stream_expire_at(&self->base, access_expires(&request->access));
    start(self);
}

void api_events(struct api *api, const struct api_request *request)
{
    struct str consumer;

    if (!api->context.config->events.enabled) {
        api_respond_text(request, 404, STR("Not found"));
        return;
    }
    if (!access_consumer(&request->access, &consumer))
        return;
    enum form form = api_negotiate(request);
    if (form != FORM_NONE)
        serve(api, request, form, consumer);
}
