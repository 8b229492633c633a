/* An operator whose target is in another database: which one is asked what, and when. */
#include "room.h"

START_TEST(test_the_sources_are_asked_before_the_transaction_begins)
{
    setup();
    set_apart();
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(did, "query 1 | -> ok");
    ck_assert_str_eq(server.history.data, "unseen {700} | -> ok\n"
                                          "advance 0/100/1 | query 1 | -> ok\n");
    ck_assert_uint_eq(server_connections(), 2);
    teardown();
    ck_assert_uint_eq(server_connections(), 0);
}
END_TEST

START_TEST(test_nothing_is_applied_until_it_is_seen_there)
{
    setup();
    set_apart();
    server.unseen = 3;
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(did, "query 1 | -> ok");
    ck_assert_str_eq(server.history.data, "unseen {700} | -> ok\nunseen {700} | -> ok\n"
                                          "unseen {700} | -> ok\nunseen {700} | -> ok\n"
                                          "advance 0/100/1 | query 1 | -> ok\n");
    teardown();
}
END_TEST

START_TEST(test_parts_of_a_batch_are_not_asked_for_again)
{
    setup();
    set_apart();
    server.failing = "2";
    server.failing_state = "22012";
    append_posts(3);
    start_at_beginning();
    run_until(did, "park 2 | -> ok");
    ck_assert_uint_eq(server_count("unseen {700}"), 1);
    ck_assert(!server_did("visible"));
    teardown();
}
END_TEST

START_TEST(test_a_lost_connection_to_the_sources_is_made_anew_with_the_other)
{
    setup();
    set_apart();
    server.drops_sources = true;
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(did, "query 1 | -> ok");
    ck_assert_str_eq(server.history.data, "dropped\nunseen {700} | -> ok\n"
                                          "advance 0/100/1 | query 1 | -> ok\n");
    ck_assert_uint_eq(server_connections(), 2);
    teardown();
}
END_TEST

START_TEST(test_a_lost_connection_to_the_target_is_made_anew_and_the_sources_are_asked_again)
{
    setup();
    set_apart();
    server.drops = true;
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(did, "query 1 | -> ok");
    ck_assert_str_eq(server.history.data, "unseen {700} | -> ok\ndropped\nunseen {700} | -> ok\n"
                                          "advance 0/100/1 | query 1 | -> ok\n");
    ck_assert_uint_eq(server_connections(), 2);
    teardown();
}
END_TEST

START_TEST(test_a_standby_is_not_asked)
{
    setup();
    set_apart();
    room.config.retry.max_retries = 0;
    server.standby = 3;
    start();
    run_until(is_down, "the database of its sources: a standby");
    ck_assert_str_eq(server.history.data, "");
    run_until(is_up, NULL);
    teardown();
}
END_TEST

START_TEST(test_nothing_is_claimed_while_another_process_reads_the_slot)
{
    setup();
    set_apart();
    room.config.slot.name = TEXT("ours");
    room.reader = 42;
    server.rival = 2;
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(did, "query 1 | -> ok");
    ck_assert_str_eq(server.history.data, "rival ours | -> ok\nrival ours | -> ok\n"
                                          "rival ours | -> ok\nunseen {700} | -> ok\n"
                                          "advance 0/100/1 | query 1 | -> ok\n");
    teardown();
}
END_TEST

START_TEST(test_a_rebuild_asks_each_database_what_it_knows)
{
    setup();
    set_apart();
    start();
    run_until(did, "rebuild_advance null | -> ok");
    ck_assert(server_did("rebuild_begin"));
    teardown();
}
END_TEST

UNIT_SUITE("operator/seen", test_the_sources_are_asked_before_the_transaction_begins,
           test_nothing_is_applied_until_it_is_seen_there,
           test_parts_of_a_batch_are_not_asked_for_again,
           test_a_lost_connection_to_the_sources_is_made_anew_with_the_other,
           test_a_lost_connection_to_the_target_is_made_anew_and_the_sources_are_asked_again,
           test_a_standby_is_not_asked,
           test_nothing_is_claimed_while_another_process_reads_the_slot,
           test_a_rebuild_asks_each_database_what_it_knows)
