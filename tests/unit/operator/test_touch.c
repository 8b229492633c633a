#include "blog.h"
#include "events.h"
#include "operator/touch.h"
#include "unit.h"
#include <errno.h>
#include <stdio.h>

#define ROW(...) ((const char *const[]){__VA_ARGS__})

static struct config_operator_source sources[2];
static struct config_operator op;
static struct dirty dirty;
static struct keys keys;
static struct buffer record;
static struct toucher toucher;

static void setup(void)
{
    op = blog_operator(sources);
    dirty_init(&dirty, 200);
    buffer_init(&record, 65536);
    toucher_init(&toucher, &op);
}

static void teardown(void)
{
    dirty_release(&dirty);
    keys_clear(&keys);
    buffer_release(&record);
    toucher_release(&toucher);
}

static int touch(enum event_type type, const struct relation *relation, const char *const *new_row,
                 const char *const *old_row)
{
    struct event event;
    buffer_reset(&record);
    encode_row(&record, type, relation, 700, new_row, old_row);
    ck_assert_int_eq(event_read(&event, buffer_str(&record)), 0);
    return touch_event(&toucher, &event, &dirty, &keys);
}

/* An update of comments whose event was too large. */
static int touch_stripped(const char *const *new_row, const char *const *old_row)
{
    struct event event;
    buffer_reset(&record);
    encode_stripped_row(&record, &comments, new_row, old_row);
    ck_assert_int_eq(event_read(&event, buffer_str(&record)), 0);
    return touch_event(&toucher, &event, &dirty, &keys);
}

/* The dirty ids as "id" with - for a delete and + for a query. */
static const char *ids(void)
{
    static char text[256];
    size_t len = 0;
    text[0] = '\0';
    for (struct dirty_id *id = dirty_first(&dirty); id; id = dirty_next(id))
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%s%s", len ? " " : "",
                                dirty_text(id), dirty_wants_delete(id) ? "-" : "",
                                dirty_wants_query(id) ? "+" : "");
    return text;
}

START_TEST(test_insert_refreshes_the_mapped_id)
{
    setup();
    ck_assert_int_eq(touch(EVENT_INSERT, &comments, ROW("9", "42"), NULL), TOUCH_IDS);
    ck_assert_str_eq(ids(), "42+");
    ck_assert_uint_eq(dirty.xid_count, 1);
    ck_assert_uint_eq(dirty.xids[0], 700);
    teardown();
}
END_TEST

START_TEST(test_a_move_refreshes_both_ids)
{
    setup();
    ck_assert_int_eq(touch(EVENT_UPDATE, &comments, ROW("9", "2"), ROW("9", "1")), TOUCH_IDS);
    ck_assert_str_eq(ids(), "1+ 2+");
    teardown();
}
END_TEST

START_TEST(test_an_update_in_place_refreshes_one)
{
    setup();
    ck_assert_int_eq(touch(EVENT_UPDATE, &comments, ROW("9", "2"), ROW("9", "2")), TOUCH_IDS);
    ck_assert_str_eq(ids(), "2+");
    teardown();
}
END_TEST

START_TEST(test_a_delete_refreshes_and_with_delete_with_deletes)
{
    setup();
    ck_assert_int_eq(touch(EVENT_DELETE, &comments, NULL, ROW("9", "2")), TOUCH_IDS);
    ck_assert_int_eq(touch(EVENT_DELETE, &posts, NULL, ROW("3", NULL)), TOUCH_IDS);
    ck_assert_str_eq(ids(), "2+ 3-");
    teardown();
}
END_TEST

START_TEST(test_a_row_inserted_again_is_deleted_and_queried)
{
    setup();
    touch(EVENT_DELETE, &posts, NULL, ROW("3", NULL));
    touch(EVENT_INSERT, &posts, ROW("3", "again"), NULL);
    ck_assert_str_eq(ids(), "3-+");
    touch(EVENT_DELETE, &posts, NULL, ROW("3", NULL));
    ck_assert_str_eq(ids(), "3-");
    teardown();
}
END_TEST

/* The query gives nothing for the id that was left, and a MERGE deletes nothing. */
START_TEST(test_a_key_that_changes_deletes_its_old_row)
{
    setup();
    ck_assert_int_eq(touch(EVENT_UPDATE, &posts, ROW("5", "t"), ROW("4", NULL)), TOUCH_IDS);
    ck_assert_str_eq(ids(), "4-+ 5+");
    teardown();
}
END_TEST

START_TEST(test_a_key_that_is_not_in_the_old_row_did_not_change)
{
    setup();
    ck_assert_int_eq(touch(EVENT_UPDATE, &posts, ROW("5", "t"), NULL), TOUCH_IDS);
    ck_assert_str_eq(ids(), "5+");
    teardown();
}
END_TEST

