/* How far the read model is, as other threads are told it. */
#include "operator/report.h"
#include "room.h"

static unsigned told;

static void on_progress(struct progress_listener *listener)
{
    told++;
}

static struct progress_listener listener = {.on_progress = on_progress};

static uint64_t settled(void)
{
    return counter_read(&room.counters.settled_lsn);
}

static bool is_settled_to(const void *lsn)
{
    return settled() == *(const uint64_t *)lsn;
}

static void settle_at(uint64_t lsn)
{
    journal_mark(room.journal, lsn, true);
    run_until(is_settled_to, &lsn);
}

static bool is_dirty(const void *what)
{
    return counter_read(&room.counters.dirty) > 0;
}

/* An event whose batch the server does not answer. */
static void hold_up(void)
{
    server.silent = true;
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    journal_mark(room.journal, 0x180, true);
    flush();
    run_until(is_dirty, NULL);
}

START_TEST(test_it_is_settled_to_where_the_journal_is_and_that_is_told)
{
    setup();
    told = 0;
    progress_listen(&room.progress, &listener);
    start_at_beginning();
    settle_at(0xf0);
    unsigned before = told;
    ck_assert_uint_gt(before, 0);
    append(EVENT_INSERT, &posts, ROW("1", "t"), NULL);
    settle_at(0x180);
    ck_assert(server_did("query 1 | -> ok"));
    ck_assert_uint_gt(told, before);
    progress_unlisten(&room.progress, &listener);
    teardown();
}
END_TEST

START_TEST(test_an_event_that_is_not_applied_yet_takes_nothing_back)
{
    setup();
    start_at_beginning();
    settle_at(0xf0);
    hold_up();
    ck_assert_uint_eq(settled(), 0xf0);
    ck_assert_uint_eq(counter_read(&room.counters.applied_lsn), 0xf0);
    server.silent = false;
    settle_at(0x180);
    teardown();
}
END_TEST

static bool is_rebuilding(const void *what)
{
    return counter_read(&room.counters.rebuilding) == 1 &&
           counter_read(&room.counters.applied_lsn) > 0;
}

START_TEST(test_while_every_id_is_computed_nothing_is_settled)
{
    setup();
    start();
    run_just_until("rebuild_begin 0/32/0 | -> ok");
    server.silent = true;
    run_until(is_rebuilding, NULL);
    ck_assert_uint_eq(settled(), 0);
    server.silent = false;
    settle_at(0xf0);
    ck_assert(server_did("rebuild_advance null"));
    teardown();
}
END_TEST

/* The LSNs of another server may be smaller. */
START_TEST(test_of_a_new_epoch_nothing_is_settled_before_the_operator_knows_it)
{
    struct journal_identity identity = {.system_identifier = 1, .database = "d", .slot = "s"};
    struct error err = {0};
    uint64_t nowhere = 0;
    setup();
    start_at_beginning();
    settle_at(0xf0);
    hold_up();
    ck_assert_int_eq(journal_begin_epoch(room.journal, &identity, 0x20, &err), 0);
    run_until(is_settled_to, &nowhere);
    ck_assert(!server_did("rebuild_begin"));
    server.silent = false;
    settle_at(0x30);
    ck_assert(server_did("rebuild_advance null"));
    teardown();
}
END_TEST

static uint64_t step_of(int first, int second)
{
    static struct engine lanes[2];
    struct operator_counters counters = {0};
    lanes[0].rebuild.step = first;
    lanes[1].rebuild.step = second;
    report(lanes, 2, "", &counters);
    ck_assert_uint_eq(counter_read(&counters.rebuilding), first >= 0 || second >= 0);
    return counter_read(&counters.rebuild_step);
}

START_TEST(test_of_lanes_the_one_that_is_behind_with_its_rebuild_tells_the_step)
{
    ck_assert_uint_eq(step_of(-1, -1), 0);
    ck_assert_uint_eq(step_of(1, 2), 1);
    ck_assert_uint_eq(step_of(2, 0), 0);
    ck_assert_uint_eq(step_of(-1, 2), 2);
    ck_assert_uint_eq(step_of(2, -1), 2);
}
END_TEST

UNIT_SUITE("operator/report", test_it_is_settled_to_where_the_journal_is_and_that_is_told,
           test_an_event_that_is_not_applied_yet_takes_nothing_back,
           test_while_every_id_is_computed_nothing_is_settled,
           test_of_a_new_epoch_nothing_is_settled_before_the_operator_knows_it,
           test_of_lanes_the_one_that_is_behind_with_its_rebuild_tells_the_step)
