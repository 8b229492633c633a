#include "feed/router_fixture.h"
#include "feed/router_internal.h"

/* A live subscriber gets the records of its topic, from the time it came, in order, and no other.
 */
START_TEST(test_live)
{
    struct sink table, row, scope;
    struct position got[3];

    setup(0);
    insert(&in_seven);
    settle(1);
    subscribe(&table, "comments", 100, NULL);
    subscribe(&row, "comments/2", 100, NULL);
    subscribe(&scope, "posts/8/comments", 100, NULL);
    ck_assert_uint_eq(router_subscribers(router), 3);
    got[0] = insert(&in_seven);
    got[1] = insert(&(struct comment){"2", "7", "hi"});
    got[2] = insert(&in_eight);
    settle(4);
    assert_received(&table, got, 3);
    assert_received(&row, &got[1], 1);
    assert_received(&scope, &got[2], 1);
    unsubscribe(&table);
    unsubscribe(&row);
    unsubscribe(&scope);
    teardown();
}
END_TEST

/* What is on disk before a subscriber comes is not "from now on", read by the router or not. */
START_TEST(test_live_from_now)
{
    struct sink sink;

    setup(0);
    insert(&in_seven);
    sync_without_a_turn();
    subscribe(&sink, "comments", 100, NULL);
    struct position second = insert(&in_seven);
    settle(2);
    assert_received(&sink, &second, 1);
    unsubscribe(&sink);
    teardown();
}
END_TEST

/* A moved row reaches the old and the new scope; one that both keys lead to gets it once. */
START_TEST(test_moved)
{
    struct sink old_scope, new_scope, row;

    setup(0);
    subscribe(&old_scope, "posts/7/comments", 100, NULL);
    subscribe(&new_scope, "posts/8/comments", 100, NULL);
    subscribe(&row, "comments/1", 100, NULL);
    struct position moved = fixture_comment(&fixture, &in_seven, &in_eight);
    settle(1);
    assert_received(&old_scope, &moved, 1);
    assert_received(&new_scope, &moved, 1);
    assert_received(&row, &moved, 1);
    unsubscribe(&old_scope);
    unsubscribe(&new_scope);
    unsubscribe(&row);
    teardown();
}
END_TEST

/* TRUNCATE reaches everyone who watches something of the table. */
START_TEST(test_truncate)
{
    struct sink table, row, scope, other;

    setup(0);
    subscribe(&table, "comments", 100, NULL);
    subscribe(&row, "comments/1", 100, NULL);
    subscribe(&scope, "posts/7/comments", 100, NULL);
    subscribe(&other, "events", 100, NULL);
    struct position position = fixture_next(&fixture);
    record_truncate(&fixture.record, position);
    fixture_append(&fixture, position, NULL);
    settle(1);
    assert_received(&table, &position, 1);
    assert_received(&row, &position, 1);
    assert_received(&scope, &position, 1);
    assert_received(&other, NULL, 0);
    unsubscribe(&table);
    unsubscribe(&row);
    unsubscribe(&scope);
    unsubscribe(&other);
    teardown();
}
END_TEST

/* A replay gives what the journal holds after a position, then becomes live; nothing is given
 * twice. */
START_TEST(test_replay)
{
    struct sink all, some;
    struct position got[5];

    setup(0);
    for (int i = 0; i < 3; i++)
        got[i] = insert(&in_seven);
    settle(3);
    struct position earliest = earliest_position();
    subscribe(&all, "posts/7/comments", 100, &earliest);
    subscribe(&some, "comments", 100, &got[1]);
    until_live(&all);
    until_live(&some);
    got[3] = insert(&in_seven);
    settle(4);
    assert_received(&all, got, 4);
    assert_received(&some, &got[2], 2);
    ck_assert_int_eq(position_compare(subscriber_position(&all.subscriber), got[3]), 0);
    unsubscribe(&all);
    unsubscribe(&some);
    teardown();
}
END_TEST

