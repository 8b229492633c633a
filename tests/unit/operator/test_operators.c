/* The whole room against a journal that is real and a server that is not (server.h): what it sends,
 * in which transactions, and what it does about each failure. */
#include "base/log.h"
#include "blog.h"
#include "events.h"
#include "operator/operators.h"
#include "server.h"
#include "temp_dir.h"
#include "unit.h"
#include <stdio.h>
#include <unistd.h>

#define ROW(...) ((const char *const[]){__VA_ARGS__})

static char directory[TEMP_DIR_MAX];
static struct loop loop;
static struct journal *journal;
static struct health *health;
static struct operators *ops;
static struct config config;
static struct config_operator op;
static struct config_operator_source sources[2];
static struct pg_params params;
static char epoch[9];
static bool stopped;

static void setup(void)
{
    struct error err = {0};
    temp_dir_make(directory, "operators");
    struct journal_options options = {
        .path = directory, .ring_bytes = 1 << 20, .batch_bytes = 1 << 16, .ahead_bytes = 1 << 20};
    ck_assert_msg(journal_open(&journal, &options, &err) == 0, "%s", err.text);
    struct journal_identity identity = {.system_identifier = 1, .database = "d", .slot = "s"};
    ck_assert_int_eq(journal_begin_epoch(journal, &identity, 50, &err), 0);
    journal_epoch(journal, epoch);
    ck_assert_int_eq(loop_init(&loop), 0);
    health = health_new();
    op = blog_operator(sources);
    config =
        (struct config){.operators = &op, .operator_count = 1, .state_schema = TEXT("walpiper")};
    config.retry.min_restart_ms = 1;
    config.retry.max_restart_ms = 20;
    config.retry.multiplicator = 2;
    config.retry.max_retries = 2;
    stopped = false;
    server_reset();
    log_configure(LOG_ERROR + 1, LOG_LOGFMT);
}

static void teardown(void)
{
    operators_free(ops);
    ops = NULL;
    loop_release(&loop);
    journal_close(journal);
    health_free(health);
    temp_dir_remove(directory);
}

static void start(void)
{
    struct operators_context context = {
        .config = &config, .journal = journal, .health = health, .params = &params};
    struct error err = {0};
    ck_assert_msg(operators_start(&ops, &loop, &context, &err) == 0, "%s", err.text);
}

/* --- running the loop until something is true ------------------------------------------------ */

struct until {
    bool (*is_true)(const void *what);
    const void *what;
    double deadline;
};

static void on_look(struct ev_loop *ev, ev_timer *timer, int events)
{
    const struct until *until = timer->data;
    if (until->is_true(until->what) || ev_now(ev) > until->deadline)
        loop_stop(&loop);
}

static void run_until(bool (*is_true)(const void *what), const void *what)
{
    struct until until = {is_true, what, ev_time() + 20.};
    ev_timer timer;
    ev_timer_init(&timer, on_look, 0.001, 0.001);
    timer.data = &until;
    ev_timer_start(loop.ev, &timer);
    loop_run(&loop);
    ev_timer_stop(loop.ev, &timer);
    ck_assert_msg(is_true(what), "waited in vain; the server did:\n%s", server.history.data);
}

static bool did(const void *what)
{
    return server_did(what);
}

static bool is_down(const void *what)
{
    char text[512];
    return !health_read(health, text, sizeof(text)) && strstr(text, what);
}

static bool is_up(const void *what)
{
    char text[512];
    return health_read(health, text, sizeof(text));
}

static bool journal_is_idle(const void *what)
{
    return journal_idle(journal);
}

static bool has_stopped(const void *what)
{
    return stopped;
}

static void on_stopped(void *owner)
{
    stopped = true;
}

/* --- filling the journal --------------------------------------------------------------------- */

static uint32_t ordinal;

static void append(enum event_type type, const struct relation *relation,
                   const char *const *new_row, const char *const *old_row)
{
    struct buffer record;
    buffer_init(&record, 65536);
    encode_row(&record, type, relation, 700, new_row, old_row);
    struct position position = {.lsn = 0x100, .ordinal = ++ordinal};
    ck_assert_int_eq(journal_append(journal, position, buffer_str(&record), NULL), 0);
    buffer_release(&record);
}

