#include "operator/dirty.h"
#include "unit.h"
#include <stdio.h>

static void touch(struct dirty *dirty, const char *id, enum dirty_wish wish)
{
    ck_assert_int_eq(dirty_touch(dirty, str_from(id), wish), 0);
}

START_TEST(test_an_id_is_there_once)
{
    struct dirty dirty;
    dirty_init(&dirty, 200);
    for (int i = 0; i < 1000; i++)
        touch(&dirty, i % 2 ? "a" : "b", DIRTY_REFRESH);
    ck_assert_uint_eq(dirty.count, 2);
    struct dirty_id *first = dirty_first(&dirty);
    ck_assert_str_eq(dirty_text(first), "b");
    ck_assert_str_eq(dirty_text(dirty_next(first)), "a");
    ck_assert_ptr_null(dirty_next(dirty_next(first)));
    dirty_release(&dirty);
}
END_TEST

START_TEST(test_delete_ends_the_wish_to_query)
{
    struct dirty dirty;
    dirty_init(&dirty, 200);
    touch(&dirty, "1", DIRTY_REFRESH);
    touch(&dirty, "1", DIRTY_DELETE);
    ck_assert(dirty_wants_delete(dirty_first(&dirty)));
    ck_assert(!dirty_wants_query(dirty_first(&dirty)));
    dirty_release(&dirty);
}
END_TEST

START_TEST(test_what_comes_after_a_delete_is_queried_after_it)
{
    struct dirty dirty;
    dirty_init(&dirty, 200);
    touch(&dirty, "1", DIRTY_DELETE);
    touch(&dirty, "1", DIRTY_REFRESH);
    ck_assert(dirty_wants_delete(dirty_first(&dirty)));
    ck_assert(dirty_wants_query(dirty_first(&dirty)));
    dirty_release(&dirty);
}
END_TEST

START_TEST(test_ids_are_bytes)
{
    struct dirty dirty;
    dirty_init(&dirty, 200);
    ck_assert_int_eq(dirty_touch(&dirty, (struct str){NULL, 0}, DIRTY_REFRESH), 0);
    ck_assert_int_eq(dirty_touch(&dirty, (struct str){"ab", 1}, DIRTY_REFRESH), 0);
    touch(&dirty, "ab", DIRTY_REFRESH);
    touch(&dirty, "", DIRTY_REFRESH);
    ck_assert_uint_eq(dirty.count, 3);
    ck_assert_str_eq(dirty_text(dirty_find(&dirty, STR("a"))), "a");
    ck_assert_ptr_null(dirty_find(&dirty, STR("b")));
    dirty_release(&dirty);
}
END_TEST

START_TEST(test_transactions_are_there_once)
{
    struct dirty dirty;
    dirty_init(&dirty, 200);
    for (uint32_t i = 0; i < 30; i++)
        ck_assert_int_eq(dirty_add_xid(&dirty, 100 + i / 10), 0);
    ck_assert_uint_eq(dirty.xid_count, 3);
    ck_assert_uint_eq(dirty.xids[2], 102);
    dirty_release(&dirty);
}
END_TEST

START_TEST(test_full_by_ids_by_transactions_and_by_bytes)
{
    struct dirty dirty;
    char id[16];
    dirty_init(&dirty, 200);
    for (unsigned i = 0; i < 200; i++) {
        ck_assert(!dirty_full(&dirty));
        snprintf(id, sizeof(id), "%u", i);
        touch(&dirty, id, DIRTY_REFRESH);
    }
    ck_assert(dirty_full(&dirty));
    dirty_clear(&dirty);
    for (uint32_t i = 0; i < 200 * DIRTY_XIDS_AN_ID; i++) {
        ck_assert(!dirty_full(&dirty));
        ck_assert_int_eq(dirty_add_xid(&dirty, i), 0);
    }
    ck_assert(dirty_full(&dirty));
    dirty_clear(&dirty);
    ck_assert(!dirty_full(&dirty));
    char *large = calloc(1, DIRTY_BYTES_MAX);
    ck_assert_int_eq(dirty_touch(&dirty, (struct str){large, DIRTY_BYTES_MAX}, DIRTY_REFRESH), 0);
    ck_assert(dirty_full(&dirty));
    free(large);
    dirty_release(&dirty);
}
END_TEST

START_TEST(test_a_failure_stays_with_its_id_until_cleared)
{
    struct dirty dirty;
    dirty_init(&dirty, 200);
    touch(&dirty, "1", DIRTY_REFRESH);
    ck_assert_ptr_null(dirty_failure_text(dirty_first(&dirty)));
    ck_assert_int_eq(dirty_set_failure(dirty_first(&dirty), "first", "22012"), 0);
    ck_assert_int_eq(dirty_set_failure(dirty_first(&dirty), "division by zero", "22012"), 0);
    ck_assert_str_eq(dirty_failure_text(dirty_first(&dirty)), "division by zero");
    ck_assert_str_eq(dirty_failure_sqlstate(dirty_first(&dirty)), "22012");
    dirty_clear(&dirty);
    ck_assert_uint_eq(dirty.count, 0);
    ck_assert_ptr_null(dirty_first(&dirty));
    dirty_release(&dirty);
}
END_TEST

UNIT_SUITE("operator/dirty", test_an_id_is_there_once, test_delete_ends_the_wish_to_query,
           test_what_comes_after_a_delete_is_queried_after_it, test_ids_are_bytes,
           test_transactions_are_there_once, test_full_by_ids_by_transactions_and_by_bytes,
           test_a_failure_stays_with_its_id_until_cleared)
