#include "config/expand.h"
#include "unit.h"
#include <errno.h>
#include <string.h>

static void assert_expands(const char *text, const char *expected)
{
    struct error err = {0};
    char *result = NULL;

    int code = expand(&result, text, &err);
    ck_assert_msg(code == 0, "%s: %s", text, err.text);
    ck_assert_str_eq(result, expected);
    free(result);
}

static void assert_refuses(const char *text, const char *part)
{
    struct error err = {0};
    char *result = NULL;

    ck_assert_msg(expand(&result, text, &err) == -EINVAL, "%s: not refused", text);
    ck_assert_msg(strstr(err.text, part) != NULL, "%s: %s", text, err.text);
    ck_assert_ptr_null(result);
}

START_TEST(test_variables_and_defaults)
{
    setenv("A", "1", 1);
    setenv("EMPTY", "", 1);
    unsetenv("UNSET");
    assert_expands("", "");
    assert_expands("plain", "plain");
    assert_expands("${A}", "1");
    assert_expands("x${A}y${A}z", "x1y1z");
    assert_expands("${EMPTY}", "");
    assert_expands("${UNSET:-word}", "word");
    assert_expands("${EMPTY:-word}", "word");
    assert_expands("${A:-word}", "1");
    assert_expands("${UNSET:-}", "");
    assert_expands("${UNSET:-127.0.0.1:4000}", "127.0.0.1:4000");
}
END_TEST

START_TEST(test_other_dollars_stay)
{
    assert_expands("WHERE id = $1 AND $$x$$ $A $", "WHERE id = $1 AND $$x$$ $A $");
    assert_expands("$${A}", "${A}");
    assert_expands("{A} }", "{A} }");
}
END_TEST

START_TEST(test_values_are_not_expanded_again)
{
    setenv("A", "${B} $${", 1);
    setenv("B", "no", 1);
    assert_expands("${A}", "${B} $${");
}
END_TEST

START_TEST(test_refusals_name_the_variable)
{
    unsetenv("UNSET");
    setenv("LATIN", "caf\xe9", 1);
    assert_refuses("${UNSET}", "UNSET is not set");
    assert_refuses("${LATIN}", "LATIN is not UTF-8");
    assert_refuses("${", "malformed");
    assert_refuses("${A", "malformed");
    assert_refuses("${1A}", "malformed");
    assert_refuses("${A-b}", "malformed");
    assert_refuses("${A:b}", "malformed");
    assert_refuses("${A:-b", "malformed");
    assert_refuses("${ A}", "malformed");
}
END_TEST

START_TEST(test_bounds)
{
    char text[400] = "${";
    struct error err = {0};
    char *result = NULL;

    memset(text + 2, 'A', 300);
    memcpy(text + 302, "}", 2);
    assert_refuses(text, "malformed");

    char *huge = malloc(100001);
    ck_assert_ptr_nonnull(huge);
    memset(huge, 'x', 100000);
    huge[100000] = '\0';
    setenv("HUGE_ONE", huge, 1);
    free(huge);
    *text = '\0';
    for (int i = 0; i < 11; i++)
        memcpy(text + strlen(text), "${HUGE_ONE}", sizeof("${HUGE_ONE}"));
    ck_assert_int_eq(expand(&result, text, &err), -EMSGSIZE);
    unsetenv("HUGE_ONE");
}
END_TEST

UNIT_SUITE("config/expand", test_variables_and_defaults, test_other_dollars_stay,
           test_values_are_not_expanded_again, test_refusals_name_the_variable, test_bounds)
