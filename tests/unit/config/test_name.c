#include "config/name.h"
#include "unit.h"
#include <errno.h>

START_TEST(test_tables_split)
{
    static const struct {
        const char *name, *schema, *table;
    } names[] = {
        {"posts", "public", "posts"},
        {"shop.posts", "shop", "posts"},
        {"Shop.My Posts", "Shop", "My Posts"},
        {"\"a.b\"", "public", "a.b"},
        {"\"a.b\".\"c\"\"d\"", "a.b", "c\"d"},
        {"\"a\".b", "a", "b"},
        {"a.\"b\"", "a", "b"},
        {"\"\"\"\"", "public", "\""},
        {"sch\xc3\xa9ma.t", "sch\xc3\xa9ma", "t"},
        {"a-b'c", "public", "a-b'c"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *schema = NULL;
        char *table = NULL;
        const char *complaint = NULL;
        ck_assert_msg(name_split(names[i].name, &schema, &table, &complaint) == 0, "%s: %s",
                      names[i].name, complaint);
        ck_assert_str_eq(schema, names[i].schema);
        ck_assert_str_eq(table, names[i].table);
        free(schema);
        free(table);
    }
}
END_TEST

START_TEST(test_no_tables)
{
    static const char *const names[] = {
        "",
        ".",
        "a.",
        ".a",
        "a.b.c",
        "\"a",
        "\"a\"b",
        "a\"b",
        "\"\"",
        "a.\"b",
        "\"a\".\"b\".\"c\"",
        "a..b",
        "a\nb",
        "\"",
        "\"\"\"",
        "a123456789012345678901234567890123456789012345678901234567890123.b",
        "b.a123456789012345678901234567890123456789012345678901234567890123",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *schema = NULL;
        char *table = NULL;
        const char *complaint = NULL;
        ck_assert_msg(name_split(names[i], &schema, &table, &complaint) == -EINVAL, "%s", names[i]);
        ck_assert_ptr_nonnull(complaint);
        ck_assert_ptr_null(schema);
        ck_assert_ptr_null(table);
    }
}
END_TEST

START_TEST(test_identifiers)
{
    char name[IDENTIFIER_MAX + 2] = "";

    memset(name, 'x', IDENTIFIER_MAX);
    ck_assert_ptr_null(name_check_identifier(name));
    ck_assert_ptr_null(name_check_slot(name));
    name[IDENTIFIER_MAX] = 'x';
    ck_assert_ptr_nonnull(name_check_identifier(name));
    ck_assert_ptr_nonnull(name_check_slot(name));
    ck_assert_ptr_nonnull(name_check_operator(name));
    ck_assert_ptr_null(name_check_identifier("Any Thing.\"/"));
    ck_assert_ptr_nonnull(name_check_identifier(""));
    ck_assert_ptr_nonnull(name_check_identifier("a\tb"));
    ck_assert_ptr_null(name_check_slot("a_1"));
    ck_assert_ptr_nonnull(name_check_slot("a-1"));
    ck_assert_ptr_nonnull(name_check_slot("A"));
    ck_assert_ptr_nonnull(name_check_slot(""));
    ck_assert_ptr_null(name_check_operator("a_1"));
    ck_assert_ptr_nonnull(name_check_operator("\xc3\xa9"));
}
END_TEST

UNIT_SUITE("config/name", test_tables_split, test_no_tables, test_identifiers)
