#include "fixture.h"
#include <stdatomic.h>

/* --- the seam between ring and disk ------------------------------------------------------ */

enum { READERS = 3 };

struct reader {
    struct fixture *f;
    struct position after;
    uint64_t first;
    uint64_t last;
    uint32_t per_lsn; /* records of each transaction */
    atomic_ulong read;
    bool in_order;
    pthread_t thread;
};

/* The record that must follow POSITION. */
static struct position next_of(const struct reader *r, struct position position)
{
    if (position.lsn >= r->first && position.ordinal < r->per_lsn)
        return at(position.lsn, position.ordinal + 1);
    return at(position.lsn >= r->first ? position.lsn + 1 : r->first, 1);
}

static void *read_all(void *argument)
{
    struct reader *r = argument;
    struct journal_cursor *cursor;
    struct error err = {0};
    struct position expected = next_of(r, r->after);
    if (journal_cursor_open(r->f->journal, &cursor, r->after, &err) != 0)
        return NULL;
    while (expected.lsn <= r->last) {
        unsigned long rounds = fixture_rounds(r->f);
        struct journal_entry entry;
        int rc = journal_cursor_next(cursor, &entry);
        if (rc < 0 || (rc == 1 && position_compare(entry.position, expected) != 0))
            break;
        if (rc == 0) {
            fixture_wait(r->f, rounds);
            continue;
        }
        expected = next_of(r, expected);
        atomic_fetch_add(&r->read, 1);
    }
    r->in_order = expected.lsn > r->last;
    journal_cursor_close(cursor);
    return NULL;
}

static void start_reader(struct reader *r, struct fixture *f, struct position after, uint64_t last)
{
    *r = (struct reader){.f = f, .after = after, .first = 1, .last = last, .per_lsn = 3};
    ck_assert_int_eq(pthread_create(&r->thread, NULL, read_all, r), 0);
}

START_TEST(test_every_reader_sees_every_record_once_and_in_order)
{
    struct fixture f;
    fixture_init(&f);
    f.options.ring_bytes = 8 << 10; /* about twenty records: readers fall out of it all the time */
    f.options.batch_bytes = 16 << 10;
    f.options.ahead_bytes = 64 << 10;
    fixture_open(&f);
    enum { LAST = 4000 };
    struct reader readers[READERS];
    start_reader(&readers[0], &f, at(0, 0), LAST);
    for (uint64_t lsn = 1; lsn <= LAST; lsn++) {
        for (uint32_t ordinal = 1; ordinal <= 3; ordinal++)
            ck_assert_int_eq(append(&f, at(lsn, ordinal), NULL), 0);
        if (lsn % 5 == 0)
            journal_flush(f.journal);
        if (lsn == LAST / 3) /* from the start, with much on disk only */
            start_reader(&readers[1], &f, at(0, 0), LAST);
        if (lsn == LAST / 2) /* from the middle of a transaction that may not be on disk yet */
            start_reader(&readers[2], &f, at(lsn, 2), LAST);
    }
    journal_flush(f.journal);
    for (int i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_join(readers[i].thread, NULL), 0);
    for (int i = 0; i < READERS; i++)
        ck_assert_msg(readers[i].in_order, "reader %d lost order after %lu records", i,
                      (unsigned long)readers[i].read);
    ck_assert_uint_eq(readers[0].read, 3 * LAST);
    ck_assert_uint_eq(readers[1].read, 3 * LAST);
    fixture_release(&f);
}
END_TEST

