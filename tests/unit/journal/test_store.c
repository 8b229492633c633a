#include "fixture.h"
#include "journal/store_internal.h"
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* --- a store without a journal around it ------------------------------------------------- */

static struct store *open_store(const struct fixture *f, size_t map_bytes)
{
    struct store *store;
    struct error err = {0};
    int rc = store_open(&store, f->path, map_bytes, &err);
    ck_assert_msg(rc == 0, "%d: %s", rc, err.text);
    return store;
}

static struct store_change change_of(const struct record *records, size_t count)
{
    return (struct store_change){
        .records = records,
        .count = count,
        .trim = {.max_bytes = UINT64_MAX, .before_us = INT64_MIN, .max_held = UINT64_MAX}};
}

/* COUNT records of LEN bytes at LSN first, first + 1, ... in one transaction. */
static struct store_extent write_records(struct store *store, uint64_t first, size_t count,
                                         size_t len)
{
    struct record *records = calloc(count, sizeof(*records));
    for (size_t i = 0; i < count; i++) {
        records[i] = (struct record){.position = at(first + i, 1), .bytes = shared_new(NULL, len)};
        fill_noise(records[i].bytes->data, len, first + i);
        records[i].bytes->data[0] = (char)(first + i);
    }
    struct store_change change = change_of(records, count);
    struct store_extent extent;
    struct error err = {0};
    int rc = store_write(store, &change, &extent, &err);
    ck_assert_msg(rc == 0, "%d: %s", rc, err.text);
    for (size_t i = 0; i < count; i++)
        shared_unref(records[i].bytes);
    free(records);
    return extent;
}

/* How many records follow AFTER without a gap. */
static uint64_t count_after(struct store *store, uint64_t after)
{
    uint64_t count = 0;
    for (;;) {
        struct store_slice slice;
        struct journal_entry entry;
        int rc = store_read(store, at(after + count, 1), &slice);
        ck_assert_int_ge(rc, 0);
        if (rc == 0)
            return count;
        while ((rc = store_slice_next(&slice, at(after + count, 1), &entry)) > 0) {
            count++;
            ck_assert_uint_eq(entry.position.lsn, after + count);
            ck_assert_int_eq((unsigned char)entry.bytes.data[0], (int)((after + count) & 0xff));
        }
        ck_assert_int_eq(rc, 0);
        store_slice_release(&slice);
    }
}

START_TEST(test_the_mapping_grows_with_the_log)
{
    struct fixture f;
    fixture_init(&f);
    struct store *store = open_store(&f, 1 << 20);
    for (uint64_t first = 1; first <= 4000; first += 1000)
        write_records(store, first, 1000, 2000);
    ck_assert_uint_ge(store->map_bytes, 8 << 20);
    ck_assert_ptr_nonnull(store->resident.start);
    ck_assert_uint_eq(store->resident.len, store->map_bytes);
    ck_assert_uint_eq(count_after(store, 0), 4000);
    store_close(store);
    store = open_store(&f, 1 << 20); /* a mapping smaller than the file */
    ck_assert_uint_eq(count_after(store, 0), 4000);
    write_records(store, 4001, 1000, 2000);
    ck_assert_uint_eq(count_after(store, 0), 5000);
    store_close(store);
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_second_try_of_a_batch_that_got_through_writes_it_once)
{
    struct fixture f;
    fixture_init(&f);
    struct store *store = open_store(&f, 16 << 20);
    struct store_extent first = write_records(store, 1, 10, 300);
    struct store_extent second = write_records(store, 1, 12, 300);
    ck_assert_uint_eq(count_after(store, 0), 12);
    ck_assert_uint_ge(second.bytes, first.bytes + 2 * 300);
    ck_assert_uint_lt(second.bytes, first.bytes + 4 * 300);
    store_close(store);
    fixture_release(&f);
}
END_TEST

