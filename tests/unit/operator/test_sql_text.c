#include "operator/sql_text.h"
#include "unit.h"

static void assert_bound(const char *sql, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 4096);
    ck_assert_int_eq(sql_text_bind(&out, str_from(sql), "k"), 0);
    ck_assert_int_eq(buffer_append_char(&out, '\0'), 0);
    ck_assert_str_eq(out.data, expected);
    buffer_release(&out);
}

/* What only looks like a parameter stays as it is, and the one behind it is found. */
static void assert_kept(const char *sql)
{
    char before[512], after[512];
    snprintf(before, sizeof(before), "%s $1", sql);
    snprintf(after, sizeof(after), "%s (k.c1)", sql);
    assert_bound(before, after);
}

START_TEST(test_parameters_become_columns)
{
    assert_bound("SELECT $1,$2::int+$12", "SELECT (k.c1),(k.c2)::int+(k.c12)");
    assert_bound("SELECT$1", "SELECT$1"); /* a name, as the server has it too */
    assert_bound("1$1", "1(k.c1)");
    assert_bound("", "");
}
END_TEST

START_TEST(test_strings_hold_no_parameters)
{
    assert_kept("'$1'");
    assert_kept("'it''s $1'");
    assert_kept("'back\\'");
    assert_kept("E'it\\'s $1'");
    assert_kept("e'\\\\'");
    assert_kept("E'a''$1'");
    assert_kept("E'a' \n 'b\\' $1'");
    assert_kept("E'a' -- it's\n 'b\\' $1'");
    assert_kept("E'a' 'b\\'"); /* in one line it is no continuation */
    assert_kept("B'$1' X'$1' N'$1'");
    assert_kept("U&'\\0061$1'");
    assert_kept("namE'a\\'");
}
END_TEST

START_TEST(test_dollar_quotes_hold_no_parameters)
{
    assert_kept("$$ $1 ' $$");
    assert_kept("$tag$ $1 $$ $other$ $tag$");
    assert_kept("$_1$ $1 $_1$");
    assert_kept("$\xc3\xa9$ $1 $\xc3\xa9$");
    assert_kept("$a$ $a $1 $$a$");
    assert_bound("$1$2$3", "(k.c1)(k.c2)(k.c3)");
    assert_bound("$ $1", "$ (k.c1)");
}
END_TEST

START_TEST(test_names_hold_no_parameters)
{
    assert_kept("\"$1\"");
    assert_kept("\"a\"\"$1\"");
    assert_kept("\"it's\"");
    assert_kept("a$1");
    assert_kept("_$1");
    assert_kept("\xc3\xa9$1");
    assert_kept("a$b$1"); /* no dollar quote begins inside a name */
}
END_TEST

START_TEST(test_comments_hold_no_parameters)
{
    assert_kept("-- it's $1\n");
    assert_kept("/* it's $1 */");
    assert_kept("/* /* $1 */ $1 */");
    assert_kept("/*/ $1 */");
    assert_kept("/**/");
    assert_kept("a --$1\r");
    assert_kept("1 - -1 / 2 * 3");
}
END_TEST

START_TEST(test_what_follows_the_last_token_is_dropped)
{
    assert_bound("SELECT $1; \n", "SELECT (k.c1)");
    assert_bound("SELECT 1 ; ; -- the end", "SELECT 1");
    assert_bound("SELECT ';'", "SELECT ';'");
    assert_bound("SELECT 1 /* ; */", "SELECT 1");
    assert_bound("SELECT 1; SELECT 2;", "SELECT 1; SELECT 2");
}
END_TEST

START_TEST(test_what_does_not_end_ends_with_the_text)
{
    static const char *const list[] = {"'a", "\"a", "E'a\\", "$a$ $a", "/* /* */", "/*", "'"};
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        struct buffer out;
        buffer_init(&out, 4096);
        ck_assert_int_eq(sql_text_bind(&out, str_from(list[i]), "k"), 0);
        ck_assert(out.len <= strlen(list[i]));
        buffer_release(&out);
    }
}
END_TEST

UNIT_SUITE("operator/sql_text", test_parameters_become_columns, test_strings_hold_no_parameters,
           test_dollar_quotes_hold_no_parameters, test_names_hold_no_parameters,
           test_comments_hold_no_parameters, test_what_follows_the_last_token_is_dropped,
           test_what_does_not_end_ends_with_the_text)
