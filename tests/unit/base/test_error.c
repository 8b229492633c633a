#include "base/error.h"
#include "base/str.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

START_TEST(set_returns_the_code_and_forgets_what_was)
{
    struct error err = {.sqlstate = "42P01"};

    ck_assert_int_eq(error_set(&err, -ENOENT, "table %s is missing", "public.events"), -ENOENT);
    ck_assert_int_eq(err.code, -ENOENT);
    ck_assert_str_eq(err.text, "table public.events is missing");
    ck_assert_str_eq(err.sqlstate, "");
    ck_assert_int_eq(error_set(NULL, -EINVAL, "nobody asks"), -EINVAL);
}
END_TEST

START_TEST(prefix_keeps_code_and_sqlstate)
{
    struct error err;

    error_set(&err, -EPERM, "permission denied");
    memcpy(err.sqlstate, "42501", 6);
    ck_assert_int_eq(error_prefix(&err, "operator %s", "counts"), -EPERM);
    ck_assert_str_eq(err.text, "operator counts: permission denied");
    ck_assert_str_eq(err.sqlstate, "42501");
}
END_TEST

START_TEST(arguments_may_be_the_text_itself)
{
    struct error err;

    error_set(&err, -EIO, "disk");
    error_set(&err, -EIO, "journal %s full: %s", err.text, err.text);
    ck_assert_str_eq(err.text, "journal disk full: disk");
}
END_TEST

START_TEST(text_is_one_line_and_bounded)
{
    struct error err;
    char longer[2 * ERROR_TEXT_MAX];

    error_set(&err, -EIO, "ERROR:  a\n\tDETAIL\r");
    ck_assert_str_eq(err.text, "ERROR:  a  DETAIL ");

    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    error_set(&err, -EIO, "%s", longer);
    ck_assert_uint_eq(strlen(err.text), ERROR_TEXT_MAX - 1);
    error_prefix(&err, "%s", longer);
    ck_assert_uint_eq(strlen(err.text), ERROR_TEXT_MAX - 1);
}
END_TEST

START_TEST(cut_text_ends_in_a_whole_character)
{
    struct error err;
    char text[ERROR_TEXT_MAX + 8];

    /* Two bytes a character, and one byte in front for each of both alignments. */
    for (size_t shift = 0; shift < 2; shift++) {
        memset(text, 'x', sizeof(text));
        for (size_t i = shift; i + 2 < sizeof(text); i += 2)
            memcpy(text + i, "\xC3\xA9", 2);
        text[sizeof(text) - 1] = '\0';
        error_set(&err, -EIO, "%s", "y");
        error_prefix(&err, "%s", text);
        struct str left = str_from(err.text);
        ck_assert_uint_ge(left.len, ERROR_TEXT_MAX - 3);
        for (size_t length; left.len > 0; left.data += length, left.len -= length) {
            length = str_utf8_length(left);
            ck_assert_uint_ne(length, 0);
        }
    }
}
END_TEST

START_TEST(clear_empties)
{
    struct error err;

    error_set(&err, -EIO, "x");
    error_clear(&err);
    error_clear(NULL);
    ck_assert_int_eq(err.code, 0);
    ck_assert_str_eq(err.text, "");
}
END_TEST

UNIT_SUITE("base/error", set_returns_the_code_and_forgets_what_was, prefix_keeps_code_and_sqlstate,
           arguments_may_be_the_text_itself, text_is_one_line_and_bounded,
           cut_text_ends_in_a_whole_character, clear_empties)
