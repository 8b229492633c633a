#include "api/events_table.h"

#include "api/events_page.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <utlist.h>

/* Pages that may wait for the journal at a time: with the size of a page the bound of the memory.
 */
#define WAITING_MAX 32
/* Of the ids of late rows. */
#define LATE_TEXT_MAX ((size_t)EVENTS_PAGE_LATE * 24)
#define IDLE_SECONDS 5.0
/* The server's answer to a poke may come before the WAL in question is flushed: ask again. */
#define POKE_SECONDS 0.2
#define PAUSE_MIN_MS 10
#define PAUSE_MAX_MS 1000

#define TABLE_OF(pointer, member)                                                                  \
    ((struct events_table *)((char *)(pointer)-offsetof(struct events_table, member)))

struct events_table {
    struct loop *loop;
    const struct api_context *context;
    struct events_sql sql;

    struct pg_conn *conn;
    bool ready;
    bool busy;  /* statements are under way, for ASKED or for one that was cancelled */
    int failed; /* the first failure among their results */

    struct events_request *queue;
    struct events_request *asked;
    struct events_request
        *waiting; /* in the order of their LSN, as they all come from one connection */
    size_t waiting_count;
    _Atomic bool waits; /* some may be waiting; for the journal's thread */

    struct journal_listener listener;
    struct loop_wakeup wakeup;
    ev_timer idle;
    ev_timer poke;
};

static void pump(struct events_table *table);

/* --- answers
 * --------------------------------------------------------------------------------------- */

/* Takes REQUEST out of wherever it is. */
static void detach(struct events_table *table, struct events_request *request)
{
    if (request->state == EVENTS_REQUEST_QUEUED) {
        DL_DELETE(table->queue, request);
    } else if (request->state == EVENTS_REQUEST_ASKED) {
        table->asked = NULL;
    } else if (request->state == EVENTS_REQUEST_WAITING) {
        DL_DELETE(table->waiting, request);
        table->waiting_count--;
    } else if (request->state == EVENTS_REQUEST_PAUSED) {
        ev_timer_stop(table->loop->ev, &request->pause);
    }
    request->state = EVENTS_REQUEST_NONE;
}

static void answer(struct events_table *table, struct events_request *request, bool good)
{
    struct events_page page = request->page;

    detach(table, request);
    request->page = (struct events_page){0};
    request->on_page(request, good ? &page : NULL);
    events_page_release(&page);
}

/* Those who ask again meanwhile are not part of this. */
static void fail_all(struct events_table *table)
{
    struct events_request *last = table->queue != NULL ? table->queue->prev : NULL;

    if (table->asked != NULL)
        answer(table, table->asked, false);
    while (last != NULL) {
        struct events_request *request = table->queue;
        answer(table, request, false);
        if (request == last)
            break;
    }
}

/* --- the wait for the journal
 * ---------------------------------------------------------------------- */

static void release_waiting(struct events_table *table)
{
    uint64_t durable = journal_durable_lsn(table->context->journal);

    while (table->waiting != NULL && table->waiting->page.lsn <= durable)
        answer(table, table->waiting, true);
    if (table->waiting == NULL) {
        table->waits = false;
        ev_timer_stop(table->loop->ev, &table->poke);
    }
}

static void poke(struct events_table *table)
{
    table->context->poke(table->context->poke_owner);
}

static void wait_for_journal(struct events_table *table, struct events_request *request)
{
    detach(table, request);
    request->state = EVENTS_REQUEST_WAITING;
    DL_APPEND(table->waiting, request);
    table->waiting_count++;
    table->waits = true;
    if (request->page.lsn <= journal_durable_lsn(table->context->journal))
        return;
    poke(table);
    ev_timer_again(table->loop->ev, &table->poke);
}

static void on_poke(struct ev_loop *ev, ev_timer *timer, int events)
{
    poke(timer->data);
}

/* On the journal's thread. */
static void on_durable(struct journal_listener *listener)
{
    struct events_table *table = TABLE_OF(listener, listener);

    if (table->waits)
        loop_wake(table->loop, &table->wakeup);
}

static void on_wake(struct loop_wakeup *wakeup)
{
    struct events_table *table = TABLE_OF(wakeup, wakeup);

    if (table->waiting == NULL && table->queue == NULL)
        return;
    release_waiting(table);
    pump(table);
}