START_TEST(test_null_ids_are_skipped_and_counted)
{
    setup();
    ck_assert_int_eq(touch(EVENT_INSERT, &comments, ROW("9", "NULL"), NULL), TOUCH_IDS);
    ck_assert_uint_eq(toucher.nulls, 1);
    ck_assert_int_eq(touch(EVENT_UPDATE, &comments, ROW("9", "7"), ROW("9", "NULL")), TOUCH_IDS);
    ck_assert_int_eq(touch(EVENT_UPDATE, &comments, ROW("9", "NULL"), ROW("9", "8")), TOUCH_IDS);
    ck_assert_str_eq(ids(), "7+ 8+");
    ck_assert_uint_eq(toucher.nulls, 2);
    teardown();
}
END_TEST

START_TEST(test_an_unknown_old_id_is_said_and_not_guessed)
{
    setup();
    ck_assert_int_eq(touch(EVENT_UPDATE, &comments, ROW("9", "7"), ROW("9", NULL)), TOUCH_UNKNOWN);
    ck_assert_int_eq(touch(EVENT_DELETE, &comments, NULL, ROW("9", NULL)), TOUCH_UNKNOWN);
    sources[0].columns.items = (struct config_name[]){{TEXT("renamed")}};
    ck_assert_int_eq(touch(EVENT_INSERT, &comments, ROW("9", "7"), NULL), TOUCH_UNKNOWN);
    teardown();
}
END_TEST

START_TEST(test_truncate_touches_all)
{
    setup();
    ck_assert_int_eq(touch(EVENT_TRUNCATE, &comments, NULL, NULL), TOUCH_ALL);
    ck_assert_uint_eq(dirty.xid_count, 1);
    op.on_delete = false;
    ck_assert_int_eq(touch(EVENT_TRUNCATE, &comments, NULL, NULL), TOUCH_NOTHING);
    teardown();
}
END_TEST

START_TEST(test_other_tables_and_types_touch_nothing)
{
    static const struct relation other = {.schema = {"private", 7},
                                          .table = {"posts", 5},
                                          .column_count = 2,
                                          .columns = posts_columns};
    setup();
    op.on_update = false;
    ck_assert_int_eq(touch(EVENT_INSERT, &posts, ROW("1", "t"), NULL), TOUCH_IDS);
    dirty_clear(&dirty);
    ck_assert_int_eq(touch(EVENT_INSERT, &other, ROW("1", "t"), NULL), TOUCH_NOTHING);
    ck_assert_int_eq(touch(EVENT_UPDATE, &posts, ROW("1", "t"), NULL), TOUCH_NOTHING);
    ck_assert_str_eq(ids(), "");
    ck_assert_uint_eq(dirty.xid_count, 0);
    teardown();
}
END_TEST

START_TEST(test_ids_of_text_lose_quotes_and_escapes)
{
    setup();
    sources[1].columns.items = (struct config_name[]){{TEXT("title")}};
    ck_assert_int_eq(touch(EVENT_INSERT, &posts, ROW("1", "a\"b\\c\n\xc3\xa9"), NULL), TOUCH_IDS);
    ck_assert_str_eq(dirty_text(dirty_first(&dirty)), "a\"b\\c\n\xc3\xa9");
    dirty_clear(&dirty);
    ck_assert_int_eq(touch(EVENT_INSERT, &posts, ROW("1", "null"), NULL), TOUCH_IDS);
    ck_assert_str_eq(ids(), "null+");
    teardown();
}
END_TEST

/* An id that a large event does not keep is not the one that the row had before. */
START_TEST(test_an_id_that_was_left_out_is_not_known)
{
    static char long_id[2000];
    setup();
    memset(long_id, '7', sizeof(long_id) - 1);
    ck_assert_int_eq(touch_stripped(ROW("9", long_id), ROW("9", "42")), TOUCH_UNKNOWN);
    ck_assert_str_eq(ids(), "");
    ck_assert_int_eq(touch_stripped(ROW("9", "43"), ROW("9", "42")), TOUCH_IDS);
    ck_assert_str_eq(ids(), "42+ 43+");
    teardown();
}
END_TEST

START_TEST(test_an_id_that_is_too_long_is_refused_with_escapes_or_without)
{
    setup();
    toucher.scratch.max = 5;
    sources[1].columns.items = (struct config_name[]){{TEXT("title")}};
    ck_assert_int_eq(touch(EVENT_INSERT, &posts, ROW("1", "abcdef"), NULL), -EMSGSIZE);
    ck_assert_int_eq(touch(EVENT_INSERT, &posts, ROW("1", "abcde\n"), NULL), -EMSGSIZE);
    ck_assert_str_eq(ids(), "");
    ck_assert_int_eq(touch(EVENT_INSERT, &posts, ROW("1", "abcd\n"), NULL), TOUCH_IDS);
    ck_assert_int_eq(touch(EVENT_INSERT, &posts, ROW("1", "abcde"), NULL), TOUCH_IDS);
    ck_assert_str_eq(ids(), "abcd\n+ abcde+");
    teardown();
}
END_TEST

static void setup_composite(void)
{
    static struct config_name both[] = {{TEXT("id")}, {TEXT("title")}};
    setup();
    op.target_id = sources[1].columns = (struct config_names){both, 2};
}

START_TEST(test_an_id_of_columns_is_one_text)
{
    setup_composite();
    ck_assert_int_eq(touch(EVENT_INSERT, &posts, ROW("1", "a\"b\\c\n"), NULL), TOUCH_IDS);
    ck_assert_str_eq(ids(), "[\"1\",\"a\\\"b\\\\c\\n\"]+");
    teardown();
}
END_TEST

