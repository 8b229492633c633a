#include "fixture.h"
#include "journal/store_internal.h"
#include "journal/verify.h"
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- a journal with what there may be in one --------------------------------------------- */

enum { BATCHES = 40, PER_BATCH = 3, BULK = 400, RECORDS = BATCHES * PER_BATCH + BULK };

static struct store *open_store(const struct fixture *f)
{
    struct store *store;
    struct error err = {0};
    ck_assert_msg(store_open(&store, f->path, 64 << 20, &err) == 0, "%s", err.text);
    return store;
}

static size_t record_len(uint64_t lsn)
{
    return lsn % 50 == 0 ? 9000 : 100 + lsn * 7 % 300;
}

static void fill_record(uint64_t lsn, char *data)
{
    fill_noise(data, record_len(lsn), lsn);
}

static struct store_extent write_batch(struct store *store, uint64_t first, size_t count,
                                       uint64_t max_bytes)
{
    struct record *records = calloc(count, sizeof(*records));
    struct store_extent extent;
    struct error err = {0};
    for (size_t i = 0; i < count; i++) {
        uint64_t lsn = first + i;
        records[i] = (struct record){.position = at(lsn, 1),
                                     .time_us = (int64_t)lsn,
                                     .has_tag = lsn % 2 == 0,
                                     .tag = (int64_t)(lsn % 100), /* newer ones take them over */
                                     .bytes = shared_new(NULL, record_len(lsn))};
        fill_record(lsn, records[i].bytes->data);
    }
    struct store_change change = {
        .records = records,
        .count = count,
        .mark = first + count - 1,
        .trim = {.max_bytes = max_bytes, .before_us = INT64_MIN, .budget = UINT64_MAX}};
    ck_assert_msg(store_write(store, &change, &extent, &err) == 0, "%s", err.text);
    for (size_t i = 0; i < count; i++)
        shared_unref(records[i].bytes);
    free(records);
    return extent;
}

static void begin_epoch(struct store *store)
{
    struct journal_identity identity = {.epoch = "7f3a91c2", .system_identifier = 7};
    struct store_extent extent;
    struct error err = {0};
    ck_assert_int_eq(store_begin_epoch(store, &identity, 0, &extent, &err), 0);
}

/* Small blocks in the pages of the tree, and large ones in pages of their own. */
static void make(struct fixture *f)
{
    fixture_init(f);
    struct store *store = open_store(f);
    begin_epoch(store);
    for (uint64_t n = 0; n < BATCHES; n++)
        write_batch(store, n * PER_BATCH + 1, PER_BATCH, UINT64_MAX);
    write_batch(store, BATCHES * PER_BATCH + 1, BULK, UINT64_MAX);
    store_close(store);
}

static void verify(const struct fixture *f, struct verify_report *report)
{
    struct error err = {0};
    ck_assert_msg(journal_verify(f->path, report, &err) == 0, "%s", err.text);
}

#define assert_sound(report)                                                                       \
    ck_assert_msg((report).damage_count == 0, "%s", (report).damages[0].what)

/* --- sound ones -------------------------------------------------------------------------- */

START_TEST(test_a_sound_journal_is_ok_and_counted)
{
    struct verify_report report;
    struct fixture f;
    make(&f);
    verify(&f, &report);
    assert_sound(report);
    ck_assert_uint_eq(report.records, RECORDS);
    ck_assert_uint_gt(report.blocks, BATCHES);
    ck_assert_uint_eq(report.tags, 50);
    ck_assert_str_eq(report.identity.epoch, "7f3a91c2");
    ck_assert_uint_eq(report.range_count, 1);
    ck_assert_uint_eq(report.ranges[0].first.lsn, 1);
    ck_assert_uint_eq(report.ranges[0].last.lsn, RECORDS);
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_trimmed_one_and_an_empty_one_are_ok)
{
    struct verify_report report;
    struct fixture f;
    make(&f);
    struct store *store = open_store(&f);
    struct store_extent extent = write_batch(store, RECORDS + 1, 1, 50000);
    ck_assert_uint_gt(extent.trimmed.lsn, 0);
    store_close(store);
    verify(&f, &report);
    assert_sound(report);
    ck_assert_uint_eq(report.ranges[0].first.lsn, extent.oldest.lsn);
    ck_assert_uint_eq(report.bytes, extent.bytes);
    store = open_store(&f);
    write_batch(store, RECORDS + 2, 1, 0);
    store_close(store);
    verify(&f, &report);
    assert_sound(report);
    ck_assert_uint_eq(report.records, 0);
    ck_assert_uint_eq(report.range_count, 0);
    fixture_release(&f);
}
END_TEST

