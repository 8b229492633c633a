#include "server.h"
#include "base/clock.h"
#include "operator/state_sql.h"
#include "operator/statements.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define STATEMENTS_MAX 512

struct statement {
    char name[64];
    char values[8][64];
    pg_on_result on_result;
    bool describe, unnamed;
};

struct pg_conn {
    struct loop_deferred deferred;
    struct loop *loop;
    const struct pg_conn_events *events;
    void *owner;
    bool ready, closed;
    ev_timer timer;
    struct statement statements[STATEMENTS_MAX];
    unsigned count;
    bool synced;
    pg_on_done on_done;
    const char *database;
};

struct server server;
static struct pg_conn *newest;
static unsigned open_connections;

void server_reset(void)
{
    buffer_release(&server.history);
    server = (struct server){.checkpoint = {"1", "", "0/0", "0", "0", NULL, NULL, NULL, "f"},
                             .control = {"f", NULL, "1", "0", "f"},
                             .parameters = 1,
                             .due_attempts = "1"};
    buffer_init(&server.history, 1 << 20);
    buffer_append_char(&server.history, '\0');
}

void server_forget(void)
{
    buffer_reset(&server.history);
    buffer_append_char(&server.history, '\0');
}

bool server_did(const char *what)
{
    return strstr(server.history.data, what) != NULL;
}

unsigned server_count(const char *what)
{
    unsigned count = 0;
    for (const char *at = server.history.data; (at = strstr(at, what)); at++)
        count++;
    return count;
}

static void write_down(const char *text)
{
    server.history.len--;
    buffer_append(&server.history, text, strlen(text) + 1);
    ck_assert_int_eq(server.history.failed, 0);
}

/* libpq gives no way to make a result that describes parameters. */
int PQnparams(const PGresult *result)
{
    return server.parameters;
}

static PGresult *row_of(int columns, const char *const *values, bool any)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    static char name[] = "column";
    PGresAttDesc descriptions[10] = {0};
    for (int i = 0; i < columns; i++)
        descriptions[i].name = name;
    PQsetResultAttrs(result, columns, descriptions);
    for (int i = 0; any && i < columns; i++) {
        char value[128];
        snprintf(value, sizeof(value), "%s", values[i] ? values[i] : "");
        PQsetvalue(result, 0, i, values[i] ? value : NULL, values[i] ? (int)strlen(value) : -1);
    }
    return result;
}

static PGresult *due_rows(void)
{
    PGresult *result = row_of(4, NULL, false);
    struct str words = str_from(server.due);
    for (int row = 0; words.len > 0; row++) {
        struct str id = str_cut(&words, ' ');
        char text[64];
        snprintf(text, sizeof(text), "%.*s", STR_ARG(id));
        char deletes[] = "f";
        PQsetvalue(result, row, 0, text, (int)id.len);
        PQsetvalue(result, row, 1, deletes, 1);
        snprintf(text, sizeof(text), "%s", server.due_attempts);
        PQsetvalue(result, row, 2, text, (int)strlen(text));
        PQsetvalue(result, row, 3, NULL, -1);
    }
    return result;
}

static bool is_word_of(const char *words, const char *word)
{
    struct str left = str_from(words);
    while (left.len > 0)
        if (str_equal(str_cut(&left, ' '), str_from(word)))
            return true;
    return false;
}

static PGresult *control_row(void)
{
    const char *values[10];
    memcpy(values, server.control, sizeof(server.control));
    memcpy(values + 5, server.checkpoint + 4, 5 * sizeof(values[0]));
    return row_of(10, values, true);
}

static PGresult *answer(const struct statement *s)
{
    if (s->describe)
        return PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
    if (strstr(s->name, "obj_description"))
        return row_of(1, (const char *[]){STATE_SQL_VERSION}, true);
    if (strstr(s->name, "pg_catalog.pg_proc p JOIN"))
        return row_of(1, (const char *[]){"t"}, server.installed);
    if (strstr(s->name, "swap_forget("))
        return row_of(2, (const char *[]){"former", NULL}, true);
    if (strstr(s->name, "SELECT c.oid"))
        return row_of(7, (const char *[]){"16384", "id", "t", "t", "bigint", "20", "1016"},
                      !server.missing || strcmp(server.missing, s->values[1]) != 0);
    if (strcmp(s->name, STATEMENT_CLAIM) == 0 || strcmp(s->name, STATEMENT_CHECKPOINT) == 0)
        return row_of(9, server.checkpoint, true);
    if (strstr(s->name, "has_function_privilege"))
        return row_of(1, (const char *[]){"t"}, true);
    if (strcmp(s->name, STATEMENT_LOOK) == 0)
        return control_row();
    if (strcmp(s->name, STATEMENT_DUE) == 0)
        return due_rows();
    if (strcmp(s->name, STATEMENT_SWAP_OPEN) == 0)
        return row_of(2, (const char *[]){"walpiper_swap_1", "\"id\""}, true);
    if (strcmp(s->name, STATEMENT_SWAP_EXCHANGE) == 0)
        return row_of(2, (const char *[]){server.swapped, "9"}, true);
    if (strcmp(s->name, STATEMENT_WRITERS) == 0)
        return row_of(1, (const char *[]){"{}"}, true);
    if (strstr(s->name, "pg_is_in_recovery"))
        return row_of(1, (const char *[]){server.standby > 0 && server.standby-- > 0 ? "t" : "f"},
                      true);
    if (strcmp(s->name, STATEMENT_RIVAL) == 0)
        return row_of(1, (const char *[]){"4711"}, server.rival > 0 && server.rival-- > 0);
    if (strcmp(s->name, STATEMENT_UNSEEN) == 0)
        return row_of(1, (const char *[]){"700"}, server.unseen > 0 && server.unseen-- > 0);
    return row_of(2, NULL, false);
}

