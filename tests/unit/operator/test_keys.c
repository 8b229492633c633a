#include "blog.h"
#include "operator/keys.h"
#include "unit.h"

static struct keys keys;
static struct dirty dirty;

static void setup(size_t ids_max)
{
    dirty_init(&dirty, ids_max);
}

static void teardown(void)
{
    keys_clear(&keys);
    dirty_release(&dirty);
}

/* A page of the ids FIRST to LAST, each its number. */
static void give_page(int first, int last)
{
    PGresAttDesc attributes[1] = {{.name = TEXT("c1")}};
    PGresult *page = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PQsetResultAttrs(page, 1, attributes);
    for (int id = first; id <= last; id++) {
        char text[16];
        PQsetvalue(page, id - first, 0, text, snprintf(text, sizeof(text), "%d", id));
    }
    ck_assert_int_eq(keys_take_page(&keys, page), 0);
    PQclear(page);
}

START_TEST(test_a_value_is_kept_once_for_each_source)
{
    setup(10);
    ck_assert_int_eq(keys_add(&keys, 1, STR("a")), 0);
    ck_assert_int_eq(keys_add(&keys, 1, STR("a")), 0);
    ck_assert_int_eq(keys_add(&keys, 2, STR("a")), 0);
    ck_assert_int_eq(keys_add(&keys, 2, STR("")), 0);
    ck_assert_uint_eq(keys.count, 3);
    ck_assert(!keys_full(&keys, 4));
    ck_assert(keys_full(&keys, 3));
    teardown();
}
END_TEST

START_TEST(test_without_values_nothing_is_needed)
{
    setup(10);
    ck_assert(!keys.started);
    ck_assert_int_eq(keys_need(&keys), KEYS_NOTHING);
    ck_assert(keys.started);
    keys_clear(&keys);
    ck_assert(!keys.started);
    teardown();
}
END_TEST

START_TEST(test_a_page_is_given_in_parts_and_sources_follow_each_other)
{
    setup(2);
    keys_add(&keys, 3, STR("a"));
    keys_add(&keys, 5, STR("a"));
    ck_assert_int_eq(keys_need(&keys), KEYS_PAGE);
    ck_assert_uint_eq(keys.source, 3);
    give_page(1, 3);
    ck_assert_int_eq(keys_need(&keys), KEYS_IDS);
    ck_assert_int_eq(keys_give_ids(&keys, 1, &dirty), 0);
    ck_assert_uint_eq(dirty.count, 2);
    dirty_clear(&dirty);
    ck_assert_int_eq(keys_need(&keys), KEYS_IDS);
    ck_assert_int_eq(keys_give_ids(&keys, 1, &dirty), 0);
    ck_assert_uint_eq(dirty.count, 1);
    ck_assert_str_eq(dirty_text(dirty_first(&dirty)), "3");
    ck_assert_int_eq(keys_need(&keys), KEYS_PAGE);
    ck_assert_uint_eq(keys.source, 5);
    give_page(1, 0);
    ck_assert_int_eq(keys_need(&keys), KEYS_NOTHING);
    teardown();
}
END_TEST

START_TEST(test_behind_a_full_page_the_next_is_asked_for)
{
    setup(STATEMENT_KEYS_PAGE);
    keys_add(&keys, 0, STR("a"));
    ck_assert_int_eq(keys_need(&keys), KEYS_PAGE);
    give_page(1, STATEMENT_KEYS_PAGE);
    ck_assert_int_eq(keys_give_ids(&keys, 1, &dirty), 0);
    ck_assert_uint_eq(dirty.count, STATEMENT_KEYS_PAGE);
    ck_assert_str_eq(keys.after, "5000");
    ck_assert_int_eq(keys_need(&keys), KEYS_PAGE);
    give_page(6000, 6000);
    dirty_clear(&dirty);
    ck_assert_int_eq(keys_give_ids(&keys, 1, &dirty), 0);
    ck_assert_int_eq(keys_need(&keys), KEYS_NOTHING);
    ck_assert_ptr_null(keys.after);
    teardown();
}
END_TEST

UNIT_SUITE("operator/keys", test_a_value_is_kept_once_for_each_source,
           test_without_values_nothing_is_needed,
           test_a_page_is_given_in_parts_and_sources_follow_each_other,
           test_behind_a_full_page_the_next_is_asked_for)
