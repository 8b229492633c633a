#include "fixture.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct journal_identity IDENTITY = {
    .system_identifier = 7123456789012345678, .database = "demo", .slot = "walpiper"};

START_TEST(test_what_was_appended_is_read_and_survives)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    struct position oldest;
    struct position newest;
    ck_assert(!journal_bounds(f.journal, &oldest, &newest));
    append_many(&f, 1, 500);
    check_range(&f, at(0, 0), 1, 500);
    check_range(&f, at(250, 1), 251, 500);
    check_range(&f, at(250, 0), 250, 500); /* before the first of a transaction */
    check_range(&f, at(250, 9), 251, 500); /* a position that is not there */
    fixture_reopen(&f);
    ck_assert(journal_bounds(f.journal, &oldest, &newest));
    ck_assert_int_eq(position_compare(oldest, at(1, 1)), 0);
    ck_assert_int_eq(position_compare(newest, at(500, 1)), 0);
    check_range(&f, at(0, 0), 1, 500);
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_record_that_is_here_already_is_not_taken)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    ck_assert_int_eq(append(&f, at(5, 1), NULL), 0);
    ck_assert_int_eq(append(&f, at(5, 1), NULL), 1);
    ck_assert_int_eq(append(&f, at(4, 9), NULL), 1);
    ck_assert_int_eq(append(&f, at(5, 2), NULL), 0);
    fixture_reopen(&f); /* closing writes without a flush */
    ck_assert_int_eq(append(&f, at(5, 2), NULL), 1);
    ck_assert_int_eq(append(&f, at(6, 1), NULL), 0);
    fixture_release(&f);
}
END_TEST

START_TEST(test_empty_and_large_records_keep_their_bytes)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    size_t len = 9 << 20; /* larger than what may wait: alone it is taken */
    char *large = malloc(len);
    for (size_t i = 0; i < len; i++)
        large[i] = (char)(i * 31 >> 3);
    ck_assert_int_eq(journal_append(f.journal, at(1, 1), (struct str){large, len}, NULL), 0);
    ck_assert_int_eq(journal_append(f.journal, at(2, 1), (struct str){NULL, 0}, NULL), -EAGAIN);
    wait_until(&f, journal_idle(f.journal));
    ck_assert_int_eq(journal_append(f.journal, at(2, 1), (struct str){NULL, 0}, NULL), 0);
    fixture_reopen(&f);
    struct journal_cursor *cursor = cursor_at(&f, at(0, 0));
    struct journal_entry entry;
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 1);
    ck_assert_uint_eq(entry.bytes.len, len);
    ck_assert(memcmp(entry.bytes.data, large, len) == 0);
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 1);
    ck_assert_uint_eq(entry.bytes.len, 0);
    journal_cursor_close(cursor);
    free(large);
    fixture_release(&f);
}
END_TEST

START_TEST(test_marks_are_durable_with_what_they_cover)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    ck_assert(journal_idle(f.journal));
    ck_assert_int_eq(append(&f, at(10, 1), NULL), 0);
    ck_assert(!journal_idle(f.journal));
    journal_mark(f.journal, 10, false);
    journal_flush(f.journal);
    wait_until(&f, journal_idle(f.journal));
    ck_assert_uint_eq(journal_durable_lsn(f.journal), 10);
    /* An urgent one causes a write by itself. */
    journal_mark(f.journal, 20, true);
    ck_assert(journal_durable_lsn(f.journal) == 10 || journal_durable_lsn(f.journal) == 20);
    wait_until(&f, journal_durable_lsn(f.journal) == 20);
    /* Marks only grow. */
    journal_mark(f.journal, 15, true);
    ck_assert(journal_idle(f.journal));
    fixture_reopen(&f);
    ck_assert_uint_eq(journal_durable_lsn(f.journal), 20);
    journal_mark(f.journal, 20, true);
    ck_assert(journal_idle(f.journal));
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_mark_that_is_not_urgent_waits_but_not_for_ever)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    journal_mark(f.journal, 10, false);
    journal_flush(f.journal);
    ck_assert(!journal_idle(f.journal));
    wait_until(&f, journal_idle(f.journal)); /* nothing else comes: it is written alone */
    ck_assert_uint_eq(journal_durable_lsn(f.journal), 10);
    /* Closing does not lose one that waits. */
    journal_mark(f.journal, 30, false);
    fixture_reopen(&f);
    ck_assert_uint_eq(journal_durable_lsn(f.journal), 30);
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_tag_leads_to_its_newest_record)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    int64_t tags[] = {5, -5, INT64_MIN, INT64_MAX, 5};
    struct position found;
    ck_assert(!journal_find_tag(f.journal, 5, &found));
    for (uint32_t i = 0; i < 5; i++)
        ck_assert_int_eq(append(&f, at(1, i + 1), &tags[i]), 0);
    journal_flush(f.journal);
    wait_until(&f, journal_idle(f.journal));
    for (uint32_t i = 1; i < 5; i++) {
        ck_assert(journal_find_tag(f.journal, tags[i], &found));
        ck_assert_int_eq(position_compare(found, at(1, i + 1)), 0);
    }
    ck_assert(!journal_find_tag(f.journal, 6, &found));
    fixture_release(&f);
}
END_TEST