static void flush(void)
{
    journal_flush(journal);
    run_until(journal_is_idle, NULL);
}

/* An operator that has run before and stands at the beginning of this journal. */
static void start_at_beginning(void)
{
    server.checkpoint[1] = epoch;
    server.checkpoint[2] = "0/32";
    ordinal = 0;
    start();
}

/* --- tests ----------------------------------------------------------------------------------- */

START_TEST(test_a_batch_is_one_transaction_fence_guard_deletes_queries)
{
    setup();
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    append(EVENT_DELETE, &posts, NULL, ROW("2", NULL));
    append(EVENT_UPDATE, &comments, ROW("9", "4"), ROW("9", "3"));
    append(EVENT_INSERT, &comments, ROW("10", "1"), NULL);
    flush();
    run_until(did, "-> ok");
    ck_assert_str_eq(server.history.data,
                     "advance 0/100/4 | visible {700} | delete {\"2\"} | query 1 | "
                     "query 3 | query 4 | -> ok\n");
    teardown();
}
END_TEST

START_TEST(test_the_first_start_computes_every_id)
{
    setup();
    start();
    run_until(did, "rebuild_advance null");
    ck_assert_str_eq(server.history.data, "rebuild_begin 0/32/0 | -> ok\n"
                                          "rebuild_advance 1 | -> ok\n"
                                          "rebuild_advance 2 | -> ok\n"
                                          "rebuild_advance null | -> ok\n");
    teardown();
}
END_TEST

START_TEST(test_another_journal_computes_every_id)
{
    setup();
    server.checkpoint[1] = "00000000";
    server.checkpoint[2] = "0/99";
    start();
    run_until(did, "rebuild_begin 0/32/0 | -> ok");
    teardown();
}
END_TEST

static void begin_new_epoch(uint64_t start)
{
    struct journal_identity identity = {.system_identifier = 1, .database = "d", .slot = "s"};
    struct error err = {0};
    ck_assert_int_eq(journal_begin_epoch(journal, &identity, start, &err), 0);
}

START_TEST(test_a_new_epoch_computes_every_id)
{
    setup();
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(did, "advance 0/100/1 | visible {700} | query 1 | -> ok");
    begin_new_epoch(0x1000);
    run_until(did, "rebuild_begin 0/1000/0 | -> ok");
    run_until(did, "rebuild_advance null | -> ok");
    teardown();
}
END_TEST

static void on_prepare(struct ev_loop *ev, ev_prepare *prepare, int events)
{
    if (server_did(prepare->data))
        loop_stop(&loop);
}

/* As soon as the server did WHAT, before it does more. */
static void run_just_until(const char *what)
{
    ev_prepare prepare;
    ev_prepare_init(&prepare, on_prepare);
    prepare.data = (void *)(uintptr_t)what;
    ev_prepare_start(loop.ev, &prepare);
    loop_run(&loop);
    ev_prepare_stop(loop.ev, &prepare);
}

/* At that moment nothing of the old epoch is open that could turn out stale. */
START_TEST(test_a_new_epoch_at_the_begin_of_a_rebuild_begins_it_again)
{
    static const char begun[] = "rebuild_begin 0/32/0 | -> ok";
    setup();
    start();
    run_just_until(begun);
    ck_assert(!server_did("rebuild_advance"));
    begin_new_epoch(0x1000);
    run_until(did, "rebuild_begin 0/1000/0 | -> ok");
    run_until(did, "rebuild_advance null | -> ok");
    teardown();
}
END_TEST

START_TEST(test_an_interrupted_rebuild_goes_on)
{
    setup();
    server.checkpoint[5] = "2";
    server.checkpoint[6] = "77";
    start_at_beginning();
    run_until(did, "rebuild_advance null");
    ck_assert_str_eq(server.history.data, "rebuild_advance null | -> ok\n");
    teardown();
}
END_TEST

START_TEST(test_truncate_computes_every_id_once_it_is_visible)
{
    setup();
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    append(EVENT_TRUNCATE, &comments, NULL, NULL);
    append(EVENT_INSERT, &posts, ROW("2", "t"), NULL);
    flush();
    run_until(did, "rebuild_advance null");
    ck_assert(server_did("rebuild_begin 0/100/2 | visible {700} | query 1 | -> ok"));
    run_until(did, "advance 0/100/3 | visible {700} | query 2 | -> ok");
    teardown();
}
END_TEST

