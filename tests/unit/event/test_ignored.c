#include "event/changes.h"
#include "event/ignored.h"

static struct relation_column columns[COLUMNS];
static const struct relation relation = {.schema = {"public", 6},
                                         .table = {"comments", 8},
                                         .column_count = COLUMNS,
                                         .has_ignored = true,
                                         .columns = columns};

static void ignore_rating(void)
{
    memcpy(columns, comment_columns, sizeof(comment_columns));
    columns[RATING].ignored = true;
}

static bool is_ignored(const struct value *now, const struct value *before)
{
    const struct change change = {EVENT_UPDATE, &relation, .new_values = now, .old_values = before};
    return change_is_ignored(&change);
}

START_TEST(test_an_update_of_ignored_columns_or_of_nothing_is_ignored)
{
    const struct value null[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), TEXT_VALUE("so \"good\""),
                                 NULL_VALUE};
    ignore_rating();
    ck_assert(is_ignored(row_after, row_before));
    ck_assert(is_ignored(row_after, row_after));
    ck_assert(is_ignored(null, row_before));
}
END_TEST

START_TEST(test_any_other_difference_is_an_event)
{
    const struct value moved[] = {TEXT_VALUE("89"), TEXT_VALUE("p-2"), TEXT_VALUE("so \"good\""),
                                  TEXT_VALUE("5")};
    const struct value null[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), NULL_VALUE, TEXT_VALUE("5")};
    ignore_rating();
    ck_assert(!is_ignored(moved, row_before));
    ck_assert(!is_ignored(null, row_before));
    ck_assert(!is_ignored(row_before, null));
    columns[POST_ID].excluded = true; /* who excludes a column still wants to know of its updates */
    ck_assert(!is_ignored(moved, row_before));
}
END_TEST

START_TEST(test_what_is_not_known_may_have_changed)
{
    const struct value key[] = {TEXT_VALUE("89"), ABSENT_VALUE, ABSENT_VALUE, ABSENT_VALUE};
    const struct value all_but_rating[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"),
                                           TEXT_VALUE("so \"good\""), ABSENT_VALUE};
    ignore_rating();
    ck_assert(!is_ignored(row_after, key));
    ck_assert(!is_ignored(row_after, NULL));
    ck_assert(is_ignored(row_after, all_but_rating));
}
END_TEST

START_TEST(test_a_large_value_that_was_not_sent_has_stayed)
{
    const struct value unsent[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), UNCHANGED_VALUE,
                                   TEXT_VALUE("5")};
    const struct value before[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), ABSENT_VALUE,
                                   TEXT_VALUE("4")};
    ignore_rating();
    ck_assert(is_ignored(unsent, before));
}
END_TEST

START_TEST(test_nothing_but_an_update_of_such_a_table_is_ignored)
{
    const struct change none = {EVENT_UPDATE, &comments, .new_values = row_after,
                                .old_values = row_before};
    struct change change = {EVENT_INSERT, &relation, .new_values = row_after};
    ignore_rating();
    ck_assert(!change_is_ignored(&none));
    ck_assert(!change_is_ignored(&change));
    change = (struct change){EVENT_DELETE, &relation, .old_values = row_before};
    ck_assert(!change_is_ignored(&change));
    change = (struct change){EVENT_TRUNCATE, &relation, .new_values = NULL};
    ck_assert(!change_is_ignored(&change));
    change = (struct change){EVENT_MESSAGE, NULL, .prefix = STR("p"), .content = STR("c")};
    ck_assert(!change_is_ignored(&change));
}
END_TEST

UNIT_SUITE("event/ignored", test_an_update_of_ignored_columns_or_of_nothing_is_ignored,
           test_any_other_difference_is_an_event, test_what_is_not_known_may_have_changed,
           test_a_large_value_that_was_not_sent_has_stayed,
           test_nothing_but_an_update_of_such_a_table_is_ignored)
