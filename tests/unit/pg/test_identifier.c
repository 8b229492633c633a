#include "pg/identifier.h"
#include "unit.h"

static void check(int (*write)(struct buffer *, struct str), struct str text, struct str expected)
{
    struct buffer out;
    buffer_init(&out, 1000);
    ck_assert_int_eq(write(&out, text), 0);
    ck_assert_msg(str_equal(buffer_str(&out), expected), "%.*s", STR_ARG(buffer_str(&out)));
    buffer_release(&out);
}

START_TEST(a_name_cannot_break_out_of_its_quotes)
{
    check(pg_identifier, STR("posts"), STR("\"posts\""));
    check(pg_identifier, STR("Odd \"name\"; drop"), STR("\"Odd \"\"name\"\"; drop\""));
    check(pg_literal, STR("it's"), STR("'it''s'"));
}
END_TEST

START_TEST(schema_and_table_are_quoted_each)
{
    struct buffer out;
    buffer_init(&out, 1000);
    pg_qualified(&out, STR("my.schema"), STR("a\"b"));
    ck_assert(str_equal(buffer_str(&out), STR("\"my.schema\".\"a\"\"b\"")));
    buffer_release(&out);
}
END_TEST

UNIT_SUITE("pg/identifier", a_name_cannot_break_out_of_its_quotes, schema_and_table_are_quoted_each)