/* --- retention --------------------------------------------------------------------------- */

START_TEST(test_retention_by_bytes_removes_the_oldest_and_their_tags)
{
    struct fixture f;
    fixture_init(&f);
    f.options.retention_bytes = 100 << 10;
    fixture_open(&f);
    struct journal_cursor *behind = cursor_at(&f, at(0, 0));
    struct journal_entry entry;
    int64_t shared_tag = -1;
    ck_assert_int_eq(append(&f, at(1, 1), &shared_tag), 0);
    ck_assert_int_eq(append(&f, at(1, 2), &shared_tag), 0);
    for (int64_t i = 2; i <= 2000; i++)
        ck_assert_int_eq(append(&f, at((uint64_t)i, 1), i == 2000 ? &shared_tag : &i), 0);
    journal_flush(f.journal);
    struct position oldest;
    struct position newest;
    wait_until(&f, journal_idle(f.journal) && journal_bounds(f.journal, &oldest, &newest) &&
                       oldest.lsn > 1500);
    ck_assert_uint_eq(newest.lsn, 2000);
    ck_assert_uint_lt(oldest.lsn, 1990); /* and not more than that */
    ck_assert_int_eq(journal_cursor_next(behind, &entry), -ESTALE);
    ck_assert_int_eq(journal_cursor_next(behind, &entry), -ESTALE);
    check_range(&f, at(oldest.lsn, 0), oldest.lsn, 2000);
    /* Tags keep step: those of trimmed records are gone, one that has a newer record stays. */
    struct position found;
    ck_assert(!journal_find_tag(f.journal, (int64_t)oldest.lsn - 1, &found));
    ck_assert(journal_find_tag(f.journal, (int64_t)oldest.lsn, &found));
    ck_assert_int_eq(position_compare(found, oldest), 0);
    ck_assert(journal_find_tag(f.journal, shared_tag, &found));
    ck_assert_int_eq(position_compare(found, at(2000, 1)), 0);
    journal_cursor_close(behind);
    fixture_release(&f);
}
END_TEST

