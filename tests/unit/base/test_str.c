#include "base/failing_memory.h"
#include "base/str.h"
#include "unit.h"

#include <errno.h>

static void expect_str(struct str s, const char *text)
{
    ck_assert_msg(str_equal(s, str_from(text)), "\"%.*s\" is not \"%s\"", STR_ARG(s), text);
}

START_TEST(empty_texts_are_equal_whatever_they_point_to)
{
    ck_assert(str_equal((struct str){NULL, 0}, STR("")));
    ck_assert(str_equal_nocase((struct str){NULL, 0}, STR("")));
    ck_assert(str_starts_with((struct str){NULL, 0}, STR("")));
    ck_assert(!str_equal(STR("a"), STR("")));
}
END_TEST

START_TEST(nocase_folds_ascii_letters_only)
{
    ck_assert(str_equal_nocase(STR("Last-Event-ID"), STR("last-event-id")));
    ck_assert(!str_equal_nocase(STR("[\\]"), STR("{|}")));
    ck_assert(!str_equal_nocase(STR("\xC3\x84"), STR("\xC3\xA4")));
    ck_assert(!str_equal_nocase(STR("ab"), STR("abc")));
}
END_TEST

START_TEST(prefix_longer_than_text_does_not_match)
{
    ck_assert(str_starts_with(STR("posts/1"), STR("posts")));
    ck_assert(!str_starts_with(STR("post"), STR("posts")));
}
END_TEST

START_TEST(cut_walks_over_all_pieces)
{
    struct str rest = STR("a,,b,");

    expect_str(str_cut(&rest, ','), "a");
    expect_str(str_cut(&rest, ','), "");
    expect_str(str_cut(&rest, ','), "b");
    ck_assert_ptr_nonnull(rest.data);
    expect_str(str_cut(&rest, ','), "");
    ck_assert_ptr_null(rest.data);
    expect_str(str_cut(&rest, ','), "");
}
END_TEST

START_TEST(trim_takes_blanks_at_both_ends)
{
    expect_str(str_trim(STR(" \t a b\t ")), "a b");
    expect_str(str_trim(STR(" \t ")), "");
    expect_str(str_trim(STR("\n")), "\n");
}
END_TEST

START_TEST(truncate_keeps_characters_whole)
{
    struct str text = STR("a\xC3\xA9\xF0\x9F\x98\x80"); /* a, e acute, an emoji */

    expect_str(str_truncate(text, 7), text.data);
    expect_str(str_truncate(text, 100), text.data);
    for (size_t max = 3; max < 7; max++)
        expect_str(str_truncate(text, max), "a\xC3\xA9");
    expect_str(str_truncate(text, 2), "a");
    expect_str(str_truncate(text, 0), "");
    ck_assert_uint_eq(str_truncate(STR("\x80\x80\x80\x80\x80\x80"), 5).len, 5);
}
END_TEST

START_TEST(whole_drops_only_what_was_cut)
{
    struct str text = STR("a\xC3\xA9\xF0\x9F\x98\x80");

    expect_str(str_whole(text), text.data);
    expect_str(str_whole((struct str){text.data, 3}), "a\xC3\xA9");
    for (size_t len = 4; len < 7; len++)
        expect_str(str_whole((struct str){text.data, len}), "a\xC3\xA9");
    expect_str(str_whole((struct str){text.data, 2}), "a");
    expect_str(str_whole((struct str){text.data, 0}), "");
    /* Not UTF-8: nothing to make whole. */
    expect_str(str_whole(STR("\x80\x80\x80\x80\x80")), "\x80\x80\x80\x80\x80");
    expect_str(str_whole(STR("a\xFF")), "a\xFF");
}
END_TEST

START_TEST(utf8_length_follows_the_unicode_table)
{
    ck_assert_uint_eq(str_utf8_length(STR("a")), 1);
    ck_assert_uint_eq(str_utf8_length(STR("\xC3\xA9")), 2);
    ck_assert_uint_eq(str_utf8_length(STR("\xE2\x82\xAC")), 3);
    ck_assert_uint_eq(str_utf8_length(STR("\xF0\x9F\x98\x80z")), 4);
    ck_assert_uint_eq(str_utf8_length(STR("")), 0);

    const struct str broken[] = {
        STR("\x80"), /* continues nothing */
        STR("\xC3"),
        STR("\xC3("), /* not continued */
        STR("\xE2\x82"),
        STR("\xE2\x82("),
        STR("\xF0\x9F\x98"),
        STR("\xC0\xAF"),
        STR("\xC1\xBF"), /* overlong */
        STR("\xE0\x9F\xBF"),
        STR("\xF0\x8F\xBF\xBF"),
        STR("\xED\xA0\x80"),     /* surrogate */
        STR("\xF4\x90\x80\x80"), /* past U+10FFFF */
        STR("\xFF"),
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        ck_assert_msg(str_utf8_length(broken[i]) == 0, "case %zu", i);
}
END_TEST

START_TEST(integers_are_whole_and_exact)
{
    int64_t value = 7;

    ck_assert_int_eq(str_to_int64(STR("9223372036854775807"), &value), 0);
    ck_assert(value == INT64_MAX);
    ck_assert_int_eq(str_to_int64(STR("-9223372036854775808"), &value), 0);
    ck_assert(value == INT64_MIN);
    ck_assert_int_eq(str_to_int64(STR("-0"), &value), 0);
    ck_assert(value == 0);

    value = 7;
    const struct str broken[] = {
        STR(""),    STR("-"),   STR("+1"), STR(" 1"),
        STR("1 "),  STR("0x1"), STR("1-"), STR("9223372036854775808"),
        STR("1.0"), STR("--1"), STR("a"),  STR("-9223372036854775809"),
        STR("1\0"), {NULL, 0},
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        ck_assert_int_eq(str_to_int64(broken[i], &value), -EINVAL);
    ck_assert_msg(value == 7, "a failure wrote to its output");
}
END_TEST

START_TEST(dup_ends_in_nul)
{
    char *copy = str_dup((struct str){"abc", 2});
    char *empty = str_dup((struct str){NULL, 0});

    ck_assert_str_eq(copy, "ab");
    ck_assert_str_eq(empty, "");
    free(copy);
    free(empty);
    memory_left = 0;
    copy = str_dup(STR("ab"));
    memory_left = -1;
    ck_assert_ptr_null(copy);
}
END_TEST

START_TEST(hex_digits_are_those_and_no_other_byte)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    for (int c = -128; c < 128; c++) {
        const char *at = c == 0 ? NULL : strchr(digits, (char)c);
        int place = at ? (int)(at - digits) : -1;
        ck_assert_int_eq(str_hex_digit((char)c), place < 16 ? place : place - 6);
    }
}
END_TEST

UNIT_SUITE("base/str", empty_texts_are_equal_whatever_they_point_to,
           nocase_folds_ascii_letters_only, prefix_longer_than_text_does_not_match,
           cut_walks_over_all_pieces, trim_takes_blanks_at_both_ends,
           truncate_keeps_characters_whole, whole_drops_only_what_was_cut,
           utf8_length_follows_the_unicode_table, integers_are_whole_and_exact, dup_ends_in_nul,
           hex_digits_are_those_and_no_other_byte)
