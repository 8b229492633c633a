#include "api/publish_table.h"

#include "api/publish_result.h"
#include "api/publish_sql.h"
#include "base/log.h"
#include "pg/failure.h"

#include <errno.h>
#include <stddef.h>
#include <utlist.h>

/* Requests that wait or are under way, and their bytes: past that a client is told to come later.
 */
#define REQUESTS_MAX 64
#define BYTES_MAX ((size_t)16 << 20)
/* Of them on the connection at a time. */
#define SENT_MAX 16
#define IDS_MAX ((size_t)64 << 20)
#define IDLE_SECONDS 60.0
#define JSON_OID 114
#define JSONB_OID 3802
#define PAYLOAD_PARAMETER 2 /* $3, counted from 0 */

#define TABLE_OF(pointer, member)                                                                  \
    ((struct publish_table *)((char *)(pointer)-offsetof(struct publish_table, member)))

struct publish_table {
    struct loop *loop;
    const struct api_context *context;
    struct publish_sql sql;

    struct pg_conn *conn;
    bool ready;           /* connected, and the payload's type is known */
    bool payload_is_json; /* else it is given what a JSON string says, without quotes */
    bool prepared[PUBLISH_SQL_FORMS];
    bool installed;       /* the table published was looked for */
    struct error install; /* why it could not be made */

    struct publish_request *queue;
    struct publish_request *sent; /* in the order of their results */
    size_t count, sent_count, bytes;

    struct loop_wakeup wakeup;
    ev_timer idle;
};

static const char *const form_names[PUBLISH_SQL_FORMS] = {"publish", "publish_at", "publish_key",
                                                          "publish_key_at"};

static void pump(struct publish_table *table);

/* --- outcomes -------------------------------------------------------------------------------- */

static size_t bytes_of(const struct publish_request *request)
{
    return request->batch.text.capacity + request->batch.capacity * sizeof(struct publish_item);
}

static void detach(struct publish_table *table, struct publish_request *request)
{
    if (request->state == PUBLISH_QUEUED) {
        DL_DELETE(table->queue, request);
    } else if (request->state == PUBLISH_SENT) {
        DL_DELETE(table->sent, request);
        table->sent_count--;
    }
    request->state = PUBLISH_IDLE;
}

static void end(struct publish_table *table, struct publish_request *request,
                const struct publish_outcome *outcome)
{
    struct buffer ids = request->ids;

    detach(table, request);
    table->count--;
    table->bytes -= bytes_of(request);
    request->on_outcome(request, outcome);
    buffer_release(&ids);
}

static void fail_all(struct publish_table *table, const struct error *why)
{
    struct publish_outcome outcome = {PUBLISH_AWAY, .fault = {*why, -1, NULL}};

    while (table->sent != NULL)
        end(table, table->sent, &outcome);
    while (table->queue != NULL)
        end(table, table->queue, &outcome);
}

/* --- the connection -------------------------------------------------------------------------- */

static void disconnect(struct publish_table *table)
{
    pg_conn_close(table->conn);
    table->conn = NULL;
    table->ready = table->installed = false;
    memset(table->prepared, 0, sizeof(table->prepared));
}

static void lose(struct publish_table *table, const struct error *why)
{
    log_warn("events", "POST /events: nothing can be inserted now: %s", why->text);
    disconnect(table);
    fail_all(table, why);
}

static void on_idle(struct ev_loop *ev, ev_timer *timer, int events)
{
    disconnect(timer->data);
}

static void on_closed(void *owner, const struct error *why)
{
    lose(owner, why);
}

static void on_description(void *owner, const PGresult *result)
{
    struct publish_table *table = owner;

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return;
    Oid type = PQparamtype(result, PAYLOAD_PARAMETER);
    table->payload_is_json = type == JSON_OID || type == JSONB_OID;
}

static const char *mend_of(const struct error *err)
{
    if (strcmp(err->sqlstate, "42501") == 0)
        return "; GRANT INSERT, SELECT on the events table to walpiper's role; for Idempotency-Key "
               "see sql/published.sql";
    if (strncmp(err->sqlstate, "42P01", 5) == 0 || strncmp(err->sqlstate, "3F", 2) == 0)
        return "; for the events table see sql/schema.sql, for Idempotency-Key sql/published.sql";
    return "";
}

static void tell_broken(const struct error *err)
{
    log_error("events", "POST /events: the events table cannot be inserted into: %s%s", err->text,
              mend_of(err));
}