START_TEST(test_retention_by_age_and_what_is_known_after_it)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    append_many(&f, 1, 100);
    f.options.retention_age_us = 1;
    fixture_reopen(&f);
    struct position oldest;
    struct position newest;
    wait_until(&f, !journal_bounds(f.journal, &oldest, &newest));
    /* An empty log still knows what it has had. */
    fixture_reopen(&f);
    ck_assert(!journal_bounds(f.journal, &oldest, &newest));
    ck_assert_int_eq(append(&f, at(100, 1), NULL), 1);
    struct journal_entry entry;
    struct journal_cursor *cursor = cursor_at(&f, at(99, 1));
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), -ESTALE);
    journal_cursor_close(cursor);
    cursor = cursor_at(&f, at(100, 1));
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 0);
    journal_cursor_close(cursor);
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_hold_is_stronger_than_retention_and_than_a_restart)
{
    struct fixture f;
    fixture_init(&f);
    f.options.retention_age_us = 1;
    fixture_open(&f);
    ck_assert_int_eq(journal_hold(f.journal, "", at(1, 1)), -EINVAL);
    ck_assert_int_eq(journal_hold(f.journal, "slow", at(50, 1)), 0);
    ck_assert_int_eq(journal_hold(f.journal, "fast", at(80, 1)), 0);
    append_apart(&f, 1, 100);
    struct position oldest;
    struct position newest;
    wait_until(&f, journal_bounds(f.journal, &oldest, &newest) && oldest.lsn == 51);
    ck_assert_int_eq(journal_hold(f.journal, "slow", at(40, 1)), 0); /* forward only */
    ck_assert_int_eq(journal_hold(f.journal, "slow", at(60, 1)), 0);
    wait_until(&f, journal_bounds(f.journal, &oldest, &newest) && oldest.lsn == 61);
    /* The process ends, the reader has not come back yet. */
    fixture_reopen(&f);
    ck_assert_int_eq(append(&f, at(101, 1), NULL), 0);
    journal_flush(f.journal);
    wait_until(&f, journal_idle(f.journal));
    ck_assert(journal_bounds(f.journal, &oldest, &newest));
    ck_assert_uint_eq(oldest.lsn, 61);
    check_range(&f, at(60, 1), 61, 101);
    /* One is no longer configured, the other ends. */
    const char *names[] = {"fast"};
    journal_keep_holds(f.journal, names, 1);
    wait_until(&f, journal_bounds(f.journal, &oldest, &newest) && oldest.lsn == 81);
    journal_release(f.journal, "fast");
    wait_until(&f, !journal_bounds(f.journal, &oldest, &newest));
    fixture_release(&f);
}
END_TEST

/* What is held in the middle of a block keeps the block, and the writer rests all the same. */
START_TEST(test_a_hold_in_the_middle_of_a_block_keeps_all_of_it)
{
    struct fixture f;
    fixture_init(&f);
    f.options.retention_age_us = 1;
    fixture_open(&f);
    ck_assert_int_eq(journal_hold(f.journal, "reader", at(0, 0)), 0);
    append_many(&f, 1, 20);
    ck_assert_int_eq(journal_hold(f.journal, "reader", at(10, 1)), 0);
    unsigned long rounds = fixture_rounds(&f);
    append_apart(&f, 21, 50);
    check_range(&f, at(10, 1), 11, 70);
    struct position oldest, newest;
    ck_assert(journal_bounds(f.journal, &oldest, &newest));
    ck_assert_uint_le(oldest.lsn, 11);
    ck_assert_uint_lt(fixture_rounds(&f) - rounds, 75);
    fixture_release(&f);
}
END_TEST

static _Atomic unsigned given_up;
static struct position given_up_at;
static uint64_t given_up_bytes;

static void on_given_up(const struct journal_given_up *what)
{
    ck_assert_str_eq(what->name, "stuck");
    given_up_at = what->position;
    given_up_bytes = what->journal_bytes;
    given_up++;
}

static struct position oldest_of(struct fixture *f)
{
    struct position oldest = {0}, newest;
    (void)journal_bounds(f->journal, &oldest, &newest);
    return oldest;
}

/* Limits by bytes, or by age, of which all are at once: what they have in common. */
static void check_giving_up(uint64_t bytes, uint64_t age_us)
{
    struct fixture f;
    struct journal_entry entry;
    const uint64_t held = 100 * 500; /* a record takes less */
    given_up = 0;
    fixture_init(&f);
    f.options.retention_bytes = bytes;
    f.options.retention_age_us = age_us;
    f.options.max_held = held;
    f.options.on_given_up = on_given_up;
    fixture_open(&f);
    ck_assert_int_eq(journal_hold(f.journal, "stuck", at(5, 1)), 0);
    ck_assert_int_eq(journal_hold(f.journal, "slow", at(20, 1)), 0);
    append_apart(&f, 1, 50);
    ck_assert_uint_eq(given_up, 0);
    ck_assert_uint_le(oldest_of(&f).lsn, 6);
    ck_assert_int_eq(journal_hold(f.journal, "slow", at(50, 1)), 0);
    append_apart(&f, 51, 100);
    wait_until(&f, given_up);
    ck_assert_uint_eq(given_up_at.lsn, 5);
    ck_assert_uint_gt(given_up_bytes, held / 2);
    /* It holds nothing any more, though it says where it stands, again and after a restart. */
    ck_assert_int_eq(journal_hold(f.journal, "stuck", at(5, 1)), 0);
    fixture_reopen(&f);
    ck_assert_int_eq(journal_hold(f.journal, "stuck", at(6, 1)), 0);
    ck_assert_int_eq(append(&f, at(151, 1), NULL), 0);
    journal_flush(f.journal);
    wait_until(&f, journal_idle(f.journal) && oldest_of(&f).lsn >= (bytes ? 20 : 51));
    struct journal_cursor *cursor = cursor_at(&f, at(6, 1));
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), -ESTALE);
    journal_cursor_close(cursor);
    /* The other one was never given up. */
    ck_assert_uint_le(oldest_of(&f).lsn, 51);
    /* Once it stands at what is there, it holds again. */
    ck_assert_int_eq(journal_hold(f.journal, "stuck", at(100, 1)), 0);
    journal_release(f.journal, "slow");
    append_apart(&f, 152, 10);
    ck_assert_uint_le(oldest_of(&f).lsn, 101);
    ck_assert_uint_eq(given_up, 1);
    fixture_release(&f);
}

