#include "base/percent.h"
#include "unit.h"

#include <errno.h>

static void expect_decoded(struct str text, bool form, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 256);
    ck_assert_int_eq(percent_decode(&out, text, form), 0);
    ck_assert(str_equal(buffer_str(&out), str_from(expected)));
    buffer_release(&out);
}

START_TEST(text_is_decoded)
{
    expect_decoded(STR("caf%C3%a9"), false, "caf\xc3\xa9");
    expect_decoded(STR("a+b%2Bc"), true, "a b+c");
    expect_decoded(STR("a+b"), false, "a+b");
    expect_decoded(STR("%25%32%35"), false, "%25");
    expect_decoded(STR("%ff"), false, "\xff");
    expect_decoded(STR(""), true, "");
}
END_TEST

/* A broken escape or a NUL is refused whole: what was in the buffer before stays as it was. */
START_TEST(broken_text_is_refused)
{
    static const struct str bad[] = {
        STR("%"), STR("a%2"), STR("%g0"), STR("%0g"), STR("%00"), STR("a\0b"), STR("%%20"),
    };
    struct buffer out;
    buffer_init(&out, 256);
    buffer_append_str(&out, STR("before"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(percent_decode(&out, bad[i], true), -EINVAL);
        ck_assert(str_equal(buffer_str(&out), STR("before")));
    }
    buffer_release(&out);
    buffer_init(&out, 2);
    ck_assert_int_eq(percent_decode(&out, STR("abc"), true), -EMSGSIZE);
    buffer_release(&out);
}
END_TEST

/* Digits behind the end of the text are not looked at. */
START_TEST(a_broken_escape_can_be_passed_over)
{
    struct str rest = {"a%4%411", 6};
    const int expected[] = {'a', -EINVAL, '4', 'A'};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        ck_assert_int_eq(percent_next(&rest), expected[i]);
    ck_assert_uint_eq(rest.len, 0);
    rest = (struct str){"%41", 2};
    ck_assert_int_eq(percent_next(&rest), -EINVAL);
    ck_assert(str_equal(rest, STR("4")));
}
END_TEST

UNIT_SUITE("base/percent", text_is_decoded, broken_text_is_refused,
           a_broken_escape_can_be_passed_over)
