#include "api/publish_sql.h"
#include "unit.h"

START_TEST(test_forms)
{
    static char schema[] = "s", table[] = "t\"t", id[] = "id", type[] = "kind", consumer[] = "who",
                payload[] = "what", timestamp[] = "at";
    struct config config = {0};
    struct publish_sql sql;
    struct error err;

    config.events.schema = schema;
    config.events.table = table;
    config.events.id = id;
    config.events.type = type;
    config.events.consumer = consumer;
    config.events.payload = payload;
    config.events.timestamp = timestamp;
    ck_assert_int_eq(publish_sql_init(&sql, &config, &err), 0);
    ck_assert_str_eq(sql.insert[0], "INSERT INTO \"s\".\"t\"\"t\" (\"kind\", \"who\", \"what\") "
                                    "VALUES ($1, $2, $3) RETURNING \"id\" AS id");
    ck_assert_str_eq(sql.insert[PUBLISH_SQL_AT],
                     "INSERT INTO \"s\".\"t\"\"t\" (\"kind\", \"who\", \"what\", \"at\") "
                     "VALUES ($1, $2, $3, $4) RETURNING \"id\" AS id");
    ck_assert_ptr_nonnull(strstr(sql.insert[PUBLISH_SQL_KEYED], "WHERE $4::text IS NULL"));
    ck_assert_ptr_null(strstr(sql.insert[PUBLISH_SQL_KEYED | PUBLISH_SQL_AT], "IS NULL"));
    publish_sql_release(&sql);
}
END_TEST

/* What runs in the pipeline of a connection must be one statement. */
START_TEST(test_install_is_one_statement)
{
    const char *text = strstr(publish_sql_install(), "\nDO $$");

    ck_assert_ptr_nonnull(text);
    const char *end = strstr(text + 6, "$$;\n");
    ck_assert_ptr_nonnull(end);
    ck_assert_str_eq(end, "$$;\n");
}
END_TEST

UNIT_SUITE("api/publish_sql", test_forms, test_install_is_one_statement)
