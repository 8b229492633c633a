#include "decode/relation_names.h"

#include "failing_malloc.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

/* Names of tables that are not published are forgotten before they are too many; partitions never.
 */
START_TEST(test_names_are_bounded)
{
    struct relation_names names = {0};
    const struct relation_name part = {STR("s"), STR("part")}, root = {STR("s"), STR("root")};
    char text[16];

    ck_assert_int_eq(relation_names_put(&names, part, root), 0);
    for (int i = 0; i <= RELATION_NAMES_MAX; i++) {
        snprintf(text, sizeof(text), "t%d", i);
        const struct relation_name name = {STR("s"), str_from(text)};
        ck_assert_int_eq(relation_names_put(&names, name, (struct relation_name){0}), 0);
        ck_assert_uint_le(names.unpublished, RELATION_NAMES_MAX);
    }
    ck_assert_uint_eq(names.unpublished, 1);
    ck_assert(relation_name_equal(*relation_names_find(&names, part), root));
    ck_assert_ptr_null(relation_names_find(&names, (struct relation_name){STR("s"), STR("t0")}));
    relation_names_clear(&names);
    ck_assert_ptr_null(relation_names_find(&names, part));
}
END_TEST

/* The newest word about a name counts; names are copied. */
START_TEST(test_replaces)
{
    struct relation_names names = {0};
    char schema[] = "s", table[] = "part";
    const struct relation_name part = {{schema, 1}, {table, 4}};
    const struct relation_name root = {STR("r"), STR("root")}, none = {0};

    ck_assert_int_eq(relation_names_put(&names, part, none), 0);
    ck_assert_uint_eq(relation_names_find(&names, part)->table.len, 0);
    ck_assert_int_eq(relation_names_put(&names, part, root), 0);
    ck_assert_uint_eq(names.unpublished, 0);
    table[0] = 'x';
    ck_assert_ptr_null(relation_names_find(&names, part));
    table[0] = 'p';
    ck_assert(relation_name_equal(*relation_names_find(&names, part), root));
    ck_assert_ptr_null(relation_names_find(&names, (struct relation_name){STR("part"), STR("s")}));
    relation_names_clear(&names);
}
END_TEST

/* Without memory what was said before counts, and everything is given back. */
START_TEST(test_no_memory)
{
    const struct relation_name root = {STR("s"), STR("root")}, none = {0};
    long failing = 1;

    for (bool failed = true; failed; failing++) {
        struct relation_names names = {0};
        allocations_start(failing);
        for (int i = 0; i < 100; i++) {
            char text[16];
            snprintf(text, sizeof(text), "t%d", i % 60);
            const struct relation_name name = {STR("s"), str_from(text)};
            const struct relation_name *before = relation_names_find(&names, name);
            int r;
            WATCHED(r = relation_names_put(&names, name, i < 60 ? none : root));
            ck_assert_msg(r == 0 || r == -ENOMEM, "%d", r);
            const struct relation_name *after = relation_names_find(&names, name);
            if (r < 0)
                ck_assert_ptr_eq(after, before);
            else
                ck_assert_uint_eq(after->table.len, i < 60 ? 0 : 4);
        }
        failed = allocations_failed();
        WATCHED(relation_names_clear(&names));
        ck_assert_int_eq(live_allocations, 0);
        ck_assert_uint_eq(names.unpublished, 0);
    }
    ck_assert_int_gt(failing, 100);
}
END_TEST

UNIT_SUITE("decode/relation_names", test_names_are_bounded, test_replaces, test_no_memory)
