#include "pg/state_text.h"
#include "unit.h"

static void becomes(const char *sql, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 4096);
    pg_state_text(&out, "user", sql);
    ck_assert_int_eq(buffer_append_char(&out, '\0'), 0);
    ck_assert_str_eq(out.data, expected);
    buffer_release(&out);
}

START_TEST(test_the_schema_is_replaced_wherever_it_is_one)
{
    becomes("SELECT walpiper.a(x) FROM walpiper.b", "SELECT \"user\".a(x) FROM \"user\".b");
    becomes("CREATE SCHEMA IF NOT EXISTS walpiper;", "CREATE SCHEMA IF NOT EXISTS \"user\";");
    becomes("COMMENT ON SCHEMA walpiper IS 'x'", "COMMENT ON SCHEMA \"user\" IS 'x'");
    becomes("to_regnamespace('walpiper')", "to_regnamespace('\"user\"')");
    becomes("to_regclass('walpiper.b')", "to_regclass('\"user\".b')");
}
END_TEST

START_TEST(test_the_word_stays_wherever_it_is_none)
{
    becomes("SELECT pg_notify('walpiper', a)", "SELECT pg_notify('walpiper', a)");
    becomes("IS 'walpiper operator state'", "IS 'walpiper operator state'");
    becomes("walpiper", "walpiper");
    becomes("", "");
}
END_TEST

UNIT_SUITE("pg/state_text", test_the_schema_is_replaced_wherever_it_is_one,
           test_the_word_stays_wherever_it_is_none)
