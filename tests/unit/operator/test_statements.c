#include "blog.h"
#include "operator/state_sql.h"
#include "operator/statements.h"
#include "unit.h"

static struct buffer sql;

static const char *page(const struct config_operator *op, int step, bool after)
{
    buffer_reset(&sql);
    statement_page(&sql, op, step, after, NULL, 10);
    ck_assert_int_eq(buffer_append_char(&sql, '\0'), 0);
    return sql.data;
}

START_TEST(test_names_are_quoted)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    op.target_table = TEXT("Odd \"name\"; DROP TABLE x");
    op.target_id.items = (struct config_name[]){{TEXT("a\"b")}};
    const struct id_types types = {.count = 1, .names = {"uuid"}};
    buffer_init(&sql, STATEMENT_MAX);
    statement_delete(&sql, &op, &types);
    buffer_append_char(&sql, '\0');
    ck_assert_str_eq(sql.data, "DELETE FROM \"public\".\"Odd \"\"name\"\"; DROP TABLE x\" AS t "
                               "USING unnest($1::uuid[]) AS k (c1) WHERE t.\"a\"\"b\" = k.c1");
    buffer_release(&sql);
}
END_TEST

START_TEST(test_pages_follow_each_other_by_key)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    buffer_init(&sql, STATEMENT_MAX);
    ck_assert_int_eq(statement_next_step(&op, 0), 1);
    ck_assert_int_eq(statement_next_step(&op, 1), 2);
    ck_assert_int_eq(statement_next_step(&op, 2), -1);
    sources[0].keys = TEXT("SELECT $1");
    ck_assert_int_eq(statement_next_step(&op, 0), 2);
    ck_assert_str_eq(page(&op, 1, false),
                     "SELECT p.c1::text, false FROM (SELECT DISTINCT t.\"post_id\" "
                     "FROM \"public\".\"comments\" AS t WHERE t.\"post_id\" IS NOT NULL "
                     "ORDER BY t.\"post_id\" LIMIT 10) AS p (c1) ORDER BY p.c1");
    ck_assert_str_eq(page(&op, 2, true),
                     "SELECT p.c1::text, false FROM (SELECT DISTINCT t.\"id\" "
                     "FROM \"public\".\"posts\" AS t WHERE t.\"id\" IS NOT NULL "
                     "AND (t.\"id\") > ($1) ORDER BY t.\"id\" LIMIT 10) AS p (c1) ORDER BY p.c1");
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
        "SELECT p.c1::text, true FROM (SELECT DISTINCT t.\"id\" "
        "FROM \"public\".\"post_counts\" AS t WHERE t.\"id\" IS NOT NULL AND (t.\"id\") > ($1) "
        "AND (NOT EXISTS (SELECT FROM \"public\".\"posts\" s WHERE s.\"id\"::text = "
        "t.\"id\"::text)) ORDER BY t.\"id\" LIMIT 10) AS p (c1) ORDER BY p.c1");
    sources[1].delete_with = false;
    ck_assert_str_eq(page(&op, 0, false),
                     "SELECT p.c1::text, false FROM (SELECT DISTINCT t.\"id\" "
                     "FROM \"public\".\"post_counts\" AS t WHERE t.\"id\" IS NOT NULL "
                     "ORDER BY t.\"id\" LIMIT 10) AS p (c1) ORDER BY p.c1");
    buffer_release(&sql);
}
END_TEST

START_TEST(test_orphans_in_another_database_are_told_by_the_sources)
{
    static struct config_name target[] = {{TEXT("org")}, {TEXT("id")}},
                              own[] = {{TEXT("o")}, {TEXT("i")}};
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    struct config_database elsewhere = {0};
    op.database = &elsewhere;
    op.target_id = (struct config_names){target, 2};
    sources[0].columns = sources[1].columns = (struct config_names){own, 2};
    buffer_init(&sql, STATEMENT_MAX);
    ck_assert_str_eq(page(&op, 0, false),
                     "SELECT p.c1::text, p.c2::text, false FROM (SELECT DISTINCT t.\"org\", "
                     "t.\"id\" FROM \"public\".\"post_counts\" AS t WHERE t.\"org\" IS NOT NULL "
                     "AND t.\"id\" IS NOT NULL ORDER BY t.\"org\", t.\"id\" LIMIT 10) "
                     "AS p (c1, c2) ORDER BY p.c1, p.c2");
    ck_assert(statement_has_orphans(&op));
    buffer_reset(&sql);
    statement_orphans(&sql, &op);
    buffer_append_char(&sql, '\0');
    ck_assert_str_eq(sql.data,
                     "SELECT k.c1, k.c2, (NOT EXISTS (SELECT FROM \"public\".\"posts\" s "
                     "WHERE s.\"o\"::text = k.c1 AND s.\"i\"::text = k.c2)) "
                     "FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (c1, c2, n) "
                     "ORDER BY k.n");
    sources[1].delete_with = false;
    ck_assert(!statement_has_orphans(&op));
    buffer_release(&sql);
}
END_TEST

