#include "api/publish_sql.h"
#include "unit.h"

START_TEST(test_forms)
{
    static char schema[] = "s", table[] = "t\"t", id[] = "id", type[] = "kind", consumer[] = "who",
                payload[] = "what", timestamp[] = "at";
    static char state[] = "state";
    struct config config = {.state_schema = state};
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
    ck_assert_str_eq(sql.claim, "INSERT INTO \"state\".published (key, item, id) "
                                "VALUES ($1, 0, $2)");
    ck_assert_ptr_nonnull(strstr(sql.insert[PUBLISH_SQL_KEYED], "INSERT INTO \"state\".published"));
    /* What runs in the pipeline of a connection must be one statement. */
    const char *block = strstr(sql.install, "\nDO $$");
    ck_assert_ptr_nonnull(block);
    ck_assert_str_eq(strstr(block + 6, "$$;\n"), "$$;\n");
    publish_sql_release(&sql);
}
END_TEST

UNIT_SUITE("api/publish_sql", test_forms)
