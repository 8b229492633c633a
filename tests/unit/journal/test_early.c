/* Readers do not wait for the disk, and what they had is not forgotten when the disk was late. */
#include "fixture.h"

#define SEGMENT ((uint64_t)16 << 20) /* so far ahead readers may be, in LSN */

/* A transaction of one record at LSN, handed on. */
static void append_one(struct fixture *f, uint64_t lsn)
{
    ck_assert_int_eq(append(f, at(lsn, 1), NULL), 0);
    journal_mark(f->journal, lsn, true);
    journal_flush(f->journal);
}

/* So much is on disk that files cannot grow any more once they are limited. */
static void fill_disk(struct fixture *f)
{
    fixture_init(f);
    fixture_open(f);
    append_many(f, 1, 20000);
    limit_files(2 << 20);
}

static void expect_none(struct journal_cursor *cursor)
{
    struct journal_entry entry;
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 0);
}

static void expect(struct journal_cursor *cursor, uint64_t lsn)
{
    struct journal_entry entry;
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 1);
    check_entry(&entry, at(lsn, 1));
}

static struct position newest_of(struct fixture *f)
{
    struct position oldest, newest;
    journal_bounds(f->journal, &oldest, &newest);
    return newest;
}

START_TEST(test_a_reader_has_a_record_before_the_disk_does)
{
    struct fixture f;
    fill_disk(&f);
    struct journal_cursor *cursor = cursor_at(&f, at(20000, 1));
    append_one(&f, 20001);
    expect(cursor, 20001);
    wait_until(&f, journal_failing(f.journal, NULL));
    append_one(&f, 20002);
    expect(cursor, 20002);
    expect_none(cursor);
    ck_assert_uint_eq(newest_of(&f).lsn, 20002);
    ck_assert_uint_eq(journal_durable_lsn(f.journal), 0);
    limit_files(RLIM_INFINITY);
    wait_until(&f, journal_idle(f.journal));
    expect_none(cursor);
    journal_cursor_close(cursor);
    fixture_reopen(&f);
    check_range(&f, at(20000, 1), 20001, 20002);
    fixture_release(&f);
}
END_TEST

START_TEST(test_what_a_reader_had_is_known_after_the_disk_never_got_it)
{
    struct fixture f;
    fill_disk(&f);
    append_one(&f, 20001);
    ck_assert_uint_eq(newest_of(&f).lsn, 20001);
    wait_until(&f, journal_failing(f.journal, NULL));
    fixture_close(&f); /* cannot write it */
    limit_files(RLIM_INFINITY);
    fixture_open(&f);
    ck_assert_uint_eq(newest_of(&f).lsn, 20000);
    ck_assert_uint_gt(journal_given_lsn(f.journal), 20005);
    journal_bound_given(f.journal, 20005);
    journal_bound_given(f.journal, 20007);
    ck_assert_uint_eq(journal_given_lsn(f.journal), 20005);

    /* The reader comes back with what it had, and gets what follows it, once the source has sent
     * both. */
    struct journal_cursor *cursor = cursor_at(&f, at(20001, 1));
    expect_none(cursor);
    append_one(&f, 20001);
    append_one(&f, 20002);
    wait_until(&f, journal_idle(f.journal));
    expect(cursor, 20002);
    expect_none(cursor);
    journal_cursor_close(cursor);
    fixture_release(&f);
}
END_TEST

START_TEST(test_too_far_ahead_the_disk_comes_first)
{
    struct fixture f;
    fill_disk(&f);
    struct journal_cursor *cursor = cursor_at(&f, at(20000, 1));
    append_one(&f, 20000 + 2 * SEGMENT);
    append_one(&f, 20001 + 2 * SEGMENT);
    wait_until(&f, journal_failing(f.journal, NULL));
    expect_none(cursor);
    ck_assert_uint_eq(newest_of(&f).lsn, 20000);
    limit_files(RLIM_INFINITY);
    wait_until(&f, journal_idle(f.journal));
    expect(cursor, 20000 + 2 * SEGMENT);
    expect(cursor, 20001 + 2 * SEGMENT);
    expect_none(cursor);
    journal_cursor_close(cursor);
    fixture_release(&f);
}
END_TEST

START_TEST(test_what_comes_in_bulk_is_given_when_it_is_on_disk)
{
    struct fixture f;
    fill_disk(&f);
    struct journal_cursor *cursor = cursor_at(&f, at(20000, 1));
    for (uint64_t lsn = 20001; lsn <= 20300; lsn++)
        ck_assert_int_eq(append(&f, at(lsn, 1), NULL), 0);
    journal_flush(f.journal);
    append_one(&f, 20301);
    wait_until(&f, journal_failing(f.journal, NULL));
    expect_none(cursor); /* nor the one behind them */
    limit_files(RLIM_INFINITY);
    wait_until(&f, journal_idle(f.journal));
    for (uint64_t lsn = 20001; lsn <= 20301; lsn++)
        expect(cursor, lsn);
    expect_none(cursor);
    append_one(&f, 20302);
    expect(cursor, 20302);
    journal_cursor_close(cursor);
    fixture_release(&f);
}
END_TEST

