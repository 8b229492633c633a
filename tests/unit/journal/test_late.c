#include "fixture.h"
#include "journal/store_internal.h"
#include "journal/verify.h"

/* A store that keeps nothing: what is written is removed by the next write. */
struct scene {
    struct fixture f;
    struct store *store;
    uint64_t lsn;
};

static void scene_open(struct scene *s)
{
    struct error err = {0};
    int rc = store_open(&s->store, s->f.path, 256 << 20, &err);
    ck_assert_msg(rc == 0, "%d: %s", rc, err.text);
}

static void scene_init(struct scene *s)
{
    *s = (struct scene){0};
    fixture_init(&s->f);
    scene_open(s);
}

static void scene_release(struct scene *s)
{
    store_close(s->store);
    fixture_release(&s->f);
}

static void write_tags(struct scene *s, const int64_t *tags, size_t count, uint64_t keep_bytes)
{
    struct store_extent extent;
    struct error err = {0};
    struct shared *bytes = shared_new("x", 1);
    struct record *records = calloc(count + 1, sizeof(*records));
    for (size_t i = 0; i < count; i++)
        records[i] = (struct record){
            .position = at(++s->lsn, 1), .has_tag = true, .tag = tags[i], .bytes = bytes};
    struct store_change change = {
        .records = records,
        .count = count,
        .trim = {.max_bytes = keep_bytes, .before_us = INT64_MIN, .budget = UINT64_MAX}};
    int rc = store_write(s->store, &change, &extent, &err);
    ck_assert_msg(rc == 0, "%d: %s", rc, err.text);
    shared_unref(bytes);
    free(records);
}

static void trim_all(struct scene *s)
{
    struct store_extent extent = {.bytes = 1};
    struct error err = {0};
    struct store_change change = {
        .trim = {.max_bytes = 0, .before_us = INT64_MIN, .budget = UINT64_MAX}};
    while (extent.bytes > 0)
        ck_assert_int_eq(store_write(s->store, &change, &extent, &err), 0);
}

static struct journal_tag tag_of(struct scene *s, int64_t tag)
{
    struct journal_tag asked = {.tag = tag};
    struct journal_look look = {.tags = &asked, .tag_count = 1};
    ck_assert_int_eq(store_look_up(s->store, &look), 0);
    return asked;
}

static void check_place(struct scene *s, int64_t tag, int64_t leader, uint64_t lsn)
{
    struct journal_tag found = tag_of(s, tag);
    ck_assert(!found.here);
    ck_assert_int_eq(found.place.leader, leader);
    ck_assert_uint_eq(found.place.late.lsn, lsn);
}