START_TEST(test_an_unseen_transaction_is_waited_for)
{
    setup();
    server.refuse_state = "WPV01";
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(did, "-> failed");
    server.refuse_state = NULL;
    run_until(did, "-> ok");
    ck_assert(!server_did("park"));
    ck_assert(is_up(NULL));
    teardown();
}
END_TEST

START_TEST(test_a_bad_id_is_parked_and_the_others_go_on)
{
    setup();
    server.failing = "2";
    server.failing_state = "22012";
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    append(EVENT_INSERT, &posts, ROW("2", "t"), NULL);
    append(EVENT_INSERT, &posts, ROW("3", "t"), NULL);
    flush();
    run_until(did, "park 2 | -> ok");
    ck_assert_str_eq(server.history.data,
                     "advance 0/100/3 | visible {700} | query 1 | query 2 | -> failed\n"
                     "fence | visible {700} | query 1 | -> ok\n"
                     "fence | visible {700} | query 2 | -> failed\n"
                     "advance 0/100/3 | visible {700} | query 3 | park 2 | -> ok\n");
    ck_assert(is_up(NULL));
    teardown();
}
END_TEST

static void append_posts(unsigned count)
{
    char id[16];
    for (unsigned i = 1; i <= count; i++) {
        snprintf(id, sizeof(id), "%u", i);
        append(EVENT_INSERT, &posts, ROW(id, "t"), NULL);
    }
    flush();
}

START_TEST(test_a_poisoned_id_costs_log2_of_the_batch)
{
    setup();
    server.failing = "77";
    server.failing_state = "22012";
    append_posts(128);
    start_at_beginning();
    run_until(did, "park 77 | -> ok");
    /* All, seven halves, the rest. */
    ck_assert_uint_le(server_count("-> "), 1 + 7 + 1);
    ck_assert_uint_le(server_count("query 1 |"), 2);
    ck_assert_uint_le(server_count("query 128 |"), 2);
    teardown();
}
END_TEST

START_TEST(test_a_lost_connection_does_not_lose_what_was_found_out)
{
    setup();
    server.failing = "3 5";
    server.failing_state = "22012";
    append_posts(8);
    start_at_beginning();
    run_just_until("fence | visible {700} | query 1 | query 2 | -> ok");
    server.drops = true;
    run_until(did,
              "advance 0/100/8 | visible {700} | query 6 | query 7 | query 8 | park 3 | park 5");
    ck_assert(server_did("dropped"));
    ck_assert_uint_eq(server_count("query 1 |"), 2 + 1);
    teardown();
}
END_TEST

START_TEST(test_a_parked_id_is_touched_not_run_and_tried_again)
{
    setup();
    server.failing = "2";
    server.failing_state = "22012";
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("2", "t"), NULL);
    flush();
    run_until(did, "park 2");
    server_forget();
    append(EVENT_UPDATE, &posts, ROW("2", "u"), NULL);
    append(EVENT_INSERT, &posts, ROW("3", "t"), NULL);
    flush();
    run_until(did, "-> ok");
    ck_assert_str_eq(server.history.data,
                     "advance 0/100/3 | visible {700} | query 3 | touch_parked 2 | -> ok\n");
    server_forget();
    server.failing = NULL;
    server.due = "2";
    run_until(did, "fence | query 2 | unpark 2 | -> ok");
    server.due = NULL;
    server_forget();
    append(EVENT_UPDATE, &posts, ROW("2", "v"), NULL);
    flush();
    run_until(did, "advance 0/100/4 | visible {700} | query 2 | -> ok");
    teardown();
}
END_TEST

/* Post 2 fails, and is due at once for the last of its retries. */
static void fail_for_the_last_time(enum config_on_error on_error)
{
    setup();
    op.on_error = on_error;
    server.failing = "2";
    server.failing_state = "22012";
    start_at_beginning();
    append_posts(3);
    run_until(did, "park 2 | -> ok");
    server.due = "2";
    server.due_attempts = "2";
}