/* From the earliest of an empty journal is from now on. */
START_TEST(test_replay_empty)
{
    struct sink sink;

    setup(0);
    struct position earliest = earliest_position();
    subscribe(&sink, "comments", 100, &earliest);
    until_live(&sink);
    struct position first = insert(&in_seven);
    settle(1);
    assert_received(&sink, &first, 1);
    unsubscribe(&sink);
    teardown();
}
END_TEST

/* Without room a live subscriber stops being live, keeps nothing, and goes on from where it stood.
 */
START_TEST(test_no_room)
{
    struct sink slow, fast;
    struct position got[10];

    setup(0);
    subscribe(&slow, "comments", 2, NULL);
    subscribe(&fast, "comments", 100, NULL);
    for (int i = 0; i < 6; i++)
        got[i] = insert(&in_seven);
    settle(6);
    assert_received(&slow, got, 2);
    assert_received(&fast, got, 6);
    ck_assert_int_eq(slow.subscriber.mode, SUBSCRIBER_WAITING);
    ck_assert(slow.wants_room);
    ck_assert_int_eq(position_compare(subscriber_position(&slow.subscriber), got[1]), 0);

    give_room(&slow, 2);
    FIXTURE_UNTIL(&fixture, slow.wants_room);
    assert_received(&slow, got, 4);
    give_room(&slow, 100);
    until_live(&slow);
    got[6] = insert(&in_seven);
    settle(7);
    assert_received(&slow, got, 7);
    unsubscribe(&slow);
    unsubscribe(&fast);
    teardown();
}
END_TEST

/* Many subscribers whose room comes and goes at random, while records keep coming: each gets each
 * record of its topic exactly once and in order. */
START_TEST(test_exactly_once)
{
    enum { SINKS = 12, ROUNDS = 250, BATCH = 8 };
    static const char *const paths[] = {"comments", "posts/7/comments", "comments/1"};
    static struct position all[ROUNDS * BATCH], seven[ROUNDS * BATCH];
    static struct sink sinks[SINKS];
    size_t all_count = 0, seven_count = 0;
    unsigned seed = 12345;

    setup(0);
    struct position start = earliest_position();
    for (size_t i = 0; i < SINKS; i++)
        subscribe(&sinks[i], paths[i % 3], i, i % 2 ? &start : NULL);
    for (int round = 0; round < ROUNDS; round++) {
        for (int n = 0; n < BATCH; n++) {
            bool is_seven = rand_r(&seed) % 2;
            all[all_count] = insert(is_seven ? &in_seven : &in_eight);
            if (is_seven)
                seven[seven_count++] = all[all_count];
            all_count++;
        }
        journal_mark(fixture.journal, fixture.lsn, true);
        journal_flush(fixture.journal);
        give_room(&sinks[rand_r(&seed) % SINKS], rand_r(&seed) % 64);
        fixture_turn(&fixture);
    }
    for (size_t i = 0; i < SINKS; i++)
        give_room(&sinks[i], PLENTY);
    settle(all_count);
    for (size_t i = 0; i < SINKS; i++) {
        bool scope = i % 3 == 1;
        until_live(&sinks[i]);
        assert_received(&sinks[i], scope ? seven : all, scope ? seven_count : all_count);
        ck_assert_int_eq(sinks[i].resets, 0);
        unsubscribe(&sinks[i]);
    }
    teardown();
}
END_TEST

/* A replay of thousands takes several turns, and a live record does not wait for its end. */
START_TEST(test_replay_does_not_delay)
{
    enum { OLD = 12000 };
    struct sink replay, live;

    setup(0);
    for (int i = 0; i < OLD; i++)
        insert(&in_seven);
    settle(OLD);
    struct position earliest = earliest_position();
    subscribe(&replay, "comments", PLENTY, &earliest);
    subscribe(&live, "comments", PLENTY, NULL);
    insert(&in_seven);
    sync_without_a_turn();
    FIXTURE_UNTIL(&fixture, live.count == 1);
    ck_assert_uint_lt(replay.count, OLD);
    until_live(&replay);
    ck_assert_uint_eq(replay.count, OLD + 1);
    unsubscribe(&replay);
    unsubscribe(&live);
    teardown();
}
END_TEST

