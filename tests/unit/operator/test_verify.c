#include "blog.h"
#include "operator/verify.h"
#include "unit.h"

static struct buffer sql;
static const struct id_types types = {.count = 1, .names = {"uuid"}};

static const char *ids(const struct config_operator *op, struct verify_scope scope)
{
    buffer_init(&sql, STATEMENT_MAX);
    verify_ids(&sql, op, &types, &scope);
    ck_assert_int_eq(buffer_append_char(&sql, '\0'), 0);
    return sql.data;
}

START_TEST(test_all_ids_of_target_and_sources_once)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    sources[0].delete_with = sources[1].delete_with = false;
    ck_assert_str_eq(
        ids(&op, (struct verify_scope){.target = true, .sources = true}),
        "SELECT t.\"id\"::text, false FROM (SELECT * FROM ("
        "(SELECT * FROM (SELECT t.\"id\"::uuid FROM \"public\".\"post_counts\" AS t "
        "WHERE t.\"id\" IS NOT NULL) AS q (\"id\")) UNION "
        "(SELECT * FROM (SELECT t.\"post_id\"::uuid FROM \"public\".\"comments\" AS t "
        "WHERE t.\"post_id\" IS NOT NULL) AS q (\"id\")) UNION "
        "(SELECT * FROM (SELECT t.\"id\"::uuid FROM \"public\".\"posts\" AS t "
        "WHERE t.\"id\" IS NOT NULL) AS q (\"id\"))) AS u) AS t (\"id\") ORDER BY t.\"id\"");
    buffer_release(&sql);
}
END_TEST

START_TEST(test_a_sample_and_a_condition_are_of_each_table)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    sources[0].keys = TEXT("SELECT $1");
    const char *text =
        ids(&op, (struct verify_scope){.sources = true, .where = "id > 'a' -- so", .sample = 7});
    ck_assert_str_eq(text, "SELECT t.\"id\"::text, false FROM (SELECT * FROM ("
                           "(SELECT * FROM (SELECT t.\"id\"::uuid FROM \"public\".\"posts\" AS t "
                           "WHERE t.\"id\" IS NOT NULL) AS q (\"id\") WHERE (id > 'a' -- so\n) "
                           "ORDER BY random() LIMIT 7)) AS u ORDER BY random() LIMIT 7) AS t "
                           "(\"id\") ORDER BY t.\"id\"");
    buffer_release(&sql);
}
END_TEST

START_TEST(test_of_a_large_table_some_pages_are_read_for_a_sample)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    const double percent[] = {100., 3., .0000012};
    const char *text = ids(
        &op,
        (struct verify_scope){.target = true, .sources = true, .sample = 7, .percent = percent});
    ck_assert_ptr_nonnull(strstr(text, "\"post_counts\" AS t WHERE"));
    ck_assert_ptr_nonnull(strstr(text, "\"comments\" AS t TABLESAMPLE SYSTEM (3.000000000) WHERE"));
    ck_assert_ptr_nonnull(strstr(text, "\"posts\" AS t TABLESAMPLE SYSTEM (0.000001200) WHERE"));
    buffer_release(&sql);
}
END_TEST

START_TEST(test_orphans_are_told_where_target_and_sources_are_together)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    sources[1].delete_with = true;
    ck_assert_ptr_nonnull(strstr(ids(&op, (struct verify_scope){.target = true, .sources = true}),
                                 "::text, (NOT EXISTS (SELECT FROM \"public\".\"posts\" s "
                                 "WHERE s.\"id\"::text = t.\"id\"::text)"));
    buffer_release(&sql);
    ck_assert_ptr_null(strstr(ids(&op, (struct verify_scope){.target = true}), "EXISTS"));
    buffer_release(&sql);
}
END_TEST

START_TEST(test_rows_are_in_the_order_of_their_ids)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    buffer_init(&sql, STATEMENT_MAX);
    verify_rows(&sql, &op, &types);
    ck_assert_int_eq(buffer_append_char(&sql, '\0'), 0);
    ck_assert_str_eq(sql.data, "SELECT k.nr, concat_ws(' ', t.tableoid, t.ctid, t.xmin), t.* "
                               "FROM unnest($1::uuid[]) WITH ORDINALITY AS k (c1, nr) "
                               "JOIN \"public\".\"post_counts\" AS t ON t.\"id\" = k.c1 "
                               "ORDER BY k.nr, (t.*)::text");
    buffer_release(&sql);
}
END_TEST

UNIT_SUITE("operator/verify", test_all_ids_of_target_and_sources_once,
           test_a_sample_and_a_condition_are_of_each_table,
           test_of_a_large_table_some_pages_are_read_for_a_sample,
           test_orphans_are_told_where_target_and_sources_are_together,
           test_rows_are_in_the_order_of_their_ids)