START_TEST(test_holds_that_keep_too_much_are_given_up_the_oldest_first)
{
    check_giving_up(10 * 300, 0);
    check_giving_up(0, 1);
    check_giving_up(10 * 300, 1);
}
END_TEST

/* By age: only what is past its age counts, not the whole journal. */
START_TEST(test_what_is_within_its_age_counts_for_no_hold)
{
    struct fixture f;
    given_up = 0;
    fixture_init(&f);
    f.options.retention_age_us = UINT64_C(3600) * 1000000;
    f.options.max_held = 10 * 300;
    f.options.on_given_up = on_given_up;
    fixture_open(&f);
    ck_assert_int_eq(journal_hold(f.journal, "stuck", at(5, 1)), 0);
    append_apart(&f, 1, 100);
    ck_assert_uint_eq(given_up, 0);
    ck_assert_uint_eq(oldest_of(&f).lsn, 1);
    fixture_release(&f);
}
END_TEST

/* --- limits ------------------------------------------------------------------------------ */

START_TEST(test_a_tag_goes_with_its_newest_record_only)
{
    struct fixture f;
    fixture_init(&f);
    f.options.retention_age_us = 1;
    fixture_open(&f);
    int64_t tag = 5;
    struct position oldest;
    struct position newest;
    struct position found;
    ck_assert_int_eq(journal_hold(f.journal, "reader", at(0, 0)), 0);
    for (uint64_t lsn = 1; lsn <= 2; lsn++) { /* each in a block of its own */
        ck_assert_int_eq(append(&f, at(lsn, 1), &tag), 0);
        journal_flush(f.journal);
        wait_until(&f, journal_idle(f.journal));
    }
    ck_assert_int_eq(journal_hold(f.journal, "reader", at(1, 1)), 0);
    wait_until(&f, journal_bounds(f.journal, &oldest, &newest) && oldest.lsn == 2);
    ck_assert(journal_find_tag(f.journal, tag, &found));
    ck_assert_uint_eq(found.lsn, 2);
    journal_release(f.journal, "reader");
    wait_until(&f, !journal_bounds(f.journal, &oldest, &newest));
    ck_assert_uint_eq(newest.lsn, 2); /* known although it is gone */
    ck_assert(!journal_find_tag(f.journal, tag, &found));
    fixture_release(&f);
}
END_TEST