START_TEST(test_what_is_no_journal_is_told_in_one_line)
{
    struct verify_report report;
    struct error err = {0};
    struct fixture f;
    fixture_init(&f);
    ck_assert_int_eq(journal_verify(f.path, &report, &err), -ENOENT);
    ck_assert_msg(strstr(err.text, f.path), "%s", err.text);
    char data[TEMP_DIR_MAX + 16];
    snprintf(data, sizeof(data), "%s/data.mdb", f.path);
    for (int size = 0; size <= 20000; size += 10000) {
        int fd = open(data, O_CREAT | O_WRONLY, 0600);
        ck_assert_int_eq(ftruncate(fd, size), 0);
        close(fd);
        ck_assert_int_lt(journal_verify(f.path, &report, &err), 0);
        ck_assert_msg(strstr(err.text, f.path), "%s", err.text);
    }
    fixture_release(&f);
}
END_TEST

/* --- beside a writer --------------------------------------------------------------------- */

/* In memory that both processes share. */
struct writing {
    atomic_bool stop;
    _Atomic uint64_t batches;
};

/* A process, as the service is one: journal_verify() forks, and wants to be alone in its own. */
static pid_t start_writer(const struct fixture *f, struct writing *w)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct store *store = open_store(f);
    for (uint64_t lsn = RECORDS + 1; !w->stop; lsn += 20) {
        write_batch(store, lsn, 20, 60000);
        w->batches++;
    }
    store_close(store);
    _exit(0);
}

START_TEST(test_what_is_appended_and_trimmed_meanwhile_is_no_damage)
{
    struct verify_report report;
    struct fixture f;
    int status;
    struct writing *w =
        mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(w, MAP_FAILED);
    make(&f);
    pid_t writer = start_writer(&f, w);
    for (int runs = 0; runs < 5 || w->batches < 100; runs++) {
        verify(&f, &report);
        assert_sound(report);
    }
    w->stop = true;
    ck_assert_int_eq(waitpid(writer, &status, 0), writer);
    ck_assert_int_eq(status, 0);
    munmap(w, sizeof(*w));
    fixture_release(&f);
}
END_TEST

/* --- damage ------------------------------------------------------------------------------ */

/* Where the bytes of blocks lie in the file. */
struct place {
    uint64_t offset;
    size_t len;
};

static size_t find_places(const struct fixture *f, struct place *places, uint64_t *ret_used)
{
    struct store *store = open_store(f);
    const char *start = store->resident.start;
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_envinfo info;
    size_t count = 0;
    ck_assert_int_eq(mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn), 0);
    ck_assert_int_eq(mdb_cursor_open(txn, store->records, &cursor), 0);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        places[count++] = (struct place){(uint64_t)((char *)key.mv_data - start), key.mv_size};
        places[count++] = (struct place){(uint64_t)((char *)value.mv_data - start), value.mv_size};
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    mdb_env_info(store->env, &info);
    *ret_used = (info.me_last_pgno + 1) * 4096;
    store_close(store);
    return count;
}