/* What is wrong with the table may be mended at any time: the next request looks anew. */
static void on_prepared(void *owner, const struct error *err)
{
    struct publish_table *table = owner;

    if (err == NULL) {
        table->ready = table->prepared[0] = true;
        pump(table);
        return;
    }
    bool transient = pg_failure_classify(err->sqlstate) == PG_FAILURE_TRANSIENT;
    struct publish_outcome outcome = {transient ? PUBLISH_AWAY : PUBLISH_BROKEN,
                                      .fault = {*err, -1, NULL}};
    tell_broken(err);
    disconnect(table);
    while (table->queue != NULL)
        end(table, table->queue, &outcome);
}

static void on_ready(void *owner)
{
    struct publish_table *table = owner;

    if (pg_conn_prepare(table->conn, form_names[0], table->sql.insert[0]) == 0 &&
        pg_conn_describe(table->conn, form_names[0], on_description) == 0)
        (void)pg_conn_sync(table->conn, on_prepared);
}

static void connect(struct publish_table *table)
{
    static const struct pg_conn_events conn_events = {.on_ready = on_ready, .on_closed = on_closed};
    struct error err = {0};

    if (pg_conn_start(&table->conn, table->loop, table->context->pg, &conn_events, table, &err) < 0)
        lose(table, &err);
}

/* --- results --------------------------------------------------------------------------------- */

static void on_claim(void *owner, const PGresult *result)
{
    const struct publish_table *table = owner;

    publish_result_claim(table->sent, result);
}

static void on_item(void *owner, const PGresult *result)
{
    const struct publish_table *table = owner;

    publish_result_item(table->sent, result);
}

static void on_found(void *owner, const PGresult *result)
{
    const struct publish_table *table = owner;

    publish_result_found(table->sent, result);
}

static void look_up(struct publish_table *table, struct publish_request *request)
{
    detach(table, request);
    request->looks_up = true;
    request->state = PUBLISH_QUEUED;
    buffer_reset(&request->ids);
    DL_PREPEND(table->queue, request);
}

static void on_done(void *owner, const struct error *err)
{
    struct publish_table *table = owner;
    struct publish_request *request = table->sent;
    struct publish_outcome outcome = {PUBLISH_DONE, .ids = buffer_str(&request->ids)};

    if (request->key_taken && !request->looks_up) {
        look_up(table, request);
        pump(table);
        return;
    }
    /* Without its table a key fails for a reason that was told before. */
    if (err != NULL && request->key != NULL && table->install.code != 0)
        err = &table->install;
    if (err != NULL)
        outcome = publish_result_failure(request, err);
    else if (request->looks_up)
        outcome = publish_result_lookup(request);
    else if (request->ids.failed != 0)
        outcome.ids = STR(""); /* it is committed: the ids are all that is lost */
    if (outcome.result == PUBLISH_BROKEN)
        tell_broken(&outcome.fault.err);
    end(table, request, &outcome);
    /* Prepared for a table that is not what it was. */
    if (outcome.result == PUBLISH_BROKEN && table->sent == NULL)
        disconnect(table);
    pump(table);
}

static void on_installed(void *owner, const struct error *err)
{
    struct publish_table *table = owner;

    table->install = err != NULL ? *err : (struct error){0};
}

/* --- statements ------------------------------------------------------------------------------ */

/* When a call fails here, the connection closes itself, and on_closed() tells. */

static int prepare(struct publish_table *table, unsigned form)
{
    if (table->prepared[form])
        return 0;
    table->prepared[form] = true;
    return pg_conn_prepare(table->conn, form_names[form], table->sql.insert[form]);
}

static unsigned form_of(const struct publish_request *request, const struct publish_item *item)
{
    return (item->timestamp != PUBLISH_NONE ? PUBLISH_SQL_AT : 0) |
           (request->key != NULL ? PUBLISH_SQL_KEYED : 0);
}

/* The first statements of a transaction, so that no failure of an item keeps them from running. */
static int prepare_forms(struct publish_table *table, const struct publish_request *request)
{
    int status = 0;

    for (size_t i = 0; i < request->batch.count && status == 0; i++)
        status = prepare(table, form_of(request, &request->batch.items[i]));
    return status;
}

static int claim_key(struct publish_table *table, const struct publish_request *request)
{
    const char *const values[] = {request->key, request->digest};
    const struct pg_statement purge = {NULL, table->sql.purge, 0, NULL, NULL};
    const struct pg_statement claim = {NULL, table->sql.claim, 2, values, on_claim};
    int status = pg_conn_send(table->conn, &purge);

    return status == 0 ? pg_conn_send(table->conn, &claim) : status;
}