START_TEST(test_what_waits_for_the_disk_is_bounded)
{
    struct fixture f;
    fixture_init(&f);
    f.options.ahead_bytes = 64 << 10;
    f.options.batch_bytes = 1 << 20;
    fixture_open(&f);
    char text[1000] = {0};
    uint64_t lsn = 1;
    while (journal_append(f.journal, at(lsn, 1), (struct str){text, sizeof(text)}, NULL) == 0)
        lsn++;
    ck_assert_uint_gt(lsn, 50);
    ck_assert_uint_lt(lsn, 66); /* nothing was flushed: no batch has been taken */
    /* Progress follows, although nobody flushes. */
    for (int more = 0; more < 200; lsn++) {
        unsigned long rounds = fixture_rounds(&f);
        int rc = journal_append(f.journal, at(lsn, 1), (struct str){text, sizeof(text)}, NULL);
        ck_assert(rc == 0 || rc == -EAGAIN);
        if (rc == 0) {
            more++;
            continue;
        }
        lsn--;
        if (!journal_idle(f.journal))
            fixture_wait(&f, rounds);
    }
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_full_batch_is_written_without_a_flush)
{
    struct fixture f;
    fixture_init(&f);
    f.options.batch_bytes = 10 << 10;
    fixture_open(&f);
    struct position oldest;
    struct position newest;
    for (uint64_t lsn = 1; lsn <= 100; lsn++)
        ck_assert_int_eq(append(&f, at(lsn, 1), NULL), 0);
    wait_until(&f, journal_bounds(f.journal, &oldest, &newest) && newest.lsn > 80);
    fixture_release(&f);
}
END_TEST

/* --- epochs ------------------------------------------------------------------------------ */

START_TEST(test_a_new_epoch_starts_from_nothing)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    struct error err = {0};
    struct journal_identity identity;
    journal_identity(f.journal, &identity);
    ck_assert_str_eq(identity.epoch, "");
    ck_assert_int_eq(journal_begin_epoch(f.journal, &IDENTITY, 1000, &err), 0);
    ck_assert_uint_eq(journal_durable_lsn(f.journal), 1000);
    journal_identity(f.journal, &identity);
    char first[9];
    journal_epoch(f.journal, first);
    ck_assert_str_eq(identity.epoch, first);
    ck_assert_uint_eq(strspn(first, "0123456789abcdef"), 8);
    int64_t tag = 77;
    ck_assert_int_eq(append(&f, at(1001, 1), &tag), 0);
    append_many(&f, 1002, 10);
    ck_assert_int_eq(journal_hold(f.journal, "reader", at(1001, 1)), 0);
    struct journal_cursor *old = cursor_at(&f, at(0, 0));
    struct journal_entry entry;
    ck_assert_int_eq(journal_cursor_next(old, &entry), 1);
    /* Another cluster, with positions that start lower. */
    struct journal_identity other = IDENTITY;
    other.system_identifier = 42;
    ck_assert_int_eq(journal_begin_epoch(f.journal, &other, 7, &err), 0);
    ck_assert_uint_eq(journal_durable_lsn(f.journal), 7);
    ck_assert_int_eq(journal_cursor_next(old, &entry), -ESTALE);
    struct position position;
    ck_assert(!journal_bounds(f.journal, &position, &position));
    ck_assert(!journal_find_tag(f.journal, tag, &position));
    append_many(&f, 8, 5);
    ck_assert_int_eq(journal_cursor_next(old, &entry), -ESTALE);
    journal_cursor_close(old);
    check_range(&f, at(0, 0), 8, 12);
    fixture_reopen(&f);
    journal_identity(f.journal, &identity);
    ck_assert_str_ne(identity.epoch, first);
    ck_assert_uint_eq(identity.system_identifier, 42);
    ck_assert_str_eq(identity.database, "demo");
    ck_assert_str_eq(identity.slot, "walpiper");
    check_range(&f, at(0, 0), 8, 12);
    fixture_release(&f);
}
END_TEST

/* --- what must be refused ---------------------------------------------------------------- */

static void expect_refusal(struct fixture *f, int code, const char *cause)
{
    struct journal *journal = NULL;
    struct error err = {0};
    ck_assert_int_eq(journal_open(&journal, &f->options, &err), code);
    ck_assert_ptr_null(journal);
    ck_assert_int_eq(err.code, code);
    ck_assert_msg(strstr(err.text, f->path), "%s", err.text);
    ck_assert_msg(strstr(err.text, cause), "%s", err.text);
}

START_TEST(test_a_second_process_is_refused)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    char pid[32];
    snprintf(pid, sizeof(pid), "process %d", (int)getpid());
    expect_refusal(&f, -EBUSY, pid);
    fixture_reopen(&f); /* and the lock ends with the journal */
    fixture_release(&f);
}
END_TEST