/* The SQLSTATE with which S fails; NULL: it does not. */
static const char *failure(const struct statement *s)
{
    if (server.refuse_state && strcmp(s->name, STATEMENT_ADVANCE) == 0)
        return server.refuse_state;
    if (server.swap_state && strcmp(s->name, STATEMENT_SWAP_ENTER) == 0)
        return server.swap_state;
    if (strcmp(s->name, STATEMENT_QUERY) == 0 && is_word_of(server.failing, s->values[0]))
        return server.failing_state;
    return NULL;
}

/* What changes nothing and no test asks for. */
static bool is_question(const char *name)
{
    static const char *const questions[] = {
        STATEMENT_CLAIM,      STATEMENT_HOLD,    STATEMENT_LOOK,        STATEMENT_DUE,
        STATEMENT_ALL_PARKED, STATEMENT_WRITERS, STATEMENT_WRITE_STILL, STATEMENT_CHECKPOINT};
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        if (strcmp(name, questions[i]) == 0)
            return true;
    return false;
}

static const char *tell(const struct statement *s, char *text, size_t size)
{
    if (strstr(s->name, "pg_catalog.pg_proc p JOIN")) {
        snprintf(text, size, "installed? | ");
        return text;
    }
    if (strstr(s->name, "swap_forget(")) {
        snprintf(text, size, "forget %s %s | ", s->values[0], s->values[1]);
        return text;
    }
    if (s->unnamed || s->describe || is_question(s->name))
        return NULL;
    const char *verb = s->name + strlen("walpiper_");
    if (strcmp(s->name, STATEMENT_ADVANCE) == 0 || strcmp(s->name, STATEMENT_REBUILD_BEGIN) == 0)
        snprintf(text, size, "%s %s/%s | ", verb, s->values[4], s->values[5]);
    else if (strcmp(s->name, STATEMENT_FENCE) == 0)
        snprintf(text, size, "fence | ");
    else if (strcmp(s->name, STATEMENT_SWAP_LEAVE) == 0)
        snprintf(text, size, "%s | ", verb);
    else if (strcmp(s->name, STATEMENT_REBUILD_ADVANCE) == 0)
        snprintf(text, size, "%s %s | ", verb, s->values[4]);
    else if (strstr(s->name, "park"))
        snprintf(text, size, "%s %s | ", verb, s->values[1]);
    else
        snprintf(text, size, "%s %s | ", verb, s->values[0]);
    return text;
}

static void run_statements(struct pg_conn *c, struct error *err)
{
    char text[256];
    bool told = false;
    for (unsigned i = 0; i < c->count && !c->closed; i++) {
        struct statement *s = &c->statements[i];
        if (tell(s, text, sizeof(text)) && err->code == 0) {
            write_down(text);
            told = true;
        }
        const char *sqlstate = failure(s);
        if (sqlstate && err->code == 0) {
            error_set(err, -71, "failed on purpose");
            snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate);
        }
        if (err->code || !s->on_result)
            continue;
        PGresult *result = answer(s);
        s->on_result(c->owner, result);
        PQclear(result);
    }
    if (told)
        write_down(err->code ? "-> failed\n" : "-> ok\n");
}

static bool has(const struct pg_conn *c, const char *statement)
{
    for (unsigned i = 0; i < c->count; i++)
        if (strcmp(c->statements[i].name, statement) == 0 && !c->statements[i].describe)
            return true;
    return false;
}

