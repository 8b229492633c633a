/* What is asked of an operator while it runs, and what it tells of itself. */
#include "operator/engine.h"
#include "room.h"

static bool has_state(const void *what)
{
    const char *state = atomic_load(&room.counters.state);
    return state && strcmp(state, what) == 0;
}

START_TEST(test_pause_finishes_what_is_under_way_and_begins_nothing)
{
    setup();
    start_at_beginning();
    run_until(has_state, "ready");
    server.silent = true;
    append_posts(1);
    run_until(has_state, "busy");
    server.control[0] = "t";
    server.control[3] = "1";
    server_notify("counts");
    server.silent = false;
    run_until(has_state, "paused");
    ck_assert_str_eq(server.history.data, "advance 0/100/1 | visible {700} | query 1 | -> ok\n");
    append_posts(1);
    ck_assert_uint_eq(server_count("advance"), 1);
    ck_assert(is_up(NULL));
    server.control[0] = "f";
    server.control[3] = "2";
    server_notify("counts");
    run_until(did, "advance 0/100/2 | visible {700} | query 1 | -> ok");
    teardown();
}
END_TEST

START_TEST(test_a_notification_is_for_one_operator_and_without_it_the_tick_looks)
{
    setup();
    start_at_beginning();
    run_until(has_state, "ready");
    server.control[0] = "t";
    server_notify("other");
    ck_assert(has_state("ready"));
    run_until(has_state, "paused"); /* by the tick */
    server.control[0] = "f";
    server_notify("counts");
    for (int i = 0; i < 20; i++)
        ev_run(room.loop.ev, EVRUN_NOWAIT);
    ck_assert(has_state("ready"));
    teardown();
}
END_TEST

START_TEST(test_one_that_was_halted_stays_so_until_it_is_resumed)
{
    setup();
    server.control[1] = "id 2 failed 3 times: x";
    append_posts(1);
    start_at_beginning();
    run_until(is_down, "halted: id 2 failed 3 times: x; SELECT walpiper.resume('counts')");
    run_until(has_state, "halted");
    ck_assert_str_eq(server.history.data, "");
    server.control[1] = NULL;
    server.control[3] = "1";
    server_notify("counts");
    run_until(did, "advance 0/100/1 | visible {700} | query 1 | -> ok");
    ck_assert(is_up(NULL));
    teardown();
}
END_TEST

START_TEST(test_a_rebuild_that_is_asked_for_begins_and_advances_as_that_one)
{
    setup();
    start_at_beginning();
    run_until(has_state, "ready");
    server.checkpoint[4] = "7";
    server.checkpoint[5] = "1";
    server_notify("counts");
    run_until(did, "rebuild_advance null | -> ok");
    ck_assert_str_eq(server.history.data, "rebuild_advance 2 | -> ok\n"
                                          "rebuild_advance null | -> ok\n");
    teardown();
}
END_TEST

START_TEST(test_one_that_was_replaced_does_nothing_until_it_is_resumed_and_the_other_is_gone)
{
    setup();
    start_at_beginning();
    run_until(has_state, "ready");
    server.control[2] = "2";
    server_notify("counts");
    run_until(is_down, "taken over by another process");
    append_posts(1);
    server.control[3] = "1"; /* the other is there */
    server_notify("counts");
    run_until(has_state, "halted");
    server.control[4] = "t";
    server_notify("counts");
    run_until(has_state, "halted");
    ck_assert_str_eq(server.history.data, "");
    server.control[3] = "2";
    server.control[2] = server.checkpoint[0] = "3";
    server_notify("counts");
    run_until(did, "advance 0/100/1 | visible {700} | query 1 | -> ok");
    run_until(is_up, NULL);
    teardown();
}
END_TEST

/* The journal may be durable further than its last record, and is so a moment later. */
static bool has_applied_all(const void *what)
{
    uint64_t durable = journal_durable_lsn(room.journal);
    return counter_read(&room.counters.applied_lsn) == (durable > 0xff ? durable : 0xff);
}

START_TEST(test_what_it_tells_of_itself)
{
    char error[OPERATOR_ERROR_MAX];
    setup();
    server.failing = "2";
    server.failing_state = "22012";
    start_at_beginning();
    append_posts(2);
    run_until(did, "park 2 | -> ok");
    run_until(has_state, "ready");
    run_until(has_applied_all, NULL);
    ck_assert_uint_eq(counter_read(&room.counters.parked), 1);
    ck_assert_uint_eq(counter_read(&room.counters.dirty), 0);
    ck_assert_uint_eq(counter_read(&room.counters.events), 2);
    ck_assert(!operator_counters_error(&room.counters, error));
    server.refuse_state = "42P01";
    append_posts(1);
    run_until(is_down, "failed on purpose");
    run_until(has_state, "waiting");
    ck_assert(operator_counters_error(&room.counters, error));
    ck_assert_str_eq(error, "failed on purpose");
    ck_assert_uint_eq(counter_read(&room.counters.dirty), 1);
    teardown();
}
END_TEST

UNIT_SUITE("operator/command", test_pause_finishes_what_is_under_way_and_begins_nothing,
           test_a_notification_is_for_one_operator_and_without_it_the_tick_looks,
           test_one_that_was_halted_stays_so_until_it_is_resumed,
           test_a_rebuild_that_is_asked_for_begins_and_advances_as_that_one,
           test_one_that_was_replaced_does_nothing_until_it_is_resumed_and_the_other_is_gone,
           test_what_it_tells_of_itself)