static void overwrite(struct fixture *f, const char *bytes, off_t length)
{
    char name[128];
    snprintf(name, sizeof(name), "%s/data.mdb", f->path);
    int fd = open(name, O_WRONLY);
    ck_assert_int_ge(fd, 0);
    if (bytes)
        ck_assert_int_eq(pwrite(fd, bytes, strlen(bytes), 0), (ssize_t)strlen(bytes));
    ck_assert_int_eq(ftruncate(fd, length), 0);
    close(fd);
}

START_TEST(test_a_damaged_journal_is_refused)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    append_many(&f, 1, 2000);
    fixture_close(&f);
    overwrite(&f, NULL, 100 << 10); /* cut: touching it through the mapping would be a SIGBUS */
    expect_refusal(&f, -EIO, "remove the directory");
    overwrite(&f, "this is not a journal", 8192);
    expect_refusal(&f, -EIO, "remove the directory");
    overwrite(&f, "a few bytes", 11);
    expect_refusal(&f, -EIO, "remove the directory");
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_path_that_cannot_be_is_refused)
{
    struct fixture f;
    fixture_init(&f);
    char path[128];
    snprintf(path, sizeof(path), "%s/file", f.path);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    struct journal *journal = NULL;
    struct error err = {0};
    snprintf(path, sizeof(path), "%s/file/journal", f.path);
    f.options.path = path;
    ck_assert_int_eq(journal_open(&journal, &f.options, &err), -ENOTDIR);
    ck_assert_msg(strstr(err.text, f.path), "%s", err.text);
    /* Missing directories above are made. */
    snprintf(path, sizeof(path), "%s/a/b//journal/", f.path);
    ck_assert_int_eq(journal_open(&journal, &f.options, &err), 0);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0700);
    journal_close(journal);
    fixture_release(&f);
}
END_TEST

/* --- failures ---------------------------------------------------------------------------- */

/* LSN 1 .. 20000 are on disk, past a limit that is set then; 20001 .. 22000 cannot be written. */
static void open_and_fail(struct fixture *f)
{
    fixture_init(f);
    fixture_open(f);
    append_many(f, 1, 20000);
    ck_assert(!journal_failing(f->journal, NULL));
    limit_files(2 << 20);
    for (uint64_t lsn = 20001; lsn <= 22000; lsn++)
        ck_assert_int_eq(append(f, at(lsn, 1), NULL), 0);
    journal_mark(f->journal, 22000, true);
    wait_until(f, journal_failing(f->journal, NULL));
    ck_assert_uint_eq(journal_durable_lsn(f->journal), 0);
    ck_assert(!journal_idle(f->journal));
}

START_TEST(test_a_write_failure_is_told_and_loses_nothing)
{
    struct fixture f;
    struct error err = {0};
    open_and_fail(&f);
    ck_assert(journal_failing(f.journal, &err));
    ck_assert_int_eq(err.code, -EFBIG);
    ck_assert_msg(strstr(err.text, f.path), "%s", err.text);
    struct position oldest;
    struct position newest;
    ck_assert(journal_bounds(f.journal, &oldest, &newest));
    ck_assert_uint_lt(newest.lsn, 22000);
    check_range(&f, at(19000, 1), 19001, newest.lsn); /* readers go on */
    limit_files(RLIM_INFINITY);
    wait_until(&f, journal_idle(f.journal));
    ck_assert(!journal_failing(f.journal, &err));
    ck_assert_uint_eq(journal_durable_lsn(f.journal), 22000);
    check_range(&f, at(19000, 1), 19001, 22000);
    fixture_reopen(&f);
    check_range(&f, at(0, 0), 1, 22000);
    fixture_release(&f);
}
END_TEST