START_TEST(test_stop_halts_after_the_last_retry)
{
    fail_for_the_last_time(CONFIG_STOP);
    run_until(is_down, "stopped at id 2, which failed 3 times");
    ck_assert(server_did("fence | halt counts | park_again 2 | -> ok"));
    server_forget();
    append_posts(1);
    for (int i = 0; i < 50; i++)
        ev_run(loop.ev, EVRUN_NOWAIT);
    ck_assert_str_eq(server.history.data, "");
    teardown();
}
END_TEST

START_TEST(test_skip_drops_the_id_after_the_last_retry)
{
    fail_for_the_last_time(CONFIG_SKIP);
    run_until(did, "fence | unpark 2 | -> ok");
    ck_assert(!server_did("park_again"));
    server.due = NULL;
    server.failing = NULL;
    server_forget();
    append(EVENT_UPDATE, &posts, ROW("2", "u"), NULL);
    flush();
    run_until(did, "advance 0/100/4 | visible {700} | query 2 | -> ok");
    teardown();
}
END_TEST

START_TEST(test_park_goes_on_after_the_last_retry)
{
    fail_for_the_last_time(CONFIG_PARK);
    run_until(did, "fence | park_again 2 | -> ok");
    ck_assert(is_up(NULL));
    teardown();
}
END_TEST

START_TEST(test_without_retries_stop_and_skip_act_at_once)
{
    setup();
    op.on_error = CONFIG_SKIP;
    config.retry.max_retries = 0;
    server.failing = "2";
    server.failing_state = "22012";
    start_at_beginning();
    append_posts(2);
    run_until(did, "advance 0/100/2 | visible {700} | -> ok");
    ck_assert(!server_did("park"));
    op.on_error = CONFIG_STOP;
    append(EVENT_UPDATE, &posts, ROW("2", "u"), NULL);
    flush();
    run_until(is_down, "stopped at id 2, which failed 1 times");
    ck_assert(server_did("advance 0/100/3 | visible {700} | halt counts | park 2 | -> ok"));
    teardown();
}
END_TEST

#define TWENTY "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"

/* There are always twenty more: between two of their batches live ids have their turn. */
START_TEST(test_parked_ids_take_turns_with_live_ones)
{
    setup();
    op.batch_size = 1;
    server.failing = "2";
    server.failing_state = "22012";
    start_at_beginning();
    append_posts(2);
    run_until(did, "park 2 | -> ok");
    server.failing = NULL;
    server.due = TWENTY;
    run_until(did, "unpark 20 | -> ok");
    for (unsigned i = 0; i < 100; i++)
        append(EVENT_INSERT, &posts, ROW("100", "t"), NULL);
    server_forget();
    flush();
    run_just_until("advance 0/100/102 |");
    const char *first = strstr(server.history.data, "advance");
    unsigned before = server_count("fence");
    for (const char *at = first; (at = strstr(at, "fence")); at++)
        before--;
    ck_assert_uint_le(server_count("fence") - before, server_count("advance"));
    teardown();
}
END_TEST

/* And when all of them fail, they are left alone until the next tick. */
START_TEST(test_parked_ids_that_fail_again_leave_the_way_to_live_ones)
{
    setup();
    server.failing = TWENTY;
    server.failing_state = "22012";
    start_at_beginning();
    append_posts(2);
    run_until(did, "park 1 | park 2 | -> ok");
    server.due = TWENTY;
    run_until(did, "park_again 20 | -> ok");
    ck_assert_uint_le(server_count("-> "), 5 + 2 * 20);
    server_forget();
    unsigned batches = 0;
    for (ordinal = 100; ordinal < 120; batches++) {
        append(EVENT_INSERT, &posts, ROW("100", "t"), NULL);
        flush();
        char what[32];
        snprintf(what, sizeof(what), "advance 0/100/%u ", ordinal);
        run_until(did, what);
    }
    ck_assert_uint_eq(batches, 20);
    ck_assert_uint_le(server_count("park_again 20"), 1);
    teardown();
}
END_TEST

START_TEST(test_whoever_was_replaced_stops)
{
    setup();
    server.refuse_state = "WPF01";
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(is_down, "operator counts");
    ck_assert_uint_eq(server_count("-> failed"), 1);
    teardown();
}
END_TEST

