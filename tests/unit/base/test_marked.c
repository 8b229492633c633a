#include "base/marked.h"
#include "unit.h"

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

UNIT_SUITE("base/marked", only_what_the_last_list_holds_is_marked)