START_TEST(test_closing_does_not_hang_on_a_disk_that_fails)
{
    struct fixture f;
    open_and_fail(&f);
    fixture_close(&f);
    limit_files(RLIM_INFINITY);
    fixture_open(&f);
    /* What was not written was not durable, and what was has no hole. */
    struct position oldest;
    struct position newest;
    ck_assert_uint_eq(journal_durable_lsn(f.journal), 0);
    ck_assert(journal_bounds(f.journal, &oldest, &newest));
    ck_assert_uint_lt(newest.lsn, 22000);
    check_range(&f, at(0, 0), 1, newest.lsn);
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_new_epoch_does_not_wait_for_a_batch_that_fails)
{
    struct fixture f;
    struct error err = {0};
    open_and_fail(&f);
    /* It may need the disk that fails, too: then it says so, and nothing has changed. */
    int rc = journal_begin_epoch(f.journal, &IDENTITY, 5, &err);
    if (rc != 0) {
        ck_assert_int_eq(rc, -EFBIG);
        limit_files(RLIM_INFINITY);
        wait_until(&f, journal_idle(f.journal));
        check_range(&f, at(21000, 1), 21001, 22000);
        ck_assert_int_eq(journal_begin_epoch(f.journal, &IDENTITY, 5, &err), 0);
    }
    limit_files(RLIM_INFINITY);
    ck_assert(journal_idle(f.journal));
    ck_assert_uint_eq(journal_durable_lsn(f.journal), 5);
    append_many(&f, 6, 10);
    check_range(&f, at(0, 0), 6, 15);
    fixture_release(&f);
}
END_TEST

/* --- crashes ----------------------------------------------------------------------------- */

/* Appends for ever; tells through PIPE what is durable. */
static void append_until_killed(struct fixture *f, int pipe)
{
    fixture_open(f);
    struct position oldest;
    struct position newest = {0};
    journal_bounds(f->journal, &oldest, &newest);
    uint64_t told = 0;
    for (uint64_t lsn = newest.lsn + 1;; lsn++) {
        append(f, at(lsn, 1), NULL);
        journal_mark(f->journal, lsn, false);
        if (lsn % 7 == 0)
            journal_flush(f->journal);
        uint64_t durable = journal_durable_lsn(f->journal);
        if (durable != told && write(pipe, &durable, sizeof(durable)) != sizeof(durable))
            _exit(1);
        told = durable;
    }
}

START_TEST(test_a_killed_process_leaves_a_prefix_without_holes)
{
    struct fixture f;
    fixture_init(&f);
    for (int round = 0; round < 8; round++) {
        int fds[2];
        ck_assert_int_eq(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            append_until_killed(&f, fds[1]);
        }
        close(fds[1]);
        /* After some commits, in the middle of others. */
        uint64_t confirmed = 0;
        for (int i = 0; i < 5 + 9 * round; i++)
            ck_assert_int_eq(read(fds[0], &confirmed, sizeof(confirmed)), sizeof(confirmed));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        uint64_t later;
        while (read(fds[0], &later, sizeof(later)) == sizeof(later))
            confirmed = later;
        close(fds[0]);
        fixture_open(&f);
        struct position oldest;
        struct position newest;
        ck_assert(journal_bounds(f.journal, &oldest, &newest));
        ck_assert_uint_ge(journal_durable_lsn(f.journal), confirmed);
        ck_assert_uint_le(journal_durable_lsn(f.journal), newest.lsn);
        check_range(&f, at(0, 0), 1, newest.lsn);
        fixture_close(&f);
    }
    fixture_release(&f);
}
END_TEST

UNIT_SUITE("journal/journal", test_what_was_appended_is_read_and_survives,
           test_a_record_that_is_here_already_is_not_taken,
           test_empty_and_large_records_keep_their_bytes,
           test_marks_are_durable_with_what_they_cover,
           test_a_mark_that_is_not_urgent_waits_but_not_for_ever,
           test_a_tag_leads_to_its_newest_record,
           test_retention_by_bytes_removes_the_oldest_and_their_tags,
           test_retention_by_age_and_what_is_known_after_it,
           test_a_hold_is_stronger_than_retention_and_than_a_restart,
           test_a_hold_in_the_middle_of_a_block_keeps_all_of_it,
           test_holds_that_keep_too_much_are_given_up_the_oldest_first,
           test_what_is_within_its_age_counts_for_no_hold,
           test_a_tag_goes_with_its_newest_record_only, test_what_waits_for_the_disk_is_bounded,
           test_a_full_batch_is_written_without_a_flush, test_a_new_epoch_starts_from_nothing,
           test_a_second_process_is_refused, test_a_damaged_journal_is_refused,
           test_a_path_that_cannot_be_is_refused, test_a_write_failure_is_told_and_loses_nothing,
           test_closing_does_not_hang_on_a_disk_that_fails,
           test_a_new_epoch_does_not_wait_for_a_batch_that_fails,
           test_a_killed_process_leaves_a_prefix_without_holes)
