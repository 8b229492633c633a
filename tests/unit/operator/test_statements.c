#include "blog.h"
#include "operator/state_sql.h"
#include "operator/statements.h"
#include "unit.h"

static struct buffer sql;

static const char *page(const struct config_operator *op, int step, bool after)
{
    buffer_reset(&sql);
    statement_page(&sql, op, step, after, 10);
    ck_assert_int_eq(buffer_append_char(&sql, '\0'), 0);
    return sql.data;
}

START_TEST(test_names_are_quoted)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    op.target_table = TEXT("Odd \"name\"; DROP TABLE x");
    op.target_id = TEXT("a\"b");
    buffer_init(&sql, STATEMENT_MAX);
    statement_delete(&sql, &op);
    buffer_append_char(&sql, '\0');
    ck_assert_str_eq(sql.data, "DELETE FROM \"public\".\"Odd \"\"name\"\"; DROP TABLE x\" "
                               "WHERE \"a\"\"b\" = $1");
    buffer_release(&sql);
}
END_TEST

START_TEST(test_pages_follow_each_other_by_key)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    buffer_init(&sql, STATEMENT_MAX);
    ck_assert_int_eq(statement_steps(&op), 3);
    ck_assert_str_eq(page(&op, 1, false),
                     "SELECT p.k::text, false FROM (SELECT DISTINCT t.\"post_id\" AS k "
                     "FROM \"public\".\"comments\" t WHERE t.\"post_id\" IS NOT NULL "
                     "ORDER BY k LIMIT 10) p ORDER BY p.k");
    ck_assert_str_eq(page(&op, 2, true),
                     "SELECT p.k::text, false FROM (SELECT DISTINCT t.\"id\" AS k "
                     "FROM \"public\".\"posts\" t WHERE t.\"id\" > $1 "
                     "ORDER BY k LIMIT 10) p ORDER BY p.k");
    buffer_release(&sql);
}
END_TEST

START_TEST(test_rows_of_the_target_that_no_source_has_are_orphans)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    buffer_init(&sql, STATEMENT_MAX);
    ck_assert_str_eq(
        page(&op, 0, true),
        "SELECT p.k::text, true FROM (SELECT DISTINCT t.\"id\" AS k "
        "FROM \"public\".\"post_counts\" t WHERE t.\"id\" > $1 AND (NOT EXISTS (SELECT "
        "FROM \"public\".\"posts\" s WHERE s.\"id\"::text = t.\"id\"::text)) "
        "ORDER BY k LIMIT 10) p ORDER BY p.k");
    sources[1].delete_with = false;
    ck_assert_str_eq(page(&op, 0, false),
                     "SELECT p.k::text, false FROM (SELECT DISTINCT t.\"id\" AS k "
                     "FROM \"public\".\"post_counts\" t WHERE t.\"id\" IS NOT NULL "
                     "ORDER BY k LIMIT 10) p ORDER BY p.k");
    buffer_release(&sql);
}
END_TEST

START_TEST(test_the_state_tables_end_with_their_version)
{
    const char *comment = "COMMENT ON SCHEMA walpiper IS '" STATE_SQL_VERSION "';\n";
    size_t len = strlen(state_sql());
    ck_assert_uint_gt(len, strlen(comment));
    ck_assert_str_eq(state_sql() + len - strlen(comment), comment);
}
END_TEST

UNIT_SUITE("operator/statements", test_names_are_quoted, test_pages_follow_each_other_by_key,
           test_rows_of_the_target_that_no_source_has_are_orphans,
           test_the_state_tables_end_with_their_version)
