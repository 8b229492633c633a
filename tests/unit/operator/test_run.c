/* What becomes of batches whose queries fail, and of the ids that are set aside. */
#include "room.h"
#include <stdio.h>

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
    room.op.on_error = on_error;
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
        ev_run(room.loop.ev, EVRUN_NOWAIT);
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
    room.op.on_error = CONFIG_SKIP;
    room.config.retry.max_retries = 0;
    server.failing = "2";
    server.failing_state = "22012";
    start_at_beginning();
    append_posts(2);
    run_until(did, "advance 0/100/2 | visible {700} | -> ok");
    ck_assert(!server_did("park"));
    room.op.on_error = CONFIG_STOP;
    append(EVENT_UPDATE, &posts, ROW("2", "u"), NULL);
    flush();
    run_until(is_down, "stopped at id 2, which failed 1 times");
    ck_assert(server_did("advance 0/100/3 | visible {700} | halt counts | park 2 | -> ok"));
    teardown();
}
END_TEST

/* What waits is given to readers, up to that ordinal, while the operator stands still. */
static void flush_at_once(uint32_t ordinal)
{
    struct position oldest, newest = {0};
    journal_flush(room.journal);
    while (!journal_bounds(room.journal, &oldest, &newest) || newest.ordinal != ordinal)
        usleep(1000);
}

#define TWENTY "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"

/* There are always twenty more: between two of their batches live ids have their turn. */
START_TEST(test_parked_ids_take_turns_with_live_ones)
{
    setup();
    room.op.batch_size = 1;
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
    flush_at_once(102);
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
    for (room.ordinal = 100; room.ordinal < 120; batches++) {
        append(EVENT_INSERT, &posts, ROW("100", "t"), NULL);
        flush();
        char what[32];
        snprintf(what, sizeof(what), "advance 0/100/%u ", room.ordinal);
        run_until(did, what);
    }
    ck_assert_uint_eq(batches, 20);
    ck_assert_uint_le(server_count("park_again 20"), 1);
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

UNIT_SUITE("operator/run", test_a_bad_id_is_parked_and_the_others_go_on,
           test_a_poisoned_id_costs_log2_of_the_batch,
           test_a_lost_connection_does_not_lose_what_was_found_out,
           test_a_parked_id_is_touched_not_run_and_tried_again,
           test_stop_halts_after_the_last_retry, test_skip_drops_the_id_after_the_last_retry,
           test_park_goes_on_after_the_last_retry, test_without_retries_stop_and_skip_act_at_once,
           test_parked_ids_take_turns_with_live_ones,
           test_parked_ids_that_fail_again_leave_the_way_to_live_ones,
           test_what_fails_for_all_pauses_and_parks_none)