START_TEST(test_readers_of_a_journal_that_trims_see_a_run_or_stale)
{
    struct fixture f;
    fixture_init(&f);
    f.options.ring_bytes = 8 << 10;
    f.options.batch_bytes = 8 << 10;
    f.options.ahead_bytes = 16 << 10;
    f.options.retention_bytes = 64 << 10;
    fixture_open(&f);
    struct journal_cursor *cursor = cursor_at(&f, at(0, 0));
    struct journal_entry entry;
    int stale = 0;
    uint64_t expected = 1;
    for (uint64_t lsn = 1; lsn <= 5000; lsn++) {
        ck_assert_int_eq(append(&f, at(lsn, 1), NULL), 0);
        /* Reads slower than the other writes, so that retention passes it now and then. */
        int rc = lsn % 2 ? journal_cursor_next(cursor, &entry) : 0;
        if (rc == -ESTALE) {
            struct position oldest;
            struct position newest;
            /* The disk has lost it a moment before the journal says so. */
            wait_until(&f, journal_bounds(f.journal, &oldest, &newest) && oldest.lsn > expected);
            journal_cursor_close(cursor);
            cursor = cursor_at(&f, at(oldest.lsn, 0));
            expected = 0;
            stale++;
        } else if (rc == 1) {
            if (expected != 0)
                ck_assert_uint_eq(entry.position.lsn, expected);
            expected = entry.position.lsn + 1;
        } else {
            ck_assert_int_eq(rc, 0);
        }
    }
    ck_assert_int_gt(stale, 0);
    journal_cursor_close(cursor);
    fixture_release(&f);
}
END_TEST

/* --- a cursor by itself ------------------------------------------------------------------ */

START_TEST(test_an_entry_stays_as_long_as_it_is_referenced)
{
    struct fixture f;
    fixture_init(&f);
    f.options.ring_bytes = 0;
    fixture_open(&f);
    append_many(&f, 1, 200);
    struct journal_cursor *cursor = cursor_at(&f, at(0, 0));
    struct journal_entry kept;
    struct journal_entry entry;
    ck_assert_int_eq(journal_cursor_next(cursor, &kept), 1);
    struct shared *owner = shared_ref(kept.owner);
    for (int i = 0; i < 150; i++)
        ck_assert_int_eq(journal_cursor_next(cursor, &entry), 1);
    ck_assert_int_eq(position_compare(journal_cursor_position(cursor), at(151, 1)), 0);
    journal_cursor_close(cursor); /* in the middle of what it has read ahead */
    check_entry(&kept, at(1, 1));
    shared_unref(owner);
    journal_cursor_close(NULL);
    fixture_release(&f);
}
END_TEST

START_TEST(test_live_readers_share_the_bytes)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    append_many(&f, 1, 3);
    struct journal_cursor *a = cursor_at(&f, at(2, 1));
    struct journal_cursor *b = cursor_at(&f, at(2, 1));
    struct journal_entry of_a;
    struct journal_entry of_b;
    ck_assert_int_eq(journal_cursor_next(a, &of_a), 1);
    ck_assert_int_eq(journal_cursor_next(b, &of_b), 1);
    ck_assert_ptr_eq(of_a.bytes.data, of_b.bytes.data);
    journal_cursor_close(a);
    journal_cursor_close(b);
    fixture_release(&f);
}
END_TEST

START_TEST(test_nothing_is_returned_before_it_is_on_disk)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    struct journal_cursor *cursor = cursor_at(&f, at(0, 0));
    struct journal_entry entry;
    ck_assert_int_eq(append(&f, at(1, 1), NULL), 0);
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 0); /* not flushed */
    ck_assert_int_eq(position_compare(journal_cursor_position(cursor), at(0, 0)), 0);
    journal_flush(f.journal);
    wait_until(&f, journal_idle(f.journal));
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 1);
    journal_cursor_close(cursor);
    /* A position that is yet to come: what follows it. */
    cursor = cursor_at(&f, at(10, 0));
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 0);
    append_many(&f, 9, 3);
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 1);
    check_entry(&entry, at(10, 1));
    journal_cursor_close(cursor);
    fixture_release(&f);
}
END_TEST

UNIT_SUITE("journal/cursor", test_every_reader_sees_every_record_once_and_in_order,
           test_readers_of_a_journal_that_trims_see_a_run_or_stale,
           test_an_entry_stays_as_long_as_it_is_referenced, test_live_readers_share_the_bytes,
           test_nothing_is_returned_before_it_is_on_disk)