/* --- the connection
 * -------------------------------------------------------------------------------- */

static void disconnect(struct events_table *table)
{
    pg_conn_close(table->conn);
    table->conn = NULL;
    table->ready = table->busy = false;
}

static void on_idle(struct ev_loop *ev, ev_timer *timer, int events)
{
    disconnect(timer->data);
}

static void note_failure(struct events_table *table, int status)
{
    if (status < 0 && table->failed == 0)
        table->failed = status;
}

static void on_snapshot(void *owner, const PGresult *result)
{
    struct events_table *table = owner;

    if (table->asked != NULL)
        note_failure(table, events_page_snapshot(&table->asked->page, result));
}

static void on_rows(void *owner, const PGresult *result)
{
    struct events_table *table = owner;

    if (table->asked != NULL)
        note_failure(table, events_page_rows(&table->asked->page, result));
}

static void on_mark(void *owner, const PGresult *result)
{
    struct events_table *table = owner;

    if (table->asked != NULL)
        note_failure(table, events_page_mark(&table->asked->page, result));
}

static void on_done(void *owner, const struct error *err)
{
    struct events_table *table = owner;
    struct events_request *request = table->asked;

    table->busy = false;
    if (err != NULL)
        log_warn("events", "the events table cannot be read: %s", err->text);
    else if (table->failed != 0)
        log_warn("events", "the events table cannot be read: a page does not fit: %s",
                 strerrordesc_np(-table->failed));
    if (request != NULL && (err != NULL || table->failed != 0))
        answer(table, request, false);
    else if (request != NULL)
        wait_for_journal(table, request);
    release_waiting(table);
    pump(table);
}

static void on_ready(void *owner)
{
    struct events_table *table = owner;

    table->ready = true;
    pump(table);
}

static void on_closed(void *owner, const struct error *why)
{
    struct events_table *table = owner;

    log_warn("events", "the events table cannot be read: %s", why->text);
    disconnect(table);
    fail_all(table);
    pump(table);
}

static const struct pg_conn_events conn_events = {.on_ready = on_ready, .on_closed = on_closed};

static void connect(struct events_table *table)
{
    struct error err;

    if (pg_conn_start(&table->conn, table->loop, table->context->pg, &conn_events, table, &err) ==
        0)
        return;
    log_warn("events", "the events table cannot be read: %s", err.text);
    table->conn = NULL;
    fail_all(table);
}

/* What the journal knows before the table is asked. 0; -ENOMEM; -EAGAIN or -EIO of the journal. */
static int look_before(struct events_table *table, struct events_request *request)
{
    struct events_asked *asked = &request->page.asked;

    *asked = (struct events_asked){.after = request->after};
    asked->late = calloc(EVENTS_PAGE_LATE, sizeof(*asked->late));
    if (asked->late == NULL)
        return -ENOMEM;
    struct journal_look look = {
        .after = request->after, .late = asked->late, .late_room = EVENTS_PAGE_LATE};
    int status = journal_look_up(table->context->journal, &look);
    asked->late_count = look.late_count;
    asked->late_all = look.late_all;
    asked->late_up_to = look.late_up_to;
    return status;
}

/* When one of these fails the connection closes itself, and on_closed() answers. */
static void send_statements(struct events_table *table, const struct events_request *request,
                            const char *ids, const char *leaders)
{
    char after[24], had[24];
    const char *page_values[] = {request->consumer, after, ids, leaders};
    const char *mark_values[] = {had};
    const struct pg_statement snapshot = {NULL, events_sql_snapshot, 0, NULL, on_snapshot};
    const struct pg_statement page = {NULL, table->sql.page, 4, page_values, on_rows};
    const struct pg_statement mark = {NULL, table->sql.mark, 1, mark_values, on_mark};

    snprintf(after, sizeof(after), "%" PRId64, request->after.leader);
    snprintf(had, sizeof(had), "%" PRId64, request->had);
    if (pg_conn_send(table->conn, &snapshot) == 0 && pg_conn_send(table->conn, &page) == 0 &&
        pg_conn_send(table->conn, &mark) == 0)
        (void)pg_conn_sync(table->conn, on_done);
}

