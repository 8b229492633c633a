/* A rebuild into a new table: what is written where, and how it ends. That the new table becomes
 * the old one, and nothing is lost, is for tests/integration/operator_swap.test.mjs. */
#include "operator/engine.h"
#include "room.h"

#define BOTH "query 1 | swap_enter counts | swap_query 1 | swap_leave | -> ok\n"

static bool has_state(const void *what)
{
    const char *state = atomic_load(&room.counters.state);
    return state && strcmp(state, what) == 0;
}

/* As somebody who was killed before the last page left it. */
static void start_in_the_middle(void)
{
    setup();
    server.checkpoint[5] = "2";
    server.checkpoint[8] = "t";
}

/* What the state tables say afterwards. */
static void it_is_over(void)
{
    server.checkpoint[4] = "1";
    server.checkpoint[5] = NULL;
    server.checkpoint[8] = "f";
}

START_TEST(test_the_new_table_is_opened_first_and_gets_what_the_target_gets)
{
    start_in_the_middle();
    append_posts(1);
    start_at_beginning();
    run_until(did, BOTH);
    ck_assert_ptr_eq(strstr(server.history.data, "swap_open counts | -> ok\n"
                                                 "swap_enter counts | -> ok\n"),
                     server.history.data);
    teardown();
}
END_TEST

START_TEST(test_it_is_opened_again_on_a_new_connection_before_the_batch_is_run_again)
{
    start_in_the_middle();
    server.drops = true;
    append_posts(1);
    start_at_beginning();
    run_until(did, BOTH);
    ck_assert_ptr_nonnull(strstr(server.history.data, "dropped\n"
                                                      "swap_open counts | -> ok\n"
                                                      "swap_enter counts | -> ok\n"));
    teardown();
}
END_TEST

START_TEST(test_the_exchange_waits_for_all_lanes_and_ends_it)
{
    start_in_the_middle();
    start_at_beginning();
    run_until(did, "rebuild_advance 3 | -> ok\nswap_exchange counts | -> ok\n");
    append_posts(1);
    run_until(did, BOTH);
    ck_assert_uint_eq(counter_read(&room.counters.rebuilding), 1);
    server.swapped = "4";
    server_forget();
    run_just_until("swap_exchange counts | -> ok\n");
    it_is_over();
    append_posts(1);
    run_until(did, "advance 0/100/2 | visible {700} | query 1 | -> ok\n");
    run_until(has_state, "ready");
    ck_assert_uint_eq(counter_read(&room.counters.rebuilding), 0);
    teardown();
}
END_TEST

START_TEST(test_one_whose_new_table_is_gone_looks_what_is_asked_now)
{
    start_in_the_middle();
    start_at_beginning();
    run_until(did, "swap_exchange counts | -> ok\n");
    server.swap_state = "WPS01";
    it_is_over();
    append_posts(1);
    run_until(did, "advance 0/100/1 | visible {700} | query 1 | -> ok\n");
    ck_assert(!server_did("swap_end"));
    ck_assert(is_up(NULL));
    teardown();
}
END_TEST

START_TEST(test_one_that_is_gone_for_ever_ends)
{
    start_in_the_middle();
    start_at_beginning();
    run_until(did, "swap_exchange counts | -> ok\n");
    server.swap_state = "WPS01";
    append_posts(1);
    run_just_until("swap_end counts | -> ok\n");
    it_is_over();
    run_until(did, "advance 0/100/1 | visible {700} | query 1 | -> ok\n");
    teardown();
}
END_TEST

START_TEST(test_one_that_cannot_be_done_ends_and_the_target_goes_on)
{
    static const char *const states[] = {"WPS02", "42703", "23502"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        start_in_the_middle();
        server.swap_state = states[i];
        append_posts(1);
        start_at_beginning();
        run_just_until("swap_end counts | -> ok\n");
        it_is_over();
        run_until(did, "advance 0/100/1 | visible {700} | query 1 | -> ok\n");
        ck_assert(!server_did("park"));
        ck_assert(is_up(NULL));
        teardown();
    }
}
END_TEST

START_TEST(test_a_truncate_begins_it_again)
{
    start_in_the_middle();
    start_at_beginning();
    run_until(did, "swap_exchange counts | -> ok\n");
    server_forget();
    server.checkpoint[4] = "1"; /* as rebuild_begin() does */
    server.checkpoint[5] = "0";
    append(EVENT_TRUNCATE, &posts, NULL, NULL);
    flush();
    run_until(did, "swap_exchange counts | -> ok\n");
    ck_assert(server_did("rebuild_begin 0/100/1 | visible {700} | -> ok\n"));
    ck_assert(server_did("swap_open counts | -> ok\n"
                         "swap_enter counts | -> ok\n"));
    ck_assert(server_did("rebuild_advance 1 | -> ok\n"
                         "rebuild_advance 2 | -> ok\n"
                         "rebuild_advance 3 | -> ok\n"));
    teardown();
}
END_TEST

UNIT_SUITE("operator/swap", test_the_new_table_is_opened_first_and_gets_what_the_target_gets,
           test_it_is_opened_again_on_a_new_connection_before_the_batch_is_run_again,
           test_the_exchange_waits_for_all_lanes_and_ends_it,
           test_one_whose_new_table_is_gone_looks_what_is_asked_now,
           test_one_that_is_gone_for_ever_ends,
           test_one_that_cannot_be_done_ends_and_the_target_goes_on,
           test_a_truncate_begins_it_again)
