#include "api/awaiting.h"

#include "api/refuse.h"
#include "base/clock.h"
#include "base/lsn.h"

#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <utlist.h>

/* For a look at the server and its answer. */
#define ASKING_MS 250
#define ASK_AGAIN_SECONDS 0.2
/* All are looked at when an operator has come further. */
#define ENTRIES_MAX 10000

struct awaiting_entry {
    struct awaiting *awaiting;
    struct http_exchange *exchange;
    char *table;      /* owned; NULL: none */
    bool place_known; /* LSN is set; else it is to be found for the time */
    uint64_t lsn;
    int64_t time_us;
    ev_timer deadline;
    struct awaiting_entry *prev, *next;
    size_t count;
    size_t operators[]; /* their numbers */
};

static const struct operator_counters *operator_of(const struct awaiting_entry *entry, size_t i)
{
    return &entry->awaiting->context->operators[entry->operators[i]];
}

static bool is_settled(const struct awaiting_entry *entry, const struct operator_counters *op)
{
    return entry->place_known && lsn_reached(counter_read(&op->settled_lsn), entry->lsn);
}

static bool is_processed(struct awaiting_entry *entry)
{
    struct wal_clock *clock = entry->awaiting->context->wal_clock;

    if (!entry->place_known)
        entry->place_known = wal_clock_find(clock, entry->time_us, &entry->lsn);
    for (size_t i = 0; i < entry->count; i++)
        if (!is_settled(entry, operator_of(entry, i)))
            return false;
    return true;
}

/* --- the answer ------------------------------------------------------------------------------ */

static json_t *lsn_json(uint64_t lsn)
{
    char text[LSN_TEXT_MAX];
    return lsn > 0 ? json_string(lsn_format(lsn, text)) : json_null();
}

static json_t *operator_json(const struct awaiting_entry *entry, size_t i)
{
    const struct operator_counters *op = operator_of(entry, i);
    const char *state = atomic_load_explicit(&op->state, memory_order_relaxed);

    return json_pack("{s:s, s:b, s:s?, s:b, s:o, s:I}", "name",
                     entry->awaiting->context->config->operators[entry->operators[i]].name,
                     "processed", is_settled(entry, op), "state", state, "rebuilding",
                     (int)counter_read(&op->rebuilding), "lsn",
                     lsn_json(counter_read(&op->applied_lsn)), "parked",
                     (json_int_t)counter_read(&op->parked));
}

