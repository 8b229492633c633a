/* What an operator sends, in which transactions, and where it begins. */
#include "room.h"

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
    ck_assert_int_eq(journal_begin_epoch(room.journal, &identity, start, &err), 0);
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

/* At that moment nothing of the old room.epoch is open that could turn out stale. */
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

static bool stopped;

static bool has_stopped(const void *what)
{
    return stopped;
}

static void on_stopped(void *owner)
{
    stopped = true;
}

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
        ev_run(room.loop.ev, EVRUN_ONCE);
    stopped = false;
    operators_stop(room.ops, on_stopped, NULL);
    ck_assert(!stopped);
    ev_run(room.loop.ev, EVRUN_ONCE);
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
    room.config.operator_count = 0;
    start();
    stopped = false;
    operators_stop(room.ops, on_stopped, NULL);
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
           test_an_unseen_transaction_is_waited_for, test_whoever_was_replaced_stops,
           test_a_lost_connection_runs_the_same_batch_again,
           test_a_wrong_definition_is_told_and_mended_without_a_restart,
           test_an_event_without_the_old_id_computes_every_id,
           test_a_full_batch_is_stored_before_more_is_read,
           test_stop_finishes_the_running_transaction, test_without_operators_it_stops_as_well)