START_TEST(test_an_id_of_columns_is_compared_column_by_column)
{
    static struct config_name target[] = {{TEXT("org")}, {TEXT("id")}},
                              own[] = {{TEXT("o")}, {TEXT("i")}};
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    const struct id_types types = {.count = 2, .names = {"integer", "text"}};
    op.target_id = (struct config_names){target, 2};
    sources[0].columns = sources[1].columns = (struct config_names){own, 2};
    buffer_init(&sql, STATEMENT_MAX);
    statement_delete(&sql, &op, &types);
    buffer_append_char(&sql, '\0');
    ck_assert_str_eq(sql.data, "DELETE FROM \"public\".\"post_counts\" AS t "
                               "USING unnest($1::integer[], $2::text[]) AS k (c1, c2) "
                               "WHERE t.\"org\" = k.c1 AND t.\"id\" = k.c2");
    ck_assert_str_eq(page(&op, 1, true),
                     "SELECT p.c1::text, p.c2::text, false FROM (SELECT DISTINCT t.\"o\", t.\"i\" "
                     "FROM \"public\".\"comments\" AS t WHERE t.\"o\" IS NOT NULL "
                     "AND t.\"i\" IS NOT NULL AND (t.\"o\", t.\"i\") > ($1, $2) "
                     "ORDER BY t.\"o\", t.\"i\" LIMIT 10) AS p (c1, c2) ORDER BY p.c1, p.c2");
    ck_assert_ptr_nonnull(strstr(page(&op, 0, false), "WHERE s.\"o\"::text = t.\"org\"::text "
                                                      "AND s.\"i\"::text = t.\"id\"::text)"));
    buffer_release(&sql);
}
END_TEST

START_TEST(test_keys_are_asked_of_many_values_page_by_page)
{
    struct config_operator_source sources[2];
    (void)blog_operator(sources);
    const struct id_types key = {.count = 1, .names = {"bigint"}};
    const struct id_types types = {.count = 2, .names = {"integer", "text"}};
    sources[0].keys = TEXT("SELECT '$1', a.b FROM a WHERE c = $1;");
    buffer_init(&sql, STATEMENT_MAX);
    statement_keys(&sql, &sources[0], &key, &types);
    buffer_append_char(&sql, '\0');
    ck_assert_str_eq(
        sql.data,
        "SELECT p.c1::text, p.c2::text FROM (SELECT DISTINCT r.c1::integer, r.c2::text "
        "FROM unnest($1::bigint[]) AS walpiper_key (c1) CROSS JOIN LATERAL (\n"
        "SELECT '$1', a.b FROM a WHERE c = (walpiper_key.c1)\n) AS r (c1, c2) "
        "WHERE r.c1 IS NOT NULL AND r.c2 IS NOT NULL AND ($2::integer IS NULL OR "
        "(r.c1::integer, r.c2::text) > ($2::integer, $3::text)) ORDER BY 1, 2 LIMIT 5000) "
        "AS p (c1, c2) ORDER BY p.c1, p.c2");
    buffer_release(&sql);
}
END_TEST

START_TEST(test_rows_are_kept_in_a_table_of_another_schema)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources), to = op;
    const struct id_types types = {.count = 1, .names = {"bigint"}};
    to.target_schema = TEXT("new");
    buffer_init(&sql, STATEMENT_MAX);
    statement_keep(&sql, &op, &to, &types, "id, \"a b\"");
    buffer_append_char(&sql, '\0');
    ck_assert_str_eq(sql.data,
                     "INSERT INTO \"new\".\"post_counts\" (id, \"a b\") OVERRIDING SYSTEM VALUE "
                     "SELECT id, \"a b\" FROM \"public\".\"post_counts\" AS t WHERE (t.\"id\") IN "
                     "(SELECT k.* FROM unnest($1::bigint[]) AS k (c1)) ON CONFLICT DO NOTHING");
    buffer_release(&sql);
}
END_TEST

START_TEST(test_a_call_is_of_one_event)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    op.call_schema = TEXT("Shop");
    op.call_function = TEXT("on\"event");
    buffer_init(&sql, STATEMENT_MAX);
    statement_call(&sql, &op);
    buffer_append_char(&sql, '\0');
    ck_assert_str_eq(sql.data, "SELECT \"Shop\".\"on\"\"event\"($1::jsonb)");
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

START_TEST(test_a_condition_knows_ids_by_the_names_of_the_target)
{
    struct config_operator_source sources[2];
    struct config_operator op = blog_operator(sources);
    buffer_init(&sql, STATEMENT_MAX);
    statement_page(&sql, &op, 1, true, "id < 9 -- few", 10);
    buffer_append_char(&sql, '\0');
    ck_assert_str_eq(sql.data,
                     "SELECT p.c1::text, false FROM (SELECT * FROM (SELECT DISTINCT t.\"post_id\" "
                     "FROM \"public\".\"comments\" AS t WHERE t.\"post_id\" IS NOT NULL "
                     "AND (t.\"post_id\") > ($1)) AS q (\"id\") WHERE (id < 9 -- few\n) "
                     "ORDER BY 1 LIMIT 10) AS p (c1) ORDER BY p.c1");
    buffer_release(&sql);
}
END_TEST

UNIT_SUITE("operator/statements", test_names_are_quoted, test_pages_follow_each_other_by_key,
           test_rows_of_the_target_that_no_source_has_are_orphans,
           test_orphans_in_another_database_are_told_by_the_sources,
           test_an_id_of_columns_is_compared_column_by_column,
           test_keys_are_asked_of_many_values_page_by_page,
           test_rows_are_kept_in_a_table_of_another_schema, test_a_call_is_of_one_event,
           test_the_state_tables_end_with_their_version,
           test_a_condition_knows_ids_by_the_names_of_the_target)
