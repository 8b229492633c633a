/* How a connection shares its socket; what it does with a real server is for the integration
 * tests. */
#include "backend.h"
#include "base/clock.h"
#include "pg/conn.h"
#include "unit.h"

#define SCRIPT ((size_t)4 << 20)
#define NOTICES 20000

static struct backend backend;
static struct loop loop;
static struct pg_conn *conn;
static bool ready, done;
static struct error failure;

static void on_ready(void *owner)
{
    (void)owner;
    ready = true;
}

static void on_closed(void *owner, const struct error *why)
{
    (void)owner;
    failure = *why;
    done = true;
}

static void on_done(void *owner, const struct error *err)
{
    (void)owner;
    if (err)
        failure = *err;
    done = true;
}

static bool is_ready(void)
{
    return ready;
}

static bool is_done(void)
{
    return done;
}

static void send_before_it_reads(struct backend *b)
{
    static const char notice[] = "SNOTICE\0C00000\0Ma notice that nobody wants to have read\0";
    backend_wait(b);
    for (unsigned n = 0; n < NOTICES; n++)
        backend_send(b, 'N', notice, sizeof(notice));
    backend_read(b, 'Q', 1);
    backend_send(b, 'C', "DONE", 5);
    backend_send(b, 'Z', "I", 1);
    backend_wait(b);
}

START_TEST(a_server_that_answers_before_it_has_read_all_is_read_from_meanwhile)
{
    static const struct pg_conn_events events = {.on_ready = on_ready, .on_closed = on_closed};
    struct error err = {0};
    ready = done = false;
    char *script = malloc(SCRIPT + 1);
    ck_assert_ptr_nonnull(script);
    memset(script, ' ', SCRIPT);
    script[SCRIPT] = '\0';
    backend_start(&backend, send_before_it_reads);
    ck_assert_int_eq(loop_init(&loop), 0);
    ck_assert_int_eq(pg_conn_start(&conn, &loop, &backend.params, &events, NULL, &err), 0);
    backend_until(&loop, is_ready);
    ck_assert_int_eq(pg_conn_script(conn, script, on_done), 0);
    sem_post(&backend.go);
    backend_until(&loop, is_done);
    ck_assert_str_eq(failure.text, "");
    sem_post(&backend.go);
    pg_conn_close(conn);
    loop_release(&loop);
    backend_stop(&backend);
    free(script);
}
END_TEST

static void answer_when_told(struct backend *b)
{
    backend_read(b, 'Q', 1);
    backend_wait(b);
    backend_send(b, 'C', "DONE", 5);
    backend_send(b, 'Z', "I", 1);
    backend_wait(b);
}

/* The clock goes on. */
static uint64_t a_moment_later(void)
{
    uint64_t now, before = clock_monotonic_ms();
    do
        now = clock_monotonic_ms();
    while (now == before);
    return now;
}

START_TEST(a_server_is_silent_only_while_it_owes_an_answer)
{
    static const struct pg_conn_events events = {.on_ready = on_ready, .on_closed = on_closed};
    struct error err = {0};
    ready = done = false;
    backend_start(&backend, answer_when_told);
    ck_assert_int_eq(loop_init(&loop), 0);
    ck_assert_int_eq(pg_conn_start(&conn, &loop, &backend.params, &events, NULL, &err), 0);
    backend_until(&loop, is_ready);
    uint64_t now = a_moment_later();
    ck_assert_uint_ge(pg_conn_silent_since(conn), now);
    ck_assert_int_eq(pg_conn_script(conn, "SELECT", on_done), 0);
    uint64_t asked = pg_conn_silent_since(conn);
    ck_assert_uint_ge(asked, now);
    now = a_moment_later();
    ck_assert_uint_eq(pg_conn_silent_since(conn), asked);
    sem_post(&backend.go);
    backend_until(&loop, is_done);
    ck_assert_uint_ge(pg_conn_silent_since(conn), now);
    sem_post(&backend.go);
    pg_conn_close(conn);
    loop_release(&loop);
    backend_stop(&backend);
}
END_TEST

UNIT_SUITE("pg/conn", a_server_is_silent_only_while_it_owes_an_answer,
           a_server_that_answers_before_it_has_read_all_is_read_from_meanwhile)