/* The late ones behind AFTER, as text. */
static const char *late_after(struct scene *s, struct tag_place after, size_t room)
{
    static char text[200];
    struct journal_late late[10];
    struct journal_look look = {.after = after, .late = late, .late_room = room};
    size_t len = 0;
    ck_assert_int_eq(store_look_up(s->store, &look), 0);
    text[0] = '\0';
    for (size_t i = 0; i < look.late_count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%lld ", (long long)late[i].tag);
    snprintf(text + len, sizeof(text) - len, "%s", look.late_all ? "all" : "more");
    return text;
}

static struct tag_place regular(int64_t tag)
{
    return (struct tag_place){.leader = tag};
}

START_TEST(test_what_was_removed_is_known_by_the_order_in_which_it_came)
{
    struct scene s;
    const int64_t tags[] = {1, 3, 2, 7, 5, 6, 8, -4, 8};
    scene_init(&s);
    write_tags(&s, tags, 9, UINT64_MAX);
    ck_assert(tag_of(&s, 2).here);
    ck_assert_str_eq(late_after(&s, regular(INT64_MIN), 10), "all");
    trim_all(&s);
    for (int opened = 0; opened < 2; opened++) {
        check_place(&s, 1, 1, 0);
        check_place(&s, 3, 3, 0);
        check_place(&s, 2, 3, 3);
        check_place(&s, 5, 7, 5);
        check_place(&s, 6, 7, 6);
        check_place(&s, 8, 8, 0);
        check_place(&s, -4, 8, 8);
        check_place(&s, 99, 99, 0); /* never heard of */
        ck_assert_str_eq(late_after(&s, regular(7), 10), "5 6 -4 all");
        ck_assert_str_eq(late_after(&s, (struct tag_place){7, at(5, 1)}, 10), "6 -4 all");
        ck_assert_str_eq(late_after(&s, regular(1), 10), "-4 all"); /* 2, 5, 6 are greater */
        ck_assert_str_eq(late_after(&s, regular(7), 2), "5 6 more");
        ck_assert_str_eq(late_after(&s, regular(8), 10), "-4 all");
        store_close(s.store);
        scene_open(&s);
    }
    scene_release(&s);
}
END_TEST

START_TEST(test_a_look_tells_what_is_removed_at_the_same_moment)
{
    struct scene s;
    struct journal_look look = {0};
    scene_init(&s);
    ck_assert_int_eq(store_look_up(s.store, &look), 0);
    ck_assert(!look.has_leader);
    ck_assert_uint_eq(look.late_newest.lsn, 0);
    write_tags(&s, (const int64_t[]){9, 4, 5, 10}, 4, UINT64_MAX);
    trim_all(&s);
    write_tags(&s, (const int64_t[]){11, 2}, 2, UINT64_MAX);
    ck_assert_int_eq(store_look_up(s.store, &look), 0);
    ck_assert(look.has_leader);
    ck_assert_int_eq(look.leader, 10);
    ck_assert_uint_eq(look.trimmed.lsn, 4);
    ck_assert_uint_eq(look.late_newest.lsn, 3);
    ck_assert(tag_of(&s, 11).here);
    ck_assert_uint_eq(tag_of(&s, 11).position.lsn, 5);
    scene_release(&s);
}
END_TEST

/* A number that comes again stands where it came last. */
START_TEST(test_numbers_that_begin_again_are_late_behind_the_old_ones)
{
    struct scene s;
    scene_init(&s);
    write_tags(&s, (const int64_t[]){1, 3, 2, 1, 2, 4}, 6, UINT64_MAX);
    trim_all(&s);
    check_place(&s, 1, 3, 4);
    check_place(&s, 2, 3, 5);
    check_place(&s, 4, 4, 0);
    ck_assert_str_eq(late_after(&s, regular(3), 10), "1 2 all");
    scene_release(&s);
}
END_TEST

START_TEST(test_a_new_epoch_knows_nothing_of_the_old_one)
{
    struct scene s;
    struct store_extent extent;
    struct error err = {0};
    struct journal_look look = {0};
    scene_init(&s);
    write_tags(&s, (const int64_t[]){3, 2}, 2, UINT64_MAX);
    trim_all(&s);
    ck_assert_int_eq(store_begin_epoch(s.store, &(struct journal_identity){.epoch = "0badcafe"}, 0,
                                       &extent, &err),
                     0);
    check_place(&s, 2, 2, 0);
    ck_assert_str_eq(late_after(&s, regular(3), 10), "all");
    ck_assert_int_eq(store_look_up(s.store, &look), 0);
    ck_assert(!look.has_leader);
    ck_assert_uint_eq(look.late_newest.lsn, 0);
    scene_release(&s);
}
END_TEST

/* The oldest go first; a lookup costs the same however many there are. */
START_TEST(test_their_number_is_bounded)
{
    struct scene s;
    MDB_txn *txn;
    MDB_stat stat;
    enum { BATCH = 1000, LEADER = 1000000 };
    int64_t tags[BATCH] = {LEADER};
    scene_init(&s);
    write_tags(&s, tags, 1, 0);
    for (int64_t next = 1; next < LATE_MAX + 2 * BATCH;) {
        for (int i = 0; i < BATCH; i++)
            tags[i] = next++;
        write_tags(&s, tags, BATCH, 0);
    }
    trim_all(&s);
    ck_assert_int_eq(store_begin_read(s.store, &txn), 0);
    ck_assert_int_eq(mdb_stat(txn, s.store->late, &stat), 0);
    ck_assert_uint_eq(stat.ms_entries, LATE_MAX);
    ck_assert_int_eq(mdb_stat(txn, s.store->late_order, &stat), 0);
    ck_assert_uint_eq(stat.ms_entries, LATE_MAX);
    store_end_read(s.store, txn, 0);
    check_place(&s, 1, 1, 0); /* forgotten */
    check_place(&s, LATE_MAX, LEADER, LATE_MAX + 1);
    ck_assert_str_eq(late_after(&s, regular(0), 10),
                     "more"); /* none is smaller; it stops looking */
    scene_release(&s);
}
END_TEST

/* NULL: the entry goes. */
static void overwrite(struct scene *s, MDB_dbi table, MDB_val *value)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val before;
    ck_assert_int_eq(mdb_txn_begin(s->store->env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_cursor_open(txn, table, &cursor), 0);
    ck_assert_int_eq(mdb_cursor_get(cursor, &key, &before, MDB_FIRST), 0);
    ck_assert_int_eq(
        value ? mdb_cursor_put(cursor, &key, value, MDB_CURRENT) : mdb_cursor_del(cursor, 0), 0);
    mdb_cursor_close(cursor);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
}

static uint64_t damages(struct scene *s)
{
    struct verify_report report;
    struct error err = {0};
    ck_assert_int_eq(journal_verify(s->f.path, &report, &err), 0);
    return report.damage_count;
}

START_TEST(test_verify_finds_what_is_wrong_with_them)
{
    const int64_t tags[] = {9, 3, 2};
    char nothing[24] = {0};
    for (int table = 0; table < 2; table++) {
        for (int gone = 0; gone < 2; gone++) {
            struct scene s;
            scene_init(&s);
            write_tags(&s, tags, 3, UINT64_MAX);
            trim_all(&s);
            ck_assert_uint_eq(damages(&s), 0);
            MDB_dbi which = table == 0 ? s.store->late : s.store->late_order;
            MDB_val value = {table == 0 ? 24 : 12, nothing};
            overwrite(&s, which, gone ? NULL : &value);
            ck_assert_uint_gt(damages(&s), 0);
            scene_release(&s);
        }
    }
}
END_TEST

UNIT_SUITE("journal/late", test_what_was_removed_is_known_by_the_order_in_which_it_came,
           test_a_look_tells_what_is_removed_at_the_same_moment,
           test_numbers_that_begin_again_are_late_behind_the_old_ones,
           test_a_new_epoch_knows_nothing_of_the_old_one, test_their_number_is_bounded,
           test_verify_finds_what_is_wrong_with_them)