/* Changes one byte; the same again brings it back. */
static void flip(const struct fixture *f, uint64_t offset, unsigned char mask)
{
    char data[TEMP_DIR_MAX + 16];
    unsigned char byte;
    snprintf(data, sizeof(data), "%s/data.mdb", f->path);
    int fd = open(data, O_RDWR);
    ck_assert_int_eq(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= mask;
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
}

static bool is_right(const struct journal_entry *entry, uint64_t lsn)
{
    char expected[9000];
    if (entry->position.lsn != lsn || entry->position.ordinal != 1 ||
        entry->bytes.len != record_len(lsn))
        return false;
    fill_record(lsn, expected);
    return memcmp(entry->bytes.data, expected, entry->bytes.len) == 0;
}

/* No exit code of anything else: a sanitizer that catches a crash exits with 1. */
enum { WRONG_RECORDS = 99 };

/* What the service would do: 0 it gives nothing wrong and skips nothing. */
static int read_as_service(const struct fixture *f)
{
    struct store *store;
    uint64_t lsn = 0;
    if (store_open(&store, f->path, 64 << 20, NULL) != 0)
        return 0;
    for (;;) {
        struct store_slice slice;
        struct journal_entry entry;
        int rc = store_read(store, at(lsn, 1), &slice);
        if (rc <= 0)
            return rc < 0 || lsn == RECORDS ? 0 : WRONG_RECORDS;
        while ((rc = store_slice_next(&slice, at(lsn, 1), &entry)) > 0)
            if (!is_right(&entry, ++lsn))
                return WRONG_RECORDS;
        store_slice_release(&slice);
    }
}

/* LMDB may be killed by what it follows; that gives no wrong event either. */
static void check_service(const struct fixture *f, uint64_t offset)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        int quiet = open("/dev/null", O_WRONLY);
        dup2(quiet, STDERR_FILENO);
        alarm(60);
        _exit(read_as_service(f));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(!WIFEXITED(status) || WEXITSTATUS(status) != WRONG_RECORDS,
                  "wrong records after a change at %llu", (unsigned long long)offset);
    ck_assert_msg(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM,
                  "hangs after a change at %llu", (unsigned long long)offset);
}

static uint64_t dice(uint64_t *seed, uint64_t sides)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % sides;
}

START_TEST(test_a_changed_byte_of_a_block_is_always_found_and_never_served)
{
    struct place places[4 * RECORDS];
    struct verify_report report;
    struct fixture f;
    uint64_t used, seed = 1;
    make(&f);
    size_t count = find_places(&f, places, &used);
    for (int run = 0; run < 200; run++) {
        const struct place *place = &places[dice(&seed, count)];
        uint64_t offset = place->offset + dice(&seed, place->len);
        unsigned char mask = (unsigned char)(1 << dice(&seed, 8));
        flip(&f, offset, mask);
        verify(&f, &report);
        ck_assert_msg(report.damage_count > 0, "a change at %llu is not found",
                      (unsigned long long)offset);
        check_service(&f, offset);
        flip(&f, offset, mask);
    }
    verify(&f, &report);
    assert_sound(report);
    fixture_release(&f);
}
END_TEST

START_TEST(test_whatever_page_is_damaged_nothing_wrong_is_served_and_verify_ends)
{
    struct place places[4 * RECORDS];
    struct verify_report report;
    struct error err = {0};
    struct fixture f;
    uint64_t used, seed = 2;
    make(&f);
    find_places(&f, places, &used);
    for (int run = 0; run < 200; run++) {
        uint64_t offset = dice(&seed, used / 4096) * 4096;
        /* The head of a page and the offsets of its nodes, or anywhere in it. */
        offset += dice(&seed, dice(&seed, 2) == 0 ? 64 : 4096);
        unsigned char mask = (unsigned char)(1 + dice(&seed, 255));
        flip(&f, offset, mask);
        journal_verify(f.path, &report, &err);
        check_service(&f, offset);
        flip(&f, offset, mask);
    }
    verify(&f, &report);
    assert_sound(report);
    fixture_release(&f);
}
END_TEST

START_TEST(test_what_can_still_be_read_is_told)
{
    struct place places[4 * RECORDS];
    struct verify_report report;
    struct fixture f;
    uint64_t used;
    make(&f);
    find_places(&f, places, &used);
    flip(&f, places[21].offset + places[21].len - 1, 1); /* the value of the eleventh block */
    verify(&f, &report);
    ck_assert_uint_eq(report.damage_count, 1);
    ck_assert_uint_eq(report.damages[0].at.lsn, 33);
    ck_assert_uint_eq(report.range_count, 2);
    ck_assert_uint_eq(report.ranges[0].first.lsn, 1);
    ck_assert_uint_eq(report.ranges[0].last.lsn, 30);
    ck_assert_uint_eq(report.ranges[0].records, 30);
    ck_assert_uint_eq(report.ranges[1].first.lsn, 34);
    ck_assert_uint_eq(report.ranges[1].last.lsn, RECORDS);
    fixture_release(&f);
}
END_TEST

/* --- tags and state ---------------------------------------------------------------------- */