START_TEST(test_who_was_left_to_the_writer_is_not_overtaken)
{
    struct fixture f;
    fixture_init(&f);
    f.options.batch_bytes = 1; /* each record is a batch */
    fixture_open(&f);
    /* Each is further than readers may be ahead, and those behind it are not. */
    uint64_t lsn = 1;
    struct journal_cursor *cursor = cursor_at(&f, at(0, 0));
    struct journal_entry entry;
    uint64_t read = 0;
    for (unsigned jump = 0; jump < 50; jump++, lsn += 2 * SEGMENT)
        for (unsigned i = 0; i < 5; i++, lsn++) {
            ck_assert_int_eq(append(&f, at(lsn, 1), NULL), 0);
            journal_flush(f.journal);
            while (journal_cursor_next(cursor, &entry) == 1)
                read++;
        }
    wait_until(&f, journal_idle(f.journal));
    while (journal_cursor_next(cursor, &entry) == 1)
        read++;
    ck_assert_uint_eq(read, 250);
    journal_cursor_close(cursor);
    fixture_release(&f);
}
END_TEST

START_TEST(test_an_empty_journal_has_an_oldest_record_as_soon_as_a_reader_can_have_it)
{
    struct fixture f;
    struct position oldest, newest;
    fixture_init(&f);
    fixture_open(&f);
    journal_mark(f.journal, 100, true); /* says how far readers may go */
    wait_until(&f, journal_idle(f.journal));
    ck_assert(!journal_bounds(f.journal, &oldest, &newest));
    append_one(&f, 101);
    append_one(&f, 102);
    ck_assert(journal_bounds(f.journal, &oldest, &newest));
    ck_assert_uint_eq(oldest.lsn, 101);
    ck_assert_uint_eq(newest.lsn, 102);
    wait_until(&f, journal_idle(f.journal));
    ck_assert(journal_bounds(f.journal, &oldest, &newest));
    ck_assert_uint_eq(oldest.lsn, 101);
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_journal_that_was_closed_well_knows_exactly_what_readers_had)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    append_one(&f, 7);
    append_one(&f, 8);
    fixture_reopen(&f);
    ck_assert_uint_eq(newest_of(&f).lsn, 8);
    ck_assert_uint_eq(journal_given_lsn(f.journal), 8);
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_new_epoch_has_given_nothing)
{
    struct fixture f;
    struct error err = {0};
    const struct journal_identity identity = {.database = "demo", .slot = "walpiper"};
    fill_disk(&f);
    append_one(&f, 20001);
    wait_until(&f, journal_failing(f.journal, NULL));
    fixture_close(&f);
    limit_files(RLIM_INFINITY);
    fixture_open(&f);
    ck_assert_uint_ge(journal_given_lsn(f.journal), 20001);
    ck_assert_int_eq(journal_begin_epoch(f.journal, &identity, 5, &err), 0);
    ck_assert_uint_eq(journal_given_lsn(f.journal), 0);
    /* What was left of the old one does not come into the new one. */
    check_range(&f, at(0, 0), 1, 0);
    append_one(&f, 6);
    append_one(&f, 7);
    wait_until(&f, journal_idle(f.journal));
    check_range(&f, at(0, 0), 6, 7);
    fixture_release(&f);
}
END_TEST

/* A listener that counts what readers are told. */
static struct counting {
    struct journal_listener listener;
    _Atomic unsigned records;
} counting;

static void count_records(struct journal_listener *self)
{
    counting.records++;
}

START_TEST(test_who_fell_out_of_the_ring_before_the_disk_had_it_is_told_when_it_has)
{
    struct fixture f;
    fixture_init(&f);
    f.options.ring_bytes = 0; /* keeps nothing */
    fixture_open(&f);
    append_one(&f, 1);
    wait_until(&f, journal_idle(f.journal));
    counting = (struct counting){.listener = {.on_records = count_records}};
    journal_listen(f.journal, &counting.listener);
    struct journal_cursor *cursor = cursor_at(&f, at(1, 1));
    append_one(&f, 2);
    wait_until(&f, journal_idle(f.journal));
    /* Once when it was given, and was gone at once; and once when the disk had it. */
    wait_until(&f, counting.records == 2);
    expect(cursor, 2);
    journal_cursor_close(cursor);
    journal_unlisten(f.journal, &counting.listener);
    fixture_release(&f);
}
END_TEST

UNIT_SUITE("journal/early", test_a_reader_has_a_record_before_the_disk_does,
           test_what_a_reader_had_is_known_after_the_disk_never_got_it,
           test_too_far_ahead_the_disk_comes_first,
           test_what_comes_in_bulk_is_given_when_it_is_on_disk,
           test_who_was_left_to_the_writer_is_not_overtaken,
           test_an_empty_journal_has_an_oldest_record_as_soon_as_a_reader_can_have_it,
           test_a_journal_that_was_closed_well_knows_exactly_what_readers_had,
           test_a_new_epoch_has_given_nothing,
           test_who_fell_out_of_the_ring_before_the_disk_had_it_is_told_when_it_has)