/* A subscriber behind what retention left is told so, and is live from there. */
START_TEST(test_expired)
{
    struct sink sink, waiting;
    struct position first = {0, 0}, position, oldest, newest;

    setup(20000);
    subscribe(&waiting, "comments", 0, NULL);
    for (int i = 0; i < 400; i++) {
        position = insert(&in_seven);
        if (i == 0)
            first = position;
        fixture_sync(&fixture);
    }
    FIXTURE_UNTIL(&fixture, journal_bounds(fixture.journal, &oldest, &newest) &&
                                position_compare(oldest, first) > 0);
    settle(400);
    subscribe(&sink, "comments", 1000, &first);
    give_room(&waiting, 1000);
    FIXTURE_UNTIL(&fixture, sink.resets > 0 && waiting.resets > 0);
    ck_assert_int_eq(sink.reason, RESET_EXPIRED);
    ck_assert_uint_eq(sink.count, 0);
    ck_assert_uint_eq(waiting.count, 0);
    position = insert(&in_seven);
    settle(401);
    assert_received(&sink, &position, 1);
    assert_received(&waiting, &position, 1);
    ck_assert_int_eq(sink.resets, 1);
    unsubscribe(&sink);
    unsubscribe(&waiting);
    teardown();
}
END_TEST

/* A new epoch ends every position, whatever the mode; positions may then begin again below. */
START_TEST(test_epoch)
{
    struct sink live, waiting;

    setup(0);
    subscribe(&live, "comments", 100, NULL);
    subscribe(&waiting, "comments", 0, NULL);
    fixture.lsn = 0x900000;
    insert(&in_seven);
    settle(1);
    ck_assert_uint_eq(live.count, 1);
    ck_assert_int_eq(waiting.subscriber.mode, SUBSCRIBER_WAITING);
    fixture_begin_epoch(&fixture);
    fixture.lsn = 0x1000;
    FIXTURE_UNTIL(&fixture, live.resets > 0);
    give_room(&waiting, 100);
    FIXTURE_UNTIL(&fixture, waiting.resets > 0);
    ck_assert_int_eq(live.reason, RESET_EPOCH);
    ck_assert_int_eq(waiting.reason, RESET_EPOCH);
    struct position position = insert(&in_seven);
    fixture_sync(&fixture);
    FIXTURE_UNTIL(&fixture, live.count == 2 && waiting.count == 1);
    ck_assert_int_eq(position_compare(live.received[1], position), 0);
    ck_assert_int_eq(live.resets, 1);
    ck_assert_int_eq(waiting.resets, 1);
    unsubscribe(&live);
    unsubscribe(&waiting);
    teardown();
}
END_TEST

/* A record that cannot be read is lost, not passed over: all who might have got it are told. */
START_TEST(test_unreadable)
{
    struct sink live, replay;

    setup(0);
    struct position before = insert(&in_seven);
    settle(1);
    subscribe(&live, "posts/8/comments", 100, NULL);
    buffer_reset(&fixture.record);
    buffer_append_str(&fixture.record, STR("no record"));
    fixture_append(&fixture, fixture_next(&fixture), NULL);
    settle(2);
    ck_assert_int_eq(live.resets, 1);
    subscribe(&replay, "comments", 100, &before);
    FIXTURE_UNTIL(&fixture, replay.resets == 1);
    ck_assert_int_eq(replay.subscriber.mode, SUBSCRIBER_LIVE);
    struct position after = insert(&in_eight);
    settle(3);
    assert_received(&live, &after, 1);
    assert_received(&replay, &after, 1);
    unsubscribe(&live);
    unsubscribe(&replay);
    teardown();
}
END_TEST

/* A sink may close its subscriber when it is given something, live and catching up; those next to
 * it still get theirs. */
