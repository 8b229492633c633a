/* Where an operator that calls a function begins; what begins anew with its ids is in
 * test_operators.c. */
#include "room.h"

static void setup_call(void)
{
    setup();
    room.op.form = CONFIG_CALL;
    room.op.target_id.count = 0;
    room.op.call_schema = TEXT("public");
    room.op.call_function = TEXT("f");
}

START_TEST(test_a_call_begins_with_what_is_to_come)
{
    setup_call();
    append_posts(2);
    start();
    run_until(did, "advance 0/100/2 | -> ok");
    append(EVENT_INSERT, &posts, ROW("3", "t"), NULL);
    flush();
    run_until(did, "advance 0/100/3 | visible {700} | query {");
    ck_assert(!server_did("rebuild"));
    ck_assert_uint_eq(server_count("query {"), 1);
    teardown();
}
END_TEST

START_TEST(test_a_call_that_lost_events_goes_on_with_the_oldest_and_says_so)
{
    setup_call();
    append_posts(1);
    server.checkpoint[1] = "00000000";
    server.checkpoint[2] = "0/99";
    start();
    run_until(did, "advance 0/100/0 | -> ok");
    run_until(did, "advance 0/100/1 | visible {700} | query {");
    ck_assert_uint_eq(server_count("query {"), 1);
    run_until(is_down, "events may be lost");
    teardown();
}
END_TEST

START_TEST(test_a_call_is_not_repeated_when_its_commit_was_not_heard_of)
{
    setup_call();
    server.drops = true;
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    journal_flush(room.journal);
    run_just_until("dropped");
    server.checkpoint[2] = "0/100"; /* it was committed */
    server.checkpoint[3] = "1";
    append(EVENT_INSERT, &posts, ROW("2", "t"), NULL);
    flush();
    run_until(did, "advance 0/100/2 | visible {700} | query {");
    ck_assert_uint_eq(server_count("query {"), 1);
    teardown();
}
END_TEST

START_TEST(test_a_call_is_repeated_when_its_transaction_was_lost)
{
    setup_call();
    server.drops = true;
    start_at_beginning();
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    flush();
    run_until(did, "advance 0/100/1 | visible {700} | query {");
    ck_assert(server_did("dropped"));
    teardown();
}
END_TEST

UNIT_SUITE("operator/anew", test_a_call_begins_with_what_is_to_come,
           test_a_call_that_lost_events_goes_on_with_the_oldest_and_says_so,
           test_a_call_is_not_repeated_when_its_commit_was_not_heard_of,
           test_a_call_is_repeated_when_its_transaction_was_lost)