/* NULL when memory is out. */
static char *text_of(const struct awaiting_entry *entry, bool processed)
{
    json_t *operators = json_array();
    uint64_t applied = UINT64_MAX;

    for (size_t i = 0; i < entry->count; i++) {
        uint64_t lsn = counter_read(&operator_of(entry, i)->applied_lsn);
        applied = lsn < applied ? lsn : applied;
        json_array_append_new(operators, operator_json(entry, i));
    }
    json_t *json = json_pack("{s:s*, s:b, s:o, s:o, s:o}", "table", entry->table, "processed",
                             processed, "wanted", lsn_json(entry->place_known ? entry->lsn : 0),
                             "lsn", lsn_json(applied), "operators", operators);
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

static void entry_free(struct awaiting_entry *entry)
{
    struct awaiting *awaiting = entry->awaiting;

    ev_timer_stop(awaiting->loop->ev, &entry->deadline);
    DL_DELETE(awaiting->entries, entry);
    awaiting->count--;
    free(entry->table);
    free(entry);
    if (awaiting->entries != NULL)
        return;
    progress_unlisten(awaiting->context->progress, &awaiting->listener);
    ev_timer_stop(awaiting->loop->ev, &awaiting->ask);
}

static void answer(struct awaiting_entry *entry, struct http_exchange *exchange, bool processed)
{
    static const struct http_header headers[] = {
        {STR("Cache-Control"), STR("no-store")},
        {STR("Retry-After"), STR("1")},
    };
    char *text = text_of(entry, processed);

    entry_free(entry);
    if (text == NULL) {
        api_respond_unavailable(exchange, STR("Out of memory"));
        return;
    }
    http_respond(exchange, &(struct http_response){
                               .status = processed ? 200 : 425,
                               .content_type = "application/json",
                               .body = str_from(text),
                               .headers = headers,
                               .header_count = processed ? 1 : 2,
                           });
    free(text);
}

/* --- while it waits -------------------------------------------------------------------------- */

/* Of the server, what is needed to know. */
static void ask_about(const struct awaiting_entry *entry)
{
    const struct awaiting_context *context = entry->awaiting->context;

    if (!entry->place_known)
        context->look(context->owner);
    else if (!lsn_reached(journal_durable_lsn(context->journal), entry->lsn))
        context->poke(context->owner);
}

/* No operator is further. */
static uint64_t furthest(const struct awaiting_context *context)
{
    uint64_t furthest = 0;

    for (size_t i = 0; i < context->config->operator_count; i++) {
        uint64_t settled = counter_read(&context->operators[i].settled_lsn);
        furthest = settled > furthest ? settled : furthest;
    }
    return furthest;
}

static void on_wake(struct loop_wakeup *wakeup)
{
    struct awaiting *awaiting =
        (struct awaiting *)((char *)wakeup - offsetof(struct awaiting, wakeup));
    struct awaiting_entry *entry, *next;
    uint64_t reached = furthest(awaiting->context);

    DL_FOREACH_SAFE(awaiting->entries, entry, next)
    {
        bool known = entry->place_known;
        if (known && !lsn_reached(reached, entry->lsn))
            continue;
        if (is_processed(entry))
            answer(entry, entry->exchange, true);
        else if (entry->place_known != known)
            ask_about(entry);
    }
}

static void on_progress(struct progress_listener *listener)
{
    struct awaiting *awaiting =
        (struct awaiting *)((char *)listener - offsetof(struct awaiting, listener));

    loop_wake(awaiting->loop, &awaiting->wakeup);
}

static void on_ask(struct ev_loop *ev, ev_timer *timer, int events)
{
    const struct awaiting *awaiting = timer->data;
    struct awaiting_entry *entry;

    DL_FOREACH(awaiting->entries, entry)
    {
        ask_about(entry);
    }
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct awaiting_entry *entry = timer->data;

    answer(entry, entry->exchange, is_processed(entry));
}

static void on_drain(void *owner, struct http_exchange *exchange)
{
    struct awaiting_entry *entry = owner;

    answer(entry, exchange, is_processed(entry));
}

static void on_gone(void *owner, const char *reason)
{
    entry_free(owner);
}

/* --- the question ---------------------------------------------------------------------------- */

static struct awaiting_entry *entry_new(struct awaiting *awaiting,
                                        const struct awaiting_question *question)
{
    const struct config *config = awaiting->context->config;
    struct awaiting_entry *entry =
        calloc(1, sizeof(*entry) + config->operator_count * sizeof(entry->operators[0]));

    if (entry == NULL)
        return NULL;
    entry->awaiting = awaiting;
    entry->place_known = question->by_lsn;
    entry->lsn = question->lsn;
    entry->time_us = question->time_us;
    for (size_t i = 0; i < config->operator_count; i++)
        if (question->concerns(&config->operators[i], question->what))
            entry->operators[entry->count++] = i;
    entry->table = question->table.data != NULL ? str_dup(question->table) : NULL;
    if (question->table.data == NULL || entry->table != NULL)
        return entry;
    free(entry);
    return NULL;
}

static bool concerns_any(const struct awaiting *awaiting, const struct awaiting_question *question)
{
    const struct config *config = awaiting->context->config;

    for (size_t i = 0; i < config->operator_count; i++)
        if (question->concerns(&config->operators[i], question->what))
            return true;
    return false;
}

static void start_deadline(struct awaiting_entry *entry, const struct awaiting_question *question)
{
    struct ev_loop *ev = entry->awaiting->loop->ev;
    double seconds = (question->wait_ms > ASKING_MS ? question->wait_ms : ASKING_MS) / 1000.;
    double left = (double)question->expires - (double)clock_wall_us() / 1e6;

    if (question->expires > 0 && left < seconds)
        seconds = left > 0. ? left : 0.;
    ev_now_update(ev);
    ev_timer_init(&entry->deadline, on_deadline, seconds, 0.);
    entry->deadline.data = entry;
    ev_timer_start(ev, &entry->deadline);
}

bool awaiting_ask(struct awaiting *awaiting, struct http_exchange *exchange,
                  const struct awaiting_question *question)
{
    static const struct http_wait_events events = {on_drain, on_gone};

    if (!concerns_any(awaiting, question))
        return false;
    struct awaiting_entry *entry =
        awaiting->count < ENTRIES_MAX ? entry_new(awaiting, question) : NULL;
    if (entry == NULL) {
        api_respond_unavailable(exchange, STR("Too many wait already; try again"));
        return true;
    }
    /* First it listens, then it looks: so no progress is missed between the two. */
    if (awaiting->entries == NULL)
        progress_listen(awaiting->context->progress, &awaiting->listener);
    DL_APPEND(awaiting->entries, entry);
    awaiting->count++;
    if (is_processed(entry)) {
        answer(entry, exchange, true);
        return true;
    }
    entry->exchange = http_respond_later(exchange, &events, entry);
    start_deadline(entry, question);
    ask_about(entry);
    if (!ev_is_active(&awaiting->ask))
        ev_timer_again(awaiting->loop->ev, &awaiting->ask);
    return true;
}

void awaiting_start(struct awaiting *awaiting, struct loop *loop,
                    const struct awaiting_context *context)
{
    *awaiting = (struct awaiting){.context = context, .loop = loop};
    awaiting->listener.on_progress = on_progress;
    awaiting->wakeup.on_wake = on_wake;
    ev_timer_init(&awaiting->ask, on_ask, ASK_AGAIN_SECONDS, ASK_AGAIN_SECONDS);
    awaiting->ask.data = awaiting;
    loop_wakeup_start(loop, &awaiting->wakeup);
}

void awaiting_stop(struct awaiting *awaiting)
{
    if (awaiting->loop != NULL)
        loop_wakeup_stop(awaiting->loop, &awaiting->wakeup);
}