START_TEST(test_trimming_goes_in_bounded_steps_and_pages_are_used_again)
{
    struct fixture f;
    fixture_init(&f);
    struct store *store = open_store(&f, 64 << 20);
    struct store_extent extent = write_records(store, 1, 1000, 300);
    struct store_change change = change_of(NULL, 0);
    change.trim.max_bytes = 0;
    change.trim.budget = extent.bytes / 4;
    change.trim.held = true;
    change.trim.hold = at(900, 1);
    struct error err = {0};
    ck_assert_int_eq(store_write(store, &change, &extent, &err), 0);
    const uint64_t in_block = BLOCK_BYTES / 300;
    ck_assert_uint_ge(extent.oldest.lsn, 251 - in_block);
    ck_assert_uint_le(extent.oldest.lsn, 251 + in_block);
    ck_assert_uint_eq(extent.trimmed.lsn, extent.oldest.lsn - 1);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(store_write(store, &change, &extent, &err), 0);
    /* A block with a record that is held stays whole. */
    ck_assert_uint_le(extent.oldest.lsn, 901);
    ck_assert_uint_gt(extent.oldest.lsn, 901 - in_block);
    struct store_slice slice;
    ck_assert_int_eq(store_read(store, at(extent.oldest.lsn - 2, 1), &slice), -ESTALE);
    ck_assert_uint_eq(count_after(store, 900), 100);
    change.trim.held = false;
    ck_assert_int_eq(store_write(store, &change, &extent, &err), 0);
    ck_assert(extent.empty);
    ck_assert_uint_eq(extent.bytes, 0);
    ck_assert_uint_eq(extent.newest.lsn, 1000);
    /* A log that is trimmed as it grows stays within what it once needed. */
    change.trim.budget = UINT64_MAX;
    for (uint64_t first = 1001; first < 60000; first += 1000) {
        write_records(store, first, 1000, 300);
        ck_assert_int_eq(store_write(store, &change, &extent, &err), 0);
    }
    MDB_envinfo info;
    ck_assert_int_eq(mdb_env_info(store->env, &info), 0);
    ck_assert_uint_lt(info.me_last_pgno, 800);
    store_close(store);
    fixture_release(&f);
}
END_TEST

/* --- what is replaced under readers ------------------------------------------------------ */

struct watcher {
    struct store *store;
    atomic_bool stop;
    atomic_ulong rounds;
    atomic_int rc;
    pthread_t thread;
};

static void *watch(void *argument)
{
    struct watcher *w = argument;
    while (!atomic_load(&w->stop) && w->rc == 0) {
        struct store_slice slice = {0};
        struct journal_entry entry;
        int rc = store_read(w->store, at(50, 1), &slice);
        bool right =
            rc == 1 && store_slice_next(&slice, at(50, 1), &entry) == 1 && entry.position.lsn == 51;
        w->rc = right ? 0 : rc < 0 ? rc : -ENOENT;
        store_slice_release(&slice);
        atomic_fetch_add(&w->rounds, 1);
    }
    return NULL;
}

START_TEST(test_readers_live_through_a_new_environment)
{
    struct fixture f;
    fixture_init(&f);
    struct store *store = open_store(&f, 1 << 20);
    write_records(store, 1, 500, 300);
    struct watcher watchers[2] = {{.store = store}, {.store = store}};
    struct error err = {0};
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&watchers[i].thread, NULL, watch, &watchers[i]), 0);
    for (uint64_t i = 0; i < 10; i++) {
        ck_assert_int_eq(store_env_reopen(store, &err), 0);
        ck_assert_int_eq(store_env_grow(store, &err), 0);
        write_records(store, 501 + i, 1, 300);
        unsigned long rounds = atomic_load(&watchers[0].rounds);
        while (watchers[0].rc == 0 && atomic_load(&watchers[0].rounds) == rounds)
            sched_yield();
    }
    for (int i = 0; i < 2; i++) {
        atomic_store(&watchers[i].stop, true);
        ck_assert_int_eq(pthread_join(watchers[i].thread, NULL), 0);
        ck_assert_int_eq(watchers[i].rc, 0);
    }
    ck_assert_uint_eq(count_after(store, 0), 510);
    store_close(store);
    fixture_release(&f);
}
END_TEST

