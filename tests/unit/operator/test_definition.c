#include "blog.h"
#include "operator/definition.h"
#include "unit.h"
#include <errno.h>

static int check_one(const struct config_operator *op, struct error *err)
{
    error_clear(err);
    return definition_check(op, 1, err);
}

START_TEST(test_the_demo_is_fine)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    struct error err = {0};
    ck_assert_int_eq(check_one(&op, &err), 0);
    ck_assert_int_eq(definition_check(NULL, 0, &err), 0);
}
END_TEST

START_TEST(test_sources_are_found_by_schema_and_table)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    ck_assert_ptr_eq(definition_source(&op, STR("public"), STR("posts")), &sources[1]);
    ck_assert_ptr_null(definition_source(&op, STR("other"), STR("posts")));
    ck_assert_ptr_null(definition_source(&op, STR("public"), STR("post")));
}
END_TEST

START_TEST(test_what_cannot_work_is_refused_by_name)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    struct error err = {0};
    op.source_count = 0;
    ck_assert_int_eq(check_one(&op, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "counts"));
    op = blog_operator(sources);
    op.query = TEXT(" ;\n");
    ck_assert_int_eq(check_one(&op, &err), -EINVAL);
    op = blog_operator(sources);
    op.on_insert = op.on_update = op.on_delete = false;
    ck_assert_int_eq(check_one(&op, &err), -EINVAL);
    op = blog_operator(sources);
    sources[1] = sources[0];
    ck_assert_int_eq(check_one(&op, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "public.comments"));
}
END_TEST

START_TEST(test_a_name_is_for_one_operator)
{
    struct config_operator_source sources[2];
    struct config_operator ops[2] = {blog_operator(sources), blog_operator(sources)};
    struct error err = {0};
    ck_assert_int_eq(definition_check(ops, 2, &err), -EINVAL);
    ops[1].name = TEXT("others");
    ck_assert_int_eq(definition_check(ops, 2, &err), 0);
}
END_TEST

START_TEST(test_circles_are_refused_and_chains_are_not)
{
    struct config_operator_source a[2], b[2], c[2];
    struct config_operator ops[3] = {blog_operator(a), blog_operator(b), blog_operator(c)};
    struct error err = {0};
    ops[1].name = TEXT("second");
    ops[1].target_table = TEXT("second_counts");
    b[0].table = TEXT("post_counts");
    ops[2].name = TEXT("third");
    ops[2].target_table = TEXT("third_counts");
    c[0].table = TEXT("second_counts");
    c[1].table = TEXT("post_counts");
    ck_assert_int_eq(definition_check(ops, 3, &err), 0);
    ops[2].target_table = TEXT("comments");
    ck_assert_int_eq(definition_check(ops, 3, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "circle"));
    struct config_database elsewhere = {0};
    ops[2].database = &elsewhere;
    ck_assert_int_eq(definition_check(ops, 3, &err), 0);
    struct config_operator self = blog_operator(a);
    self.target_table = TEXT("posts");
    ck_assert_int_eq(check_one(&self, &err), -EINVAL);
}
END_TEST

START_TEST(test_who_shares_its_target_may_not_swap)
{
    struct config_operator_source a[2], b[2];
    struct config_operator ops[2] = {blog_operator(a), blog_operator(b)};
    struct error err = {0};
    ops[1].name = TEXT("second");
    ck_assert_int_eq(definition_may_swap(ops, 2, &ops[0], &err), -EINVAL);
    ck_assert_str_eq(err.text, "operator second writes the same target; rebuild without swap");
    ops[1].target_schema = TEXT("other");
    ck_assert_int_eq(definition_may_swap(ops, 2, &ops[0], &err), 0);
    ops[1].target_table = ops[1].target_schema = NULL; /* a call need not have one */
    ck_assert_int_eq(definition_may_swap(ops, 2, &ops[0], &err), 0);
}
END_TEST

START_TEST(test_inserts_alone_need_no_old_values)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    ck_assert(definition_needs_identity(&op));
    op.on_update = op.on_delete = false;
    ck_assert(!definition_needs_identity(&op));
}
END_TEST

UNIT_SUITE("operator/definition", test_the_demo_is_fine, test_sources_are_found_by_schema_and_table,
           test_what_cannot_work_is_refused_by_name, test_a_name_is_for_one_operator,
           test_circles_are_refused_and_chains_are_not, test_who_shares_its_target_may_not_swap,
           test_inserts_alone_need_no_old_values)
