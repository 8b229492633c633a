#include "blog.h"
#include "operator/select.h"
#include "unit.h"
#include <errno.h>

static struct config_operator_source sources[2];
static struct config_operator op;
static struct select selected;
static struct error err;
static int parameters;

/* libpq gives no way to make a result that describes parameters. */
int PQnparams(const PGresult *result)
{
    return parameters;
}

static void setup(void)
{
    op = blog_operator(sources);
    op.form = CONFIG_SELECT;
    op.query = TEXT("SELECT ... $1;");
    parameters = 1;
    error_clear(&err);
}

/* Reads a description with these columns. */
static int read_names(const char *const *names, int count)
{
    PGresAttDesc attributes[4] = {0};
    PGresult *description = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
    for (int i = 0; i < count; i++)
        attributes[i].name = TEXT(names[i]);
    PQsetResultAttrs(description, count, attributes);
    int rc = select_read(&selected, &op, description, &err);
    PQclear(description);
    return rc;
}
#define READ(...)                                                                                  \
    read_names((const char *const[]){__VA_ARGS__},                                                 \
               (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

/* Compares with a target of one column, named and typed like this. */
static int check_column(const char *const row[3])
{
    PGresAttDesc attributes[3] = {{.name = TEXT("a")}, {.name = TEXT("b")}, {.name = TEXT("c")}};
    PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PQsetResultAttrs(rows, 3, attributes);
    for (int i = 0; i < 3; i++)
        PQsetvalue(rows, 0, i, TEXT(row[i]), (int)strlen(row[i]));
    int rc = select_check(&selected, &op, rows, &err);
    PQclear(rows);
    return rc;
}
#define CHECK(...) check_column((const char *const[]){__VA_ARGS__})

START_TEST(test_what_makes_no_row_is_refused)
{
    setup();
    ck_assert_int_eq(read_names(NULL, 0), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "gives no rows; "));
    ck_assert_int_eq(READ("title"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "does not give id, "));
    ck_assert_int_eq(READ("id", "title", "title"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "gives title twice; "));
    parameters = 2;
    ck_assert_int_eq(READ("id"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "has 2 parameters; "));
    ck_assert_ptr_null(selected.columns);
}
END_TEST

START_TEST(test_columns_must_be_the_targets_and_writable)
{
    setup();
    ck_assert_int_eq(READ("id"), 0);
    ck_assert_int_eq(CHECK("other", "text", ""), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "public.post_counts has no column id; "));
    ck_assert_int_eq(CHECK("id", "bigint", "is generated"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "id of public.post_counts is generated; "));
    ck_assert_int_eq(CHECK("id", "bigint", ""), 0);
    select_release(&selected);
}
END_TEST

static const char *merge(const struct id_types *types)
{
    static char text[2048];
    struct buffer sql;
    buffer_init(&sql, sizeof(text));
    ck_assert_int_eq(select_merge(&sql, &selected, &op, types), 0);
    snprintf(text, sizeof(text), "%.*s", STR_ARG(buffer_str(&sql)));
    buffer_release(&sql);
    select_release(&selected);
    return text;
}

START_TEST(test_the_merge_writes_what_differs_and_deletes_what_is_gone)
{
    static struct select_column columns[] = {
        {"n\"", "numeric(6,2)", false}, {"id", "integer", true}, {"org", "text", true}};
    static struct config_name ids[] = {{TEXT("org")}, {TEXT("id")}};
    const struct id_types types = {.count = 2, .names = {"text", "integer"}};
    setup();
    op.target_id = (struct config_names){ids, 2};
    op.query = TEXT("SELECT $1, $2");
    selected.count = 3;
    selected.columns = calloc(3, sizeof(*columns));
    memcpy(selected.columns, columns, sizeof(columns));
    ck_assert_str_eq(
        merge(&types),
        "MERGE INTO \"public\".\"post_counts\" AS t USING (SELECT walpiper_id.*, r.* FROM "
        "(SELECT DISTINCT * FROM unnest($1::text[], $2::integer[]) AS k (c1, c2)) AS walpiper_id "
        "LEFT JOIN LATERAL (\nSELECT (walpiper_id.c1), (walpiper_id.c2)\n) AS r (c1, c2, c3) "
        "ON r.c3::text = walpiper_id.c1 AND r.c2::integer = walpiper_id.c2) "
        "AS s (k1, k2, c1, c2, c3) ON t.\"org\" = s.k1 AND t.\"id\" = s.k2 "
        "WHEN MATCHED AND s.c3 IS NULL THEN DELETE "
        "WHEN MATCHED AND ROW(t.\"n\"\"\")::record *<> ROW(s.c1::numeric(6,2))::record "
        "THEN UPDATE SET \"n\"\"\" = s.c1 "
        "WHEN NOT MATCHED AND s.c3 IS NOT NULL THEN INSERT (\"n\"\"\", \"id\", \"org\") "
        "VALUES (s.c1, s.c2, s.c3)");
}
END_TEST

START_TEST(test_without_other_columns_nothing_is_updated)
{
    const struct id_types types = {.count = 1, .names = {"bigint"}};
    setup();
    ck_assert_int_eq(READ("id"), 0);
    ck_assert_int_eq(CHECK("id", "bigint", ""), 0);
    ck_assert_ptr_null(strstr(merge(&types), "UPDATE"));
}
END_TEST

UNIT_SUITE("operator/select", test_what_makes_no_row_is_refused,
           test_columns_must_be_the_targets_and_writable,
           test_the_merge_writes_what_differs_and_deletes_what_is_gone,
           test_without_other_columns_nothing_is_updated)