static int send_request(struct events_table *table, struct events_request *request)
{
    struct buffer ids, leaders;

    buffer_init(&ids, LATE_TEXT_MAX);
    buffer_init(&leaders, LATE_TEXT_MAX);
    int status = look_before(table, request);
    if (status == 0)
        status = events_page_late(&request->page.asked, &ids, &leaders);
    if (status == 0) {
        detach(table, request);
        request->state = EVENTS_REQUEST_ASKED;
        table->asked = request;
        table->busy = true;
        table->failed = 0;
        send_statements(table, request, ids.data, leaders.data);
    }
    buffer_release(&ids);
    buffer_release(&leaders);
    return status;
}

static void send_first(struct events_table *table)
{
    struct events_request *request = table->queue;
    int status = send_request(table, request);

    if (status == 0)
        return;
    log_warn("events", "a page of the events table cannot be asked for: %s",
             strerrordesc_np(-status));
    answer(table, request, false);
}

/* Whatever can go on, goes on. */
static void pump(struct events_table *table)
{
    ev_timer_stop(table->loop->ev, &table->idle);
    if (table->busy || table->waiting_count >= WAITING_MAX)
        return;
    if (table->queue == NULL) {
        if (table->conn != NULL)
            ev_timer_again(table->loop->ev, &table->idle);
        return;
    }
    if (table->conn == NULL)
        connect(table);
    else if (table->ready)
        send_first(table);
}

/* --- the outside
 * ------------------------------------------------------------------------------------ */

int events_table_new(struct events_table **ret_table, struct loop *loop,
                     const struct api_context *context, struct error *err)
{
    struct events_table *table = calloc(1, sizeof(*table));

    if (table == NULL)
        return error_set(err, -ENOMEM, "Events: out of memory");
    int status = events_sql_init(&table->sql, context->config, err);
    if (status < 0) {
        free(table);
        return status;
    }
    table->loop = loop;
    table->context = context;
    ev_timer_init(&table->idle, on_idle, IDLE_SECONDS, IDLE_SECONDS);
    ev_timer_init(&table->poke, on_poke, POKE_SECONDS, POKE_SECONDS);
    table->idle.data = table->poke.data = table;
    table->wakeup.on_wake = on_wake;
    table->listener.on_durable = on_durable;
    loop_wakeup_start(loop, &table->wakeup);
    journal_listen(context->journal, &table->listener);
    *ret_table = table;
    return 0;
}

void events_table_free(struct events_table *table)
{
    if (table == NULL)
        return;
    assert(table->queue == NULL && table->asked == NULL && table->waiting == NULL);
    journal_unlisten(table->context->journal, &table->listener);
    loop_wakeup_stop(table->loop, &table->wakeup);
    ev_timer_stop(table->loop->ev, &table->idle);
    ev_timer_stop(table->loop->ev, &table->poke);
    disconnect(table);
    events_sql_release(&table->sql);
    free(table);
}

static void enqueue(struct events_table *table, struct events_request *request)
{
    assert(request->state == EVENTS_REQUEST_NONE);
    request->state = EVENTS_REQUEST_QUEUED;
    DL_APPEND(table->queue, request);
    /* Through the loop: nothing may be answered before this returns. */
    loop_wake(table->loop, &table->wakeup);
}

void events_table_ask(struct events_table *table, struct events_request *request)
{
    request->pause_ms = 0;
    enqueue(table, request);
}

static void on_pause_over(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct events_request *request = timer->data;
    struct events_table *table = request->table;

    detach(table, request);
    enqueue(table, request);
}

void events_table_ask_again(struct events_table *table, struct events_request *request)
{
    unsigned ms = request->pause_ms == 0 ? PAUSE_MIN_MS : request->pause_ms * 2;

    assert(request->state == EVENTS_REQUEST_NONE);
    request->state = EVENTS_REQUEST_PAUSED;
    request->pause_ms = ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
    request->table = table;
    ev_timer_init(&request->pause, on_pause_over, request->pause_ms / 1000., 0.);
    request->pause.data = request;
    ev_timer_start(table->loop->ev, &request->pause);
}

void events_table_cancel(struct events_table *table, struct events_request *request)
{
    if (request->state == EVENTS_REQUEST_NONE)
        return;
    detach(table, request);
    events_page_release(&request->page);
}