/* Of the connection, the flag that ends it. */
static bool *drops(const struct pg_conn *c)
{
    if (server.drops && has(c, STATEMENT_QUERY))
        return &server.drops;
    return server.drops_sources && has(c, STATEMENT_UNSEEN) ? &server.drops_sources : NULL;
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct pg_conn *c = timer->data;
    struct error err = {0};
    if (!c->ready) {
        c->ready = true;
        c->events->on_ready(c->owner);
        return;
    }
    if (!c->synced)
        return;
    if (server.silent) {
        ev_timer_set(&c->timer, 0.001, 0.);
        ev_timer_start(ev, &c->timer);
        return;
    }
    bool *drop = drops(c);
    if (drop) {
        *drop = false;
        write_down("dropped\n");
        error_set(&err, -104, "connection lost on purpose");
        c->events->on_closed(c->owner, &err);
        return;
    }
    run_statements(c, &err);
    pg_on_done on_done = c->on_done;
    c->count = 0;
    c->synced = false;
    if (!c->closed)
        on_done(c->owner, err.code ? &err : NULL);
}

int pg_conn_start(struct pg_conn **ret_conn, struct loop *loop, const struct pg_params *params,
                  const struct pg_conn_events *events, void *owner, struct error *err)
{
    struct pg_conn *c = calloc(1, sizeof(*c));
    ck_assert_ptr_nonnull(c);
    c->loop = loop;
    c->events = events;
    c->owner = owner;
    c->database = params ? params->database : NULL;
    ev_timer_init(&c->timer, on_timer, 0., 0.);
    c->timer.data = c;
    ev_timer_start(loop->ev, &c->timer);
    *ret_conn = newest = c;
    open_connections++;
    return 0;
}

unsigned server_connections(void)
{
    return open_connections;
}

void server_notify(const char *payload)
{
    newest->events->on_notify(newest->owner, "walpiper", payload);
}

static void conn_free(struct loop_deferred *deferred)
{
    free(deferred);
}

void pg_conn_close(struct pg_conn *c)
{
    if (!c || c->closed)
        return;
    c->closed = true;
    open_connections--;
    ev_timer_stop(c->loop->ev, &c->timer);
    c->deferred.free = conn_free;
    loop_defer_free(c->loop, &c->deferred);
}

static bool is_of_sources(const char *name)
{
    return strcmp(name, STATEMENT_WRITERS) == 0 || strcmp(name, STATEMENT_WRITE_STILL) == 0 ||
           strcmp(name, STATEMENT_UNSEEN) == 0 || strcmp(name, STATEMENT_RIVAL) == 0 ||
           strstr(name, "walpiper_keys");
}

/* Those without a name may be of either. */
static void check_place(const struct pg_conn *c, const char *name)
{
    bool has_name = strncmp(name, "walpiper_", strlen("walpiper_")) == 0;
    if (c->database && has_name)
        ck_assert_msg(is_of_sources(name) == (strcmp(c->database, "sources") == 0), "%s asks %s",
                      c->database, name);
}

static struct statement *add(struct pg_conn *c, const char *name, pg_on_result on_result)
{
    ck_assert(!c->closed);
    check_place(c, name);
    ck_assert_uint_lt(c->count, STATEMENTS_MAX);
    ck_assert(!c->synced); /* the engine does one thing at a time */
    struct statement *s = &c->statements[c->count++];
    *s = (struct statement){.on_result = on_result};
    snprintf(s->name, sizeof(s->name), "%s", name);
    return s;
}

int pg_conn_send(struct pg_conn *c, const struct pg_statement *statement)
{
    struct statement *s =
        add(c, statement->name ? statement->name : statement->sql, statement->on_result);
    s->unnamed = !statement->name;
    for (int i = 0; i < statement->parameter_count; i++)
        snprintf(s->values[i], sizeof(s->values[i]), "%s",
                 statement->values[i] ? statement->values[i] : "null");
    return 0;
}

int pg_conn_prepare(struct pg_conn *c, const char *name, const char *sql)
{
    return 0;
}

int pg_conn_prepare_typed(struct pg_conn *c, const char *name, const char *sql, int count,
                          const Oid *types)
{
    return 0;
}

uint64_t pg_conn_silent_since(const struct pg_conn *c)
{
    return clock_monotonic_ms();
}

struct pg_place pg_conn_place(const struct pg_conn *c)
{
    return (struct pg_place){0};
}

int pg_conn_pid(const struct pg_conn *c)
{
    return 1;
}

void pg_conn_fail(struct pg_conn *c, const struct error *why)
{
    ck_abort_msg("%s", why->text);
}

int pg_conn_describe(struct pg_conn *c, const char *name, pg_on_result on_result)
{
    add(c, name, on_result)->describe = true;
    return 0;
}

int pg_conn_sync(struct pg_conn *c, pg_on_done on_done)
{
    ck_assert(!c->synced);
    c->synced = true;
    c->on_done = on_done;
    ev_timer_set(&c->timer, 0., 0.);
    ev_timer_start(c->loop->ev, &c->timer);
    return 0;
}

int pg_conn_script(struct pg_conn *c, const char *sql, pg_on_done on_done)
{
    return pg_conn_sync(c, on_done);
}
