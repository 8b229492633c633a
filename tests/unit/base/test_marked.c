#include "base/marked.h"
#include "unit.h"
#include <errno.h>

START_TEST(only_what_the_last_list_holds_is_marked)
{
    struct marked *marked = marked_new();
    struct buffer list;
    buffer_init(&list, 1000);
    ck_assert(!marked_has(marked, STR("public"), STR("posts")));
    marked_list(&list, STR("public"), STR("posts"));
    marked_list(&list, STR("my.schema"), STR("odd \"name\""));
    marked_replace(marked, &list);
    ck_assert_uint_eq(list.len, 0);
    ck_assert(marked_has(marked, STR("public"), STR("posts")));
    ck_assert(marked_has(marked, STR("my.schema"), STR("odd \"name\"")));
    ck_assert(!marked_has(marked, STR("public"), STR("post")));
    ck_assert(!marked_has(marked, STR("posts"), STR("my.schema")));
    marked_list(&list, STR("public"), STR("comments"));
    marked_replace(marked, &list);
    ck_assert(!marked_has(marked, STR("public"), STR("posts")));
    ck_assert(marked_has(marked, STR("public"), STR("comments")));
    marked_replace(marked, &list);
    ck_assert(!marked_has(marked, STR("public"), STR("comments")));
    buffer_release(&list);
    marked_free(marked);
    marked_free(NULL);
}
END_TEST

static int type_of(struct marked *marked, const char *table, const char *column)
{
    uint32_t oid = 0;
    int status = marked_column_type(marked, STR("public"), str_from(table), str_from(column), &oid);
    return status < 0 ? status : (int)oid;
}

START_TEST(columns_are_those_of_their_table)
{
    struct marked *marked = marked_new();
    struct buffer list;
    buffer_init(&list, 1000);
    ck_assert_int_eq(type_of(marked, "posts", "id"), -EAGAIN);
    marked_list(&list, STR("public"), STR("posts"));
    marked_column(&list, STR("id"), 20);
    marked_column(&list, STR("ctitle"), 25);
    marked_list(&list, STR("public"), STR("bare"));
    marked_list(&list, STR("public"), STR("comments"));
    marked_column(&list, STR("id"), 2950);
    marked_replace(marked, &list);
    ck_assert_int_eq(type_of(marked, "posts", "id"), 20);
    ck_assert_int_eq(type_of(marked, "posts", "ctitle"), 25);
    ck_assert_int_eq(type_of(marked, "posts", "title"), -ENOENT);
    ck_assert_int_eq(type_of(marked, "comments", "id"), 2950);
    ck_assert_int_eq(type_of(marked, "comments", "ctitle"), -ENOENT);
    ck_assert_int_eq(type_of(marked, "bare", "id"), -EAGAIN);
    ck_assert_int_eq(type_of(marked, "id", "20"), -EAGAIN);
    ck_assert(marked_has(marked, STR("public"), STR("bare")));
    ck_assert(!marked_has(marked, STR("d"), STR("20")));
    buffer_release(&list);
    marked_free(marked);
}
END_TEST

UNIT_SUITE("base/marked", columns_are_those_of_their_table, only_what_the_last_list_holds_is_marked)