static int send_item(struct publish_table *table, const struct publish_request *request, size_t i)
{
    const struct publish_batch *batch = &request->batch;
    const struct publish_item *item = &batch->items[i];
    unsigned form = form_of(request, item);
    bool plain = !table->payload_is_json && item->plain != PUBLISH_NONE;
    char nth[24];
    const char *const values[] = {
        publish_text(batch, item->type),
        publish_text(batch, item->consumer),
        publish_text(batch, plain ? item->plain : item->payload),
        publish_text(batch, item->timestamp),
        request->key,
        nth,
    };
    int count = form & PUBLISH_SQL_KEYED ? 6 : form & PUBLISH_SQL_AT ? 4 : 3;
    const struct pg_statement insert = {form_names[form], NULL, count, values, on_item};

    snprintf(nth, sizeof(nth), "%zu", i + 1);
    return pg_conn_send(table->conn, &insert);
}

static int install(struct publish_table *table)
{
    const struct pg_statement statement = {NULL, table->sql.install, 0, NULL, NULL};

    table->installed = true;
    int status = pg_conn_send(table->conn, &statement);
    return status == 0 ? pg_conn_sync(table->conn, on_installed) : status;
}

static int send_batch(struct publish_table *table, const struct publish_request *request)
{
    int status = 0;

    if (request->key != NULL && (!table->installed || table->install.code != 0))
        status = install(table);
    if (status == 0)
        status = prepare_forms(table, request);
    if (status == 0 && request->key != NULL)
        status = claim_key(table, request);
    for (size_t i = 0; i < request->batch.count && status == 0; i++)
        status = send_item(table, request, i);
    return status == 0 ? pg_conn_sync(table->conn, on_done) : status;
}

static int send_lookup(struct publish_table *table, const struct publish_request *request)
{
    const char *const values[] = {request->key};
    const struct pg_statement lookup = {NULL, table->sql.lookup, 1, values, on_found};
    int status = pg_conn_send(table->conn, &lookup);

    return status == 0 ? pg_conn_sync(table->conn, on_done) : status;
}

static void send_first(struct publish_table *table)
{
    struct publish_request *request = table->queue;

    detach(table, request);
    request->state = PUBLISH_SENT;
    DL_APPEND(table->sent, request);
    table->sent_count++;
    (void)(request->looks_up ? send_lookup(table, request) : send_batch(table, request));
}

/* Whatever can go on, goes on. */
static void pump(struct publish_table *table)
{
    ev_timer_stop(table->loop->ev, &table->idle);
    if (table->queue != NULL && table->conn == NULL)
        connect(table);
    while (table->ready && table->queue != NULL && table->sent_count < SENT_MAX)
        send_first(table);
    if (table->conn != NULL && table->count == 0)
        ev_timer_again(table->loop->ev, &table->idle);
}

static void on_wake(struct loop_wakeup *wakeup)
{
    pump(TABLE_OF(wakeup, wakeup));
}

/* --- the outside ----------------------------------------------------------------------------- */

int publish_table_new(struct publish_table **ret_table, struct loop *loop,
                      const struct api_context *context, struct error *err)
{
    struct publish_table *table = calloc(1, sizeof(*table));

    if (table == NULL)
        return error_set(err, -ENOMEM, "POST /events: out of memory");
    int status = publish_sql_init(&table->sql, context->config, err);
    if (status < 0) {
        free(table);
        return status;
    }
    table->loop = loop;
    table->context = context;
    ev_timer_init(&table->idle, on_idle, IDLE_SECONDS, IDLE_SECONDS);
    table->idle.data = table;
    table->wakeup.on_wake = on_wake;
    loop_wakeup_start(loop, &table->wakeup);
    *ret_table = table;
    return 0;
}

void publish_table_free(struct publish_table *table)
{
    struct error why = {0};

    if (table == NULL)
        return;
    error_set(&why, -ESHUTDOWN, "walpiper stops");
    disconnect(table);
    fail_all(table, &why);
    loop_wakeup_stop(table->loop, &table->wakeup);
    ev_timer_stop(table->loop->ev, &table->idle);
    publish_sql_release(&table->sql);
    free(table);
}

int publish_table_add(struct publish_table *table, struct publish_request *request)
{
    if (table->count >= REQUESTS_MAX || table->bytes + bytes_of(request) > BYTES_MAX)
        return -EBUSY;
    request->state = PUBLISH_QUEUED;
    request->failed = -1;
    buffer_init(&request->ids, IDS_MAX);
    DL_APPEND(table->queue, request);
    table->count++;
    table->bytes += bytes_of(request);
    /* Through the loop: there may be no outcome before this returns. */
    loop_wake(table->loop, &table->wakeup);
    return 0;
}

bool publish_table_cancel(struct publish_table *table, struct publish_request *request)
{
    if (request->state != PUBLISH_QUEUED || request->looks_up)
        return false;
    detach(table, request);
    table->count--;
    table->bytes -= bytes_of(request);
    return true;
}
