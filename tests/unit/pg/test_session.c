/* How a stream shares the loop and the socket; what it does with a real server is for the
 * integration tests. */
#include "backend.h"
#include "pg/session.h"
#include "unit.h"
#include <sched.h>

#define TURN_MAX 2000 /* messages that one turn of the loop may take */
#define ROWS 50000
#define LARGE ((size_t)4 << 20)
#define UPDATES 50000

static struct backend backend;
static struct loop loop;
static struct pg_session *session;
static unsigned rows, rows_this_turn, most_in_a_turn;
static bool streaming, paused, pauses_at_first, was_batch;
static struct error closed;

static void on_turn(struct loop_hook *hook)
{
    (void)hook;
    if (rows_this_turn > most_in_a_turn)
        most_in_a_turn = rows_this_turn;
    rows_this_turn = 0;
}

static struct loop_hook turn_hook = {.order = LOOP_ORDER_FEED, .run = on_turn};

static void on_ready(void *owner)
{
    (void)owner;
    pg_session_stream(session, "START_REPLICATION");
}

static void on_streaming(void *owner)
{
    (void)owner;
    streaming = true;
}

static enum pg_flow on_message(void *owner, struct str message, uint64_t lsn)
{
    (void)owner;
    (void)message;
    (void)lsn;
    if (pauses_at_first && !paused) {
        paused = true;
        return PG_FLOW_PAUSE;
    }
    rows++;
    rows_this_turn++;
    was_batch |= sched_getscheduler(0) == SCHED_BATCH;
    return PG_FLOW_ON;
}

static void on_keepalive(void *owner, uint64_t lsn, bool reply_requested)
{
    (void)owner;
    (void)lsn;
    (void)reply_requested;
}

static void on_closed(void *owner, const struct error *why)
{
    (void)owner;
    closed = *why;
}

static const struct pg_session_events events = {.on_ready = on_ready,
                                                .on_streaming = on_streaming,
                                                .on_message = on_message,
                                                .on_keepalive = on_keepalive,
                                                .on_closed = on_closed};

static void setup(void (*script)(struct backend *backend))
{
    struct error err = {0};
    rows = rows_this_turn = most_in_a_turn = 0;
    streaming = paused = was_batch = false;
    error_clear(&closed);
    backend_start(&backend, script);
    ck_assert_int_eq(loop_init(&loop), 0);
    loop_hook_add(&loop, &turn_hook);
    ck_assert_int_eq(pg_session_start(&session, &loop, &backend.params, &events, NULL, &err), 0);
}

static void teardown(void)
{
    pg_session_close(session);
    loop_hook_remove(&loop, &turn_hook);
    loop_release(&loop);
    backend_stop(&backend);
}

static void begin_stream(struct backend *b)
{
    backend_read(b, 'Q', 1);
    backend_send(b, 'W', "\0\0\0", 3); /* text, no columns */
}

#define FAILURE "SERROR\0C55000\0Mthe slot is gone\0"

static bool is_streaming(void)
{
    return streaming;
}

static bool is_full(void)
{
    return paused && backend.full;
}

static bool has_closed(void)
{
    return closed.code != 0;
}

/* Once a large row has come, libpq holds as much of what follows. */
static void send_large_and_many(struct backend *b)
{
    begin_stream(b);
    backend_send_rows(b, 1, LARGE);
    backend_send_rows(b, ROWS, 1);
    backend_send(b, 'E', FAILURE, sizeof(FAILURE));
}

START_TEST(a_turn_takes_so_many_messages_that_the_loop_has_time_for_others)
{
    pauses_at_first = true; /* so that much has come when it goes on */
    setup(send_large_and_many);
    backend_until(&loop, is_full);
    pg_session_resume(session);
    backend_until(&loop, has_closed);
    ck_assert_uint_eq(rows, 1 + ROWS);
    ck_assert_uint_le(most_in_a_turn, TURN_MAX);
    pauses_at_first = false;
    teardown();
}
END_TEST

static void send_before_it_reads(struct backend *b)
{
    begin_stream(b);
    backend_wait(b);
    backend_send_rows(b, ROWS, 1);
    backend_read(b, 'd', UPDATES);
    backend_send(b, 'E', FAILURE, sizeof(FAILURE));
}

START_TEST(a_server_that_does_not_read_is_read_from_while_updates_wait_for_it)
{
    setup(send_before_it_reads);
    backend_until(&loop, is_streaming);
    for (unsigned n = 0; n < UPDATES; n++)
        ck_assert_int_eq(pg_session_confirm(session, n, false), 0);
    sem_post(&backend.go);
    backend_until(&loop, has_closed);
    ck_assert_uint_eq(rows, ROWS);
    ck_assert_uint_le(most_in_a_turn, TURN_MAX);
    teardown();
}
END_TEST

START_TEST(the_end_of_a_stream_says_what_the_server_said)
{
    setup(send_large_and_many);
    backend_until(&loop, has_closed);
    ck_assert_str_eq(closed.sqlstate, "55000");
    ck_assert_str_eq(closed.text, "the slot is gone");
    teardown();
}
END_TEST

static void send_many_and_later_one(struct backend *b)
{
    begin_stream(b);
    backend_send_rows(b, ROWS, 1);
    backend_wait(b);
    backend_send_rows(b, 1, 1);
    backend_wait(b);
}

static bool has_calmed_down(void)
{
    return rows == ROWS && sched_getscheduler(0) == SCHED_OTHER;
}

static bool has_the_late_one(void)
{
    return rows == ROWS + 1;
}

START_TEST(a_backlog_takes_no_core_away_from_the_server_and_its_end_is_noticed)
{
    setup(send_many_and_later_one);
    backend_until(&loop, has_calmed_down);
    ck_assert(was_batch);
    sem_post(&backend.go);
    backend_until(&loop, has_the_late_one);
    ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
    sem_post(&backend.go);
    teardown();
}
END_TEST

UNIT_SUITE("pg/session", a_turn_takes_so_many_messages_that_the_loop_has_time_for_others,
           a_server_that_does_not_read_is_read_from_while_updates_wait_for_it,
           the_end_of_a_stream_says_what_the_server_said,
           a_backlog_takes_no_core_away_from_the_server_and_its_end_is_noticed)