START_TEST(test_without_an_environment_readers_wait_and_a_write_mends_it)
{
    struct fixture f;
    fixture_init(&f);
    struct store *store = open_store(&f, 16 << 20);
    write_records(store, 1, 10, 300);
    store_env_close(store);
    struct store_slice slice;
    struct position position;
    ck_assert_int_eq(store_read(store, at(0, 0), &slice), -EAGAIN);
    ck_assert_int_eq(store_find_tag(store, 1, &position), -EAGAIN);
    write_records(store, 11, 1, 300);
    ck_assert_uint_eq(count_after(store, 0), 11);
    store_close(store);
    fixture_release(&f);
}
END_TEST

/* --- what must be refused ---------------------------------------------------------------- */

static void expect_refusal(const struct fixture *f, int code, const char *mend)
{
    struct store *store;
    struct error err = {0};
    ck_assert_int_eq(store_open(&store, f->path, 16 << 20, &err), code);
    ck_assert_msg(strstr(err.text, f->path) && strstr(err.text, mend), "%s", err.text);
}

/* Sets NAME to VALUE in the table TABLE; NULL empties the table. */
static void tamper(const struct fixture *f, const char *table, const char *name, const char *value)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_set_maxdbs(env, 4), 0);
    ck_assert_int_eq(mdb_env_open(env, f->path, 0, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, table, MDB_CREATE, &dbi), 0);
    if (name) {
        MDB_val key = {strlen(name), (void *)(uintptr_t)name};
        MDB_val data = {strlen(value), (void *)(uintptr_t)value};
        ck_assert_int_eq(mdb_put(txn, dbi, &key, &data, 0), 0);
    } else {
        ck_assert_int_eq(mdb_drop(txn, dbi, 1), 0);
    }
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

START_TEST(test_another_format_is_refused)
{
    struct fixture f;
    fixture_init(&f);
    store_close(open_store(&f, 16 << 20));
    tamper(&f, "meta", "format", "walpiper journal 999");
    expect_refusal(&f, -EPROTO, "walpiper journal 999");
    expect_refusal(&f, -EPROTO, "a new epoch starts");
    tamper(&f, "meta", "format", STORE_FORMAT);
    store_close(open_store(&f, 16 << 20)); /* refused is not damaged */
    fixture_release(&f);
}
END_TEST

START_TEST(test_what_is_no_journal_is_refused)
{
    struct fixture f;
    fixture_init(&f);
    tamper(&f, "somebody", "else's", "data");
    expect_refusal(&f, -EIO, "not a journal");
    fixture_release(&f);
    fixture_init(&f);
    store_close(open_store(&f, 16 << 20));
    tamper(&f, "tags", NULL, NULL);
    expect_refusal(&f, -EIO, "a table is missing");
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_damaged_row_is_told)
{
    struct fixture f;
    struct error err = {0};
    fixture_init(&f);
    store_close(open_store(&f, 16 << 20));
    tamper(&f, "meta", "identity", "short");
    struct store *store = open_store(&f, 16 << 20);
    struct journal_identity identity;
    ck_assert_int_eq(store_identity(store, &identity, &err), -EIO);
    store_close(store);
    tamper(&f, "records", "a key that is no position", "");
    struct store_slice slice;
    struct store_extent extent;
    expect_refusal(&f, -EIO, "walpiper journal verify");
    ck_assert_int_eq(store_open_to_read(&store, f.path, &err), 0);
    ck_assert_int_eq(store_extent(store, &extent, &err), -EIO);
    ck_assert_int_eq(store_read(store, at(0, 0), &slice), -EIO);
    store_close(store);
    fixture_release(&f);
}
END_TEST