static void tamper(const struct fixture *f, int (*change)(struct store *store, MDB_txn *txn))
{
    struct store *store = open_store(f);
    MDB_txn *txn;
    ck_assert_int_eq(mdb_txn_begin(store->env, NULL, 0, &txn), 0);
    ck_assert_int_eq(change(store, txn), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    store_close(store);
}

static int lose_tag(struct store *store, MDB_txn *txn)
{
    unsigned char bytes[RECORD_TAG_BYTES];
    record_tag_encode(42, bytes);
    MDB_val key = {sizeof(bytes), bytes};
    return mdb_del(txn, store->tags, &key, NULL);
}

static int turn_tag_back(struct store *store, MDB_txn *txn)
{
    return store_put_tag(store, txn, 42, at(42, 1));
}

static int lead_tag_astray(struct store *store, MDB_txn *txn)
{
    return store_put_tag(store, txn, 777, at(RECORDS, 1));
}

static int lead_tag_beyond(struct store *store, MDB_txn *txn)
{
    return store_put_tag(store, txn, 777, at(RECORDS + 1, 1));
}

static int miscount(struct store *store, MDB_txn *txn)
{
    struct store_state state;
    int code = store_get_state(store, txn, &state);
    state.bytes++;
    return code == 0 ? store_put_state(store, txn, &state) : code;
}

static int spoil_holds(struct store *store, MDB_txn *txn)
{
    return store_put_meta(store, txn, "holds", STR("\xff no hold"));
}

START_TEST(test_tags_holds_and_state_that_do_not_fit_are_told)
{
    static const struct {
        int (*change)(struct store *store, MDB_txn *txn);
        const char *story;
    } cases[] = {
        {lose_tag, "its tag 42 does not lead to it"},
        {turn_tag_back, "its tag 42 does not lead to it"},
        {lead_tag_astray, "the tag 777 leads here, where no record has it"},
        {lead_tag_beyond, "the tag 777 leads here, where no record is"},
        {miscount, "bytes, the state says"},
        {spoil_holds, "the holds of readers are damaged"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verify_report report;
        struct fixture f;
        make(&f);
        tamper(&f, cases[i].change);
        verify(&f, &report);
        ck_assert_uint_gt(report.damage_count, 0);
        ck_assert_msg(strstr(report.damages[0].what, cases[i].story), "%s", report.damages[0].what);
        fixture_release(&f);
    }
}
END_TEST

/* Where LMDB says how many pages an entry of its list of free ones names. */
static uint64_t find_free_count(const struct fixture *f)
{
    struct store *store = open_store(f);
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    ck_assert_int_eq(mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn), 0);
    ck_assert_int_eq(mdb_cursor_open(txn, 0, &cursor), 0);
    ck_assert_int_eq(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
    uint64_t offset = (uint64_t)((char *)value.mv_data - (char *)store->resident.start);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    store_close(store);
    return offset;
}

START_TEST(test_a_damaged_list_of_free_pages_is_told)
{
    struct verify_report report;
    struct fixture f;
    make(&f);
    uint64_t count = find_free_count(&f), page = count + sizeof(size_t);
    flip(&f, count, 1); /* one more or less */
    verify(&f, &report);
    ck_assert_uint_eq(report.damage_count, 1);
    ck_assert_msg(strstr(report.damages[0].what, "free ones"), "%s", report.damages[0].what);
    ck_assert_uint_eq(report.ranges[0].records, RECORDS);
    flip(&f, count, 1);
    flip(&f, page + 3, 1); /* far beyond the end of the file */
    verify(&f, &report);
    ck_assert_uint_eq(report.damage_count, 1);
    fixture_release(&f);
}
END_TEST

UNIT_SUITE("journal/verify", test_a_sound_journal_is_ok_and_counted,
           test_a_trimmed_one_and_an_empty_one_are_ok, test_what_is_no_journal_is_told_in_one_line,
           test_what_is_appended_and_trimmed_meanwhile_is_no_damage,
           test_a_changed_byte_of_a_block_is_always_found_and_never_served,
           test_whatever_page_is_damaged_nothing_wrong_is_served_and_verify_ends,
           test_what_can_still_be_read_is_told, test_tags_holds_and_state_that_do_not_fit_are_told,
           test_a_damaged_list_of_free_pages_is_told)