START_TEST(test_a_change_of_any_column_of_an_id_is_a_move)
{
    setup_composite();
    sources[1].delete_with = false;
    ck_assert_int_eq(touch(EVENT_UPDATE, &posts, ROW("1", "b"), ROW("1", "a")), TOUCH_IDS);
    ck_assert_str_eq(ids(), "[\"1\",\"a\"]+ [\"1\",\"b\"]+");
    dirty_clear(&dirty);
    ck_assert_int_eq(touch(EVENT_UPDATE, &posts, ROW("1", "b"), ROW("1", "b")), TOUCH_IDS);
    ck_assert_str_eq(ids(), "[\"1\",\"b\"]+");
    teardown();
}
END_TEST

START_TEST(test_an_id_with_a_null_in_it_is_none)
{
    setup_composite();
    ck_assert_int_eq(touch(EVENT_INSERT, &posts, ROW("1", "NULL"), NULL), TOUCH_IDS);
    ck_assert_int_eq(touch(EVENT_UPDATE, &posts, ROW("1", "NULL"), ROW("1", "a")), TOUCH_IDS);
    ck_assert_str_eq(ids(), "[\"1\",\"a\"]-+");
    ck_assert_uint_eq(toucher.nulls, 2);
    teardown();
}
END_TEST

START_TEST(test_an_id_is_not_known_when_a_column_of_it_is_not)
{
    setup_composite();
    ck_assert_int_eq(touch(EVENT_UPDATE, &posts, ROW("1", "b"), ROW("1", NULL)), TOUCH_UNKNOWN);
    ck_assert_int_eq(touch(EVENT_DELETE, &posts, NULL, ROW("1", NULL)), TOUCH_UNKNOWN);
    ck_assert_str_eq(ids(), "");
    teardown();
}
END_TEST

START_TEST(test_a_source_with_keys_gives_its_values_old_and_new)
{
    setup();
    sources[1].keys = TEXT("SELECT $1");
    sources[1].delete_with = false;
    ck_assert_int_eq(touch(EVENT_UPDATE, &posts, ROW("5", "t"), ROW("4", NULL)), TOUCH_IDS);
    ck_assert_int_eq(touch(EVENT_INSERT, &posts, ROW("6", "t"), NULL), TOUCH_IDS);
    ck_assert_int_eq(touch(EVENT_DELETE, &posts, NULL, ROW("6", NULL)), TOUCH_IDS);
    ck_assert_int_eq(touch(EVENT_INSERT, &posts, ROW("NULL", "t"), NULL), TOUCH_IDS);
    ck_assert_str_eq(ids(), "");
    ck_assert_uint_eq(keys.count, 3);
    ck_assert_uint_eq(toucher.nulls, 1);
    ck_assert_uint_eq(dirty.xid_count, 1); /* what the keys read must be visible */
    teardown();
}
END_TEST

START_TEST(test_a_call_gets_events_but_for_truncates)
{
    setup();
    op.form = CONFIG_CALL;
    ck_assert_int_eq(touch(EVENT_TRUNCATE, &comments, NULL, NULL), TOUCH_NOTHING);
    ck_assert_int_eq(touch(EVENT_DELETE, &comments, NULL, ROW("9", NULL)), TOUCH_IDS);
    const struct dirty_id *id = dirty_first(&dirty);
    ck_assert_str_eq(dirty_text(id), "7f3a91c2-64-1");
    ck_assert_ptr_nonnull(strstr(dirty_json(id), "\"id\":\"7f3a91c2-64-1\",\"name\":\"comments\""));
    ck_assert_uint_eq(dirty.xid_count, 1);
    op.on_delete = false;
    ck_assert_int_eq(touch(EVENT_DELETE, &comments, NULL, ROW("9", NULL)), TOUCH_NOTHING);
    teardown();
}
END_TEST

UNIT_SUITE(
    "operator/touch", test_insert_refreshes_the_mapped_id, test_a_move_refreshes_both_ids,
    test_an_update_in_place_refreshes_one, test_a_delete_refreshes_and_with_delete_with_deletes,
    test_a_row_inserted_again_is_deleted_and_queried, test_a_key_that_changes_deletes_its_old_row,
    test_a_key_that_is_not_in_the_old_row_did_not_change, test_null_ids_are_skipped_and_counted,
    test_an_unknown_old_id_is_said_and_not_guessed, test_truncate_touches_all,
    test_other_tables_and_types_touch_nothing, test_ids_of_text_lose_quotes_and_escapes,
    test_an_id_that_is_too_long_is_refused_with_escapes_or_without,
    test_an_id_that_was_left_out_is_not_known, test_an_id_of_columns_is_one_text,
    test_a_change_of_any_column_of_an_id_is_a_move, test_an_id_with_a_null_in_it_is_none,
    test_an_id_is_not_known_when_a_column_of_it_is_not,
    test_a_source_with_keys_gives_its_values_old_and_new, test_a_call_gets_events_but_for_truncates)