/* A journal with blocks that end at 10, 20 and 30, without the one that ends at LAST. */
static void lose_block(struct fixture *f, uint64_t last)
{
    unsigned char bytes[POSITION_BYTES];
    struct error err = {0};
    struct store *store;
    MDB_txn *txn;
    fixture_init(f);
    store = open_store(f, 16 << 20);
    for (uint64_t first = 1; first < 30; first += 10)
        write_records(store, first, 10, 100);
    store_close(store);
    ck_assert_int_eq(store_open(&store, f->path, 16 << 20, &err), 0);
    ck_assert_int_eq(mdb_txn_begin(store->env, NULL, 0, &txn), 0);
    position_encode(at(last, 1), bytes);
    MDB_val key = {sizeof(bytes), bytes};
    ck_assert_int_eq(mdb_del(txn, store->records, &key, NULL), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    store_close(store);
}

START_TEST(test_a_block_that_is_missing_is_told_and_never_skipped)
{
    struct fixture f;
    struct store_slice slice;
    lose_block(&f, 20);
    struct store *store = open_store(&f, 16 << 20);
    ck_assert_int_eq(store_read(store, at(0, 0), &slice), 1);
    store_slice_release(&slice);
    ck_assert_int_eq(store_read(store, at(9, 1), &slice), 1);
    store_slice_release(&slice);
    for (uint64_t after = 10; after < 20; after++)
        ck_assert_int_eq(store_read(store, at(after, 1), &slice), -EIO);
    ck_assert_int_eq(store_read(store, at(20, 1), &slice), 1);
    store_slice_release(&slice);
    ck_assert_int_eq(store_read(store, at(30, 1), &slice), 0);
    store_close(store);
    fixture_release(&f);
}
END_TEST

START_TEST(test_a_block_that_is_missing_at_an_end_is_told_at_open)
{
    for (uint64_t last = 10; last <= 30; last += 20) {
        struct fixture f;
        struct error err = {0};
        struct store *store;
        struct store_slice slice;
        lose_block(&f, last);
        expect_refusal(&f, -EIO, "is damaged");
        ck_assert_int_eq(store_open_to_read(&store, f.path, &err), 0);
        ck_assert_int_eq(store_read(store, at(last - 10, last == 10 ? 0 : 1), &slice), -EIO);
        store_close(store);
        fixture_release(&f);
    }
}
END_TEST

START_TEST(test_a_reader_that_was_killed_gives_its_pages_back)
{
    struct fixture f;
    struct error err = {0};
    int status, dead;
    fixture_init(&f);
    store_close(open_store(&f, 16 << 20));
    pid_t pid = fork();
    if (pid == 0) {
        struct store *reader;
        MDB_txn *txn;
        if (store_open_to_read(&reader, f.path, &err) == 0 && store_begin_read(reader, &txn) == 0)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    struct store *store = open_store(&f, 16 << 20);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    write_records(store, 1, 1, 100);
    ck_assert_int_eq(mdb_reader_check(store->env, &dead), 0);
    ck_assert_int_eq(dead, 0); /* the write has found it already */
    store_close(store);
    fixture_release(&f);
}
END_TEST

UNIT_SUITE("journal/store", test_the_mapping_grows_with_the_log,
           test_a_second_try_of_a_batch_that_got_through_writes_it_once,
           test_trimming_goes_in_bounded_steps_and_pages_are_used_again,
           test_readers_live_through_a_new_environment,
           test_without_an_environment_readers_wait_and_a_write_mends_it,
           test_another_format_is_refused, test_what_is_no_journal_is_refused,
           test_a_damaged_row_is_told, test_a_block_that_is_missing_is_told_and_never_skipped,
           test_a_block_that_is_missing_at_an_end_is_told_at_open,
           test_a_reader_that_was_killed_gives_its_pages_back)