START_TEST(test_a_lost_connection_runs_the_same_batch_again)
{
    setup();
    server.drops = true;
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(did, "advance 0/100/1 | visible {700} | query 1 | -> ok");
    ck_assert(server_did("dropped"));
    teardown();
}
END_TEST

START_TEST(test_what_fails_for_all_pauses_and_parks_none)
{
    setup();
    server.failing = "1";
    server.failing_state = "42P01";
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(is_down, "operator counts");
    server.failing = NULL;
    run_until(is_up, NULL);
    ck_assert(server_did("query 1 | -> ok"));
    ck_assert(!server_did("park"));
    teardown();
}
END_TEST

START_TEST(test_a_wrong_definition_is_told_and_mended_without_a_restart)
{
    setup();
    server.missing = "comments";
    start_at_beginning();
    run_until(is_down, "public.comments");
    server.missing = NULL;
    server.parameters = 2;
    run_until(is_down, "has 2 parameters");
    server.parameters = 1;
    run_until(is_up, NULL);
    teardown();
}
END_TEST

START_TEST(test_an_event_without_the_old_id_computes_every_id)
{
    setup();
    start_at_beginning();
    append(EVENT_DELETE, &comments, NULL, ROW("9", NULL));
    flush();
    run_until(did, "rebuild_begin 0/100/1 | -> ok");
    teardown();
}
END_TEST

START_TEST(test_a_full_batch_is_stored_before_more_is_read)
{
    setup();
    append_posts(450);
    start_at_beginning();
    run_until(did, "advance 0/100/450 |");
    ck_assert(server_did("advance 0/100/200 |"));
    ck_assert(server_did("advance 0/100/400 |"));
    ck_assert_uint_eq(server_count("advance"), 3);
    teardown();
}
END_TEST

START_TEST(test_stop_finishes_the_running_transaction)
{
    setup();
    start_at_beginning();
    run_until(is_up, NULL);
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(did, "-> ok");
    server_forget();
    server.silent = true;
    append(EVENT_INSERT, &posts, ROW("2", "t"), NULL);
    flush();
    for (int i = 0; i < 50; i++)
        ev_run(loop.ev, EVRUN_ONCE);
    operators_stop(ops, on_stopped, NULL);
    ck_assert(!stopped);
    ev_run(loop.ev, EVRUN_ONCE);
    ck_assert(!stopped);
    server.silent = false;
    run_until(has_stopped, NULL);
    ck_assert(server_did("query 2 | -> ok"));
    teardown();
}
END_TEST

START_TEST(test_without_operators_it_stops_as_well)
{
    setup();
    config.operator_count = 0;
    start();
    operators_stop(ops, on_stopped, NULL);
    ck_assert(!stopped);
    run_until(has_stopped, NULL);
    teardown();
}
END_TEST

UNIT_SUITE("operator/operators", test_a_batch_is_one_transaction_fence_guard_deletes_queries,
           test_the_first_start_computes_every_id, test_another_journal_computes_every_id,
           test_a_new_epoch_computes_every_id,
           test_a_new_epoch_at_the_begin_of_a_rebuild_begins_it_again,
           test_an_interrupted_rebuild_goes_on, test_truncate_computes_every_id_once_it_is_visible,
           test_an_unseen_transaction_is_waited_for, test_a_bad_id_is_parked_and_the_others_go_on,
           test_a_poisoned_id_costs_log2_of_the_batch,
           test_a_lost_connection_does_not_lose_what_was_found_out,
           test_a_parked_id_is_touched_not_run_and_tried_again,
           test_stop_halts_after_the_last_retry, test_skip_drops_the_id_after_the_last_retry,
           test_park_goes_on_after_the_last_retry, test_without_retries_stop_and_skip_act_at_once,
           test_parked_ids_take_turns_with_live_ones,
           test_parked_ids_that_fail_again_leave_the_way_to_live_ones,
           test_whoever_was_replaced_stops, test_a_lost_connection_runs_the_same_batch_again,
           test_what_fails_for_all_pauses_and_parks_none,
           test_a_wrong_definition_is_told_and_mended_without_a_restart,
           test_an_event_without_the_old_id_computes_every_id,
           test_a_full_batch_is_stored_before_more_is_read,
           test_stop_finishes_the_running_transaction, test_without_operators_it_stops_as_well)
