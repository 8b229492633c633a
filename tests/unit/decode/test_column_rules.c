#include "decode/column_rules.h"

#include "base/str.h"
#include "unit.h"

/* Out of order, with names that differ in one part only. */
static struct column_rule items[] = {
    {STR("public"), STR("people"), STR("token"), COLUMN_EXCLUDE},
    {STR("other"), STR("people"), STR("name"), COLUMN_EXCLUDE},
    {STR("public"), STR("peoplX"), STR("name"), COLUMN_EXCLUDE},
    {STR("public"), STR("people"), STR("id"), COLUMN_EXCLUDE},
    {STR("public"), STR("people"), STR("Name"), COLUMN_EXCLUDE},
    {STR("public"), STR("people"), STR("gone"), COLUMN_EXCLUDE},
    {STR("public"), STR("people"), STR("note"), COLUMN_IGNORE},
    {STR("public"), STR("people"), STR("token"), COLUMN_IGNORE},
};
static struct column_rules rules = {.items = items,
                                    .count = sizeof(items) / sizeof(items[0]),
                                    .numbers_as_strings = {STR("int8"), STR("numeric")},
                                    .number_count = 2};

static struct relation_column columns[] = {
    {.name = STR("id")}, {.name = STR("name")}, {.name = STR("token")}, {.name = STR("note")}};
static struct relation relation = {
    .schema = STR("public"), .table = STR("people"), .column_count = 4, .columns = columns};

START_TEST(test_the_columns_that_are_named_and_no_others)
{
    column_rules_sort(&rules);
    column_rules_apply(&rules, &relation);
    ck_assert(columns[0].excluded && !columns[1].excluded);
    ck_assert(columns[2].excluded && !columns[3].excluded);
    ck_assert_uint_eq(relation.excluded_count, 2);
    ck_assert(relation.has_ignored);
    ck_assert(!columns[0].ignored && !columns[1].ignored);
    ck_assert(columns[2].ignored && columns[3].ignored);
    ck_assert_uint_eq(columns[0].excluded_before, 0);
    ck_assert_uint_eq(columns[1].excluded_before, 1);
    ck_assert_uint_eq(columns[2].excluded_before, 1);
    ck_assert_uint_eq(columns[3].excluded_before, 2);
}
END_TEST

START_TEST(test_without_rules_nothing_is_excluded)
{
    struct relation_column column = {.name = STR("id")};
    struct relation other = {
        .schema = STR("public"), .table = STR("others"), .column_count = 1, .columns = &column};
    struct column_rules none = {0};

    column_rules_sort(&none);
    column_rules_apply(NULL, &other);
    column_rules_apply(&none, &other);
    column_rules_apply(&rules, &other);
    ck_assert(!column.excluded);
    ck_assert_uint_eq(other.excluded_count, 0);
    ck_assert(!other.has_ignored);
    column_rules_release(&none);
}
END_TEST

START_TEST(test_the_types_that_are_named_and_no_others)
{
    ck_assert(column_rules_quote(&rules, STR("int8")));
    ck_assert(column_rules_quote(&rules, STR("numeric")));
    ck_assert(!column_rules_quote(&rules, STR("int4")));
    ck_assert(!column_rules_quote(&rules, STR("")));
    ck_assert(!column_rules_quote(NULL, STR("int8")));
}
END_TEST

UNIT_SUITE("column_rules", test_the_columns_that_are_named_and_no_others,
           test_without_rules_nothing_is_excluded, test_the_types_that_are_named_and_no_others)
