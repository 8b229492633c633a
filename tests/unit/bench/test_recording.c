#include "base/lsn.h"
#include "decode/decoder.h"
#include "recording.h"
#include "temp_dir.h"
#include "unit.h"
#include <errno.h>

static struct recording before, after;

static void load(struct recording *recording, const char *plugin)
{
    struct error err = {0};

    ck_assert_msg(recording_load(recording, RECORDED_DIR, plugin, &err) == 0, "%s", err.text);
}

static void release(void)
{
    recording_release(&before);
    recording_release(&after);
}

/* Message I of the second pass is that of the first with its positions BY further on. */
static void assert_moved(const struct decoder_ops *ops, size_t i, uint64_t by)
{
    const struct recorded *a = &before.messages[i], *b = &after.messages[i];
    struct transaction was = {0}, is = {0};
    enum decoded_kind kind;
    struct error err = {0};

    ck_assert_uint_eq(b->lsn, a->lsn + by);
    ck_assert_uint_eq(b->len, a->len);
    if (ops->peek == NULL)
        return;
    ck_assert_int_eq(ops->peek((struct str){a->bytes, a->len}, a->lsn, &kind, &was, &err), 0);
    ck_assert_int_eq(ops->peek((struct str){b->bytes, b->len}, b->lsn, &kind, &is, &err), 0);
    if (kind == DECODED_NOTHING) {
        ck_assert(memcmp(a->bytes, b->bytes, a->len) == 0);
        return;
    }
    ck_assert_uint_eq(is.commit_lsn, was.commit_lsn + by);
    ck_assert_uint_eq(is.xid, was.xid);
    ck_assert_int_eq(is.commit_time, was.commit_time);
    if (kind == DECODED_COMMIT)
        ck_assert_uint_eq(is.end_lsn, was.end_lsn + by);
}

START_TEST(a_pass_moves_the_positions_of_pgoutput_and_nothing_else)
{
    struct error err = {0};

    load(&before, "pgoutput");
    load(&after, "pgoutput");
    ck_assert_int_eq(recording_advance(&after, &err), 0);
    uint64_t by = after.messages[0].lsn - before.messages[0].lsn;
    ck_assert_uint_gt(by, before.messages[before.count - 1].lsn - before.messages[0].lsn);
    for (size_t i = 0; i < before.count; i++)
        assert_moved(&pgoutput_decoder, i, by);
    release();
}
END_TEST

/* Each of the two texts is otherwise what the other one is: only digits of positions differ. */
START_TEST(a_pass_moves_the_positions_of_wal2json_and_nothing_else)
{
    struct error err = {0};
    size_t moved = 0;

    load(&before, "wal2json");
    load(&after, "wal2json");
    ck_assert_int_eq(recording_advance(&after, &err), 0);
    for (size_t i = 0; i < before.count; i++) {
        const struct recorded *a = &before.messages[i], *b = &after.messages[i];
        bool of_transaction = a->bytes[11] == 'B' || a->bytes[11] == 'C';
        const char *lsn = memmem(a->bytes, a->len, "\"lsn\":\"", 7);
        ck_assert_uint_eq(a->len, b->len);
        ck_assert_ptr_nonnull(lsn);
        ck_assert(memcmp(a->bytes, b->bytes, (size_t)(lsn - a->bytes)) == 0);
        ck_assert_int_eq(memcmp(a->bytes, b->bytes, a->len) != 0, of_transaction);
        moved += of_transaction;
    }
    ck_assert_uint_ge(moved, 2);
    release();
}
END_TEST

START_TEST(positions_that_would_no_longer_fit_are_refused)
{
    struct error err = {0};
    int rc = 0;

    load(&before, "wal2json");
    for (unsigned pass = 0; pass < 1 << 16 && rc == 0; pass++)
        rc = recording_advance(&before, &err);
    ck_assert_int_eq(rc, -ERANGE);
    recording_release(&before);
}
END_TEST

START_TEST(a_file_that_is_no_recording_is_refused)
{
    struct error err = {0};
    char path[TEMP_DIR_MAX + 32], directory[TEMP_DIR_MAX];

    temp_dir_make(directory, "recording");
    ck_assert_int_lt(recording_load(&before, directory, "pgoutput", &err), 0);
    snprintf(path, sizeof(path), "%s/pgoutput.messages", directory);
    FILE *file = fopen(path, "w");
    fputs("0/10\t4200\n0/11\t42zz\n", file);
    fclose(file);
    ck_assert_int_eq(recording_load(&before, directory, "pgoutput", &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "line 2"));
    temp_dir_remove(directory);
}
END_TEST

UNIT_SUITE("bench/recording", a_pass_moves_the_positions_of_pgoutput_and_nothing_else,
           a_pass_moves_the_positions_of_wal2json_and_nothing_else,
           positions_that_would_no_longer_fit_are_refused, a_file_that_is_no_recording_is_refused)