START_TEST(test_close_in_push)
{
    struct sink closing[2], other;

    setup(0);
    struct position first = insert(&in_seven);
    settle(1);
    struct position earliest = earliest_position();
    subscribe(&closing[0], "comments/1", 100, &earliest);
    closing[0].closes = true;
    FIXTURE_UNTIL(&fixture, closing[0].count == 1);
    assert_received(&closing[0], &first, 1);
    subscribe(&closing[1], "comments", 100, NULL);
    subscribe(&other, "comments", 100, NULL);
    closing[1].closes = true;
    insert(&in_seven);
    insert(&in_seven);
    settle(3);
    ck_assert_uint_eq(closing[1].count, 1);
    ck_assert_uint_eq(other.count, 2);
    ck_assert_uint_eq(router_subscribers(router), 1);
    unsubscribe(&closing[0]);
    unsubscribe(&closing[1]);
    unsubscribe(&other);
    teardown();
}
END_TEST

/* A router that starts on a journal whose records have all been removed is at its end, not lost. */
START_TEST(test_emptied_journal)
{
    struct sink live, replay;
    struct position oldest, newest;

    setup(1);
    insert(&in_seven);
    fixture_sync(&fixture);
    FIXTURE_UNTIL(&fixture, !journal_bounds(fixture.journal, &oldest, &newest));
    router_free(router);
    start_router();
    struct position earliest = earliest_position();
    subscribe(&live, "comments", 100, NULL);
    subscribe(&replay, "comments", 100, &earliest);
    until_live(&replay);
    ck_assert_int_eq(live.resets, 0);
    ck_assert_int_eq(replay.resets, 0);
    unsubscribe(&live);
    unsubscribe(&replay);
    teardown();
}
END_TEST

/* Topics of comments, COUNT of them. */
static void subscribe_many(struct sink *sink, const char *const *paths, size_t count,
                           const struct position *after)
{
    struct subscription wanted[8] = {0};
    struct str segments[8][3];
    struct error err = {0};

    for (size_t i = 0; i < count; i++) {
        struct str rest = str_from(paths[i]);
        size_t segment_count = 0;
        while (rest.data != NULL)
            segments[i][segment_count++] = str_cut(&rest, '/');
        ck_assert_int_eq(topic_parse(&wanted[i].topic, segments[i], segment_count, &err), 0);
    }
    *sink = (struct sink){.room = PLENTY, .subscriber = {.ops = &ops, .owner = sink}};
    ck_assert_int_eq(subscriber_start(&sink->subscriber, router, wanted, count, after, &err), 0);
}

/* Whatever leads to it, an event comes once; live, and from the journal. */
START_TEST(test_several_topics)
{
    static const char *const paths[] = {"comments/1", "posts/8/comments", "comments/1", "comments"};
    struct sink live, replayed;
    struct position at[4];

    setup(0);
    at[0] = insert(&in_seven);
    settle(1);
    subscribe_many(&live, paths, 3, NULL);
    for (int i = 1; i < 4; i++)
        at[i] = insert(i == 2 ? &(struct comment){"2", "7", "hi"} : &in_eight);
    settle(4);
    assert_received(&live, (struct position[]){at[1], at[3]}, 2);
    subscribe_many(&replayed, paths, 4, &at[0]);
    until_live(&replayed);
    assert_received(&replayed, &at[1], 3);
    ck_assert_uint_eq(router_subscribers(router), 2);
    unsubscribe(&live);
    unsubscribe(&replayed);
    ck_assert_ptr_null(router->topics);
    teardown();
}
END_TEST

/* Who leaves in the midst of a truncate takes several topics along, the next one maybe. */
START_TEST(test_leaving_with_several_topics)
{
    static const char *const paths[] = {"comments/1", "comments/2", "comments/3", "comments"};
    struct sink leaving, staying;

    setup(0);
    subscribe_many(&leaving, paths, 4, NULL);
    subscribe_many(&staying, paths + 2, 2, NULL);
    leaving.closes = true;
    struct position position = fixture_next(&fixture);
    record_truncate(&fixture.record, position);
    fixture_append(&fixture, position, NULL);
    settle(1);
    ck_assert_uint_eq(leaving.count, 1);
    ck_assert_uint_eq(staying.count, 1);
    ck_assert_uint_eq(HASH_COUNT(router->topics), 2);
    unsubscribe(&leaving);
    unsubscribe(&staying);
    teardown();
}
END_TEST

