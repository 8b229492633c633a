#include "fixture.h"
#include "journal/peek.h"

static void fill(struct fixture *f)
{
    struct journal_identity identity = {
        .system_identifier = 77, .database = "demo", .slot = "walpiper"};
    struct error err = {0};

    ck_assert_int_eq(journal_begin_epoch(f->journal, &identity, 0x100, &err), 0);
    journal_mark(f->journal, 0x500, true);
    journal_flush(f->journal);
}

START_TEST(test_nothing_is_there_and_nothing_is_made)
{
    struct journal_peek peek;
    struct error err = {0};
    char path[TEMP_DIR_MAX], below[TEMP_DIR_MAX + 16];

    temp_dir_make(path, "peek");
    ck_assert_int_eq(journal_peek(path, &peek, &err), -ENOENT);
    snprintf(below, sizeof(below), "%s/journal", path);
    ck_assert_int_eq(journal_peek(below, &peek, &err), -ENOENT);
    ck_assert_int_eq(rmdir(path), 0); /* still empty */
}
END_TEST

START_TEST(test_what_a_closed_journal_says)
{
    struct journal_peek peek;
    struct error err = {0};
    struct fixture f;
    char epoch[9];

    fixture_init(&f);
    fixture_open(&f);
    fill(&f);
    journal_epoch(f.journal, epoch);
    fixture_close(&f);
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(journal_peek(f.path, &peek, &err) == 0, "%s", err.text);
        ck_assert_str_eq(peek.identity.epoch, epoch);
        ck_assert_str_eq(peek.identity.database, "demo");
        ck_assert_str_eq(peek.identity.slot, "walpiper");
        ck_assert_uint_eq(peek.identity.system_identifier, 77);
        ck_assert_uint_eq(peek.durable, 0x500);
    }
    fixture_open(&f);
    fixture_close(&f);
    temp_dir_remove(f.path);
}
END_TEST

START_TEST(test_one_that_was_never_filled)
{
    struct journal_peek peek;
    struct error err = {0};
    struct fixture f;

    fixture_init(&f);
    fixture_open(&f);
    fixture_close(&f);
    ck_assert_int_eq(journal_peek(f.path, &peek, &err), 0);
    ck_assert_str_eq(peek.identity.epoch, "");
    ck_assert_uint_eq(peek.durable, 0);
    temp_dir_remove(f.path);
}
END_TEST

START_TEST(test_an_open_one_is_left_alone)
{
    struct journal_peek peek;
    struct error err = {0};
    struct fixture f;
    char pid[16];

    fixture_init(&f);
    fixture_open(&f);
    ck_assert_int_eq(journal_peek(f.path, &peek, &err), -EBUSY);
    snprintf(pid, sizeof(pid), " %d ", (int)getpid());
    ck_assert_ptr_nonnull(strstr(err.text, pid));
    fixture_close(&f);
    temp_dir_remove(f.path);
}
END_TEST

START_TEST(test_damage_is_told)
{
    struct journal_peek peek;
    struct error err = {0};
    struct fixture f;
    char data[TEMP_DIR_MAX + 16];

    fixture_init(&f);
    fixture_open(&f);
    fill(&f);
    fixture_close(&f);
    snprintf(data, sizeof(data), "%s/data.mdb", f.path);
    ck_assert_int_eq(truncate(data, 8192), 0);
    ck_assert_int_eq(journal_peek(f.path, &peek, &err), -EIO);
    ck_assert_ptr_nonnull(strstr(err.text, "shorter"));
    ck_assert_int_eq(truncate(data, 0), 0);
    ck_assert_int_lt(journal_peek(f.path, &peek, &err), 0);
    temp_dir_remove(f.path);
}
END_TEST

UNIT_SUITE("journal/peek", test_nothing_is_there_and_nothing_is_made,
           test_what_a_closed_journal_says, test_one_that_was_never_filled,
           test_an_open_one_is_left_alone, test_damage_is_told)