/* Who wants one row or scope gets it although nobody wants the whole table any more, and the last
 * one leaves nothing behind. */
START_TEST(test_table_without_subscribers)
{
    struct sink table, row, scope;
    struct position at[2];

    setup(0);
    subscribe(&table, "comments", PLENTY, NULL);
    subscribe(&row, "comments/1", PLENTY, NULL);
    subscribe(&scope, "posts/8/comments", PLENTY, NULL);
    unsubscribe(&table);
    at[0] = insert(&in_seven);
    at[1] = insert(&in_eight);
    settle(2);
    assert_received(&row, at, 2);
    assert_received(&scope, &at[1], 1);
    unsubscribe(&row);
    at[1] = insert(&in_eight);
    settle(3);
    ck_assert_uint_eq(scope.count, 2);
    unsubscribe(&scope);
    ck_assert_ptr_null(router->topics);
    teardown();
}
END_TEST

/* All who leave in the midst of a truncate leave no topic behind, whichever was there first. */
START_TEST(test_all_leave_at_truncate)
{
    struct sink table, row;

    setup(0);
    subscribe(&table, "comments", PLENTY, NULL);
    subscribe(&row, "comments/1", PLENTY, NULL);
    table.closes = row.closes = true;
    struct position position = fixture_next(&fixture);
    record_truncate(&fixture.record, position);
    fixture_append(&fixture, position, NULL);
    settle(1);
    ck_assert_uint_eq(table.count + row.count, 2);
    ck_assert_ptr_null(router->topics);
    unsubscribe(&table);
    unsubscribe(&row);
    teardown();
}
END_TEST

/* What a turn hands out waits for the end of the turn to be written. */
#define TURN_DELIVERIES (512u << 10)

static uint64_t delivered, most_in_a_turn;

static void on_turn_end(struct loop_hook *hook)
{
    (void)hook;
    if (router->deliveries - delivered > most_in_a_turn)
        most_in_a_turn = router->deliveries - delivered;
    delivered = router->deliveries;
}

/* Many records for many subscribers are several turns: memory does not grow with their product. */
START_TEST(test_deliveries_of_a_turn_are_bounded)
{
    enum { MANY = 4000, RECORDS = 200 };
    struct loop_hook hook = {.order = LOOP_ORDER_WRITE, .run = on_turn_end};
    struct sink *sinks = calloc(MANY, sizeof(*sinks));

    setup(0);
    delivered = most_in_a_turn = 0;
    loop_hook_add(&fixture.loop, &hook);
    for (int i = 0; i < MANY; i++)
        subscribe(&sinks[i], "comments", PLENTY, NULL);
    for (int i = 0; i < RECORDS; i++)
        insert(&in_seven);
    sync_without_a_turn();
    settle(RECORDS);
    ck_assert_uint_eq(router->deliveries, (uint64_t)MANY * RECORDS);
    ck_assert_uint_lt(most_in_a_turn, TURN_DELIVERIES + MANY);
    for (int i = 0; i < MANY; i++)
        unsubscribe(&sinks[i]);
    free(sinks);
    loop_hook_remove(&fixture.loop, &hook);
    teardown();
}
END_TEST

UNIT_SUITE("feed/router", test_deliveries_of_a_turn_are_bounded, test_several_topics,
           test_leaving_with_several_topics, test_table_without_subscribers,
           test_all_leave_at_truncate, test_live, test_live_from_now, test_moved, test_truncate,
           test_replay, test_replay_empty, test_no_room, test_exactly_once,
           test_replay_does_not_delay, test_expired, test_epoch, test_unreadable,
           test_close_in_push, test_emptied_journal)
