#include "admin/route.h"
#include "unit.h"

static const char *word_of(const char *pattern, const char *path)
{
    static char text[64];
    struct str word;

    if (!route_fits(pattern, str_from(path), &word))
        return "no";
    snprintf(text, sizeof(text), "%.*s", STR_ARG(word));
    return text;
}

START_TEST(test_plain_paths_fit_themselves)
{
    ck_assert_str_eq(word_of("/status", "/status"), "");
    static const char *const others[] = {"/statu", "/status/", "//status", "/status/x",
                                         "status", "/",        "",         "/%73tatus"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_str_eq(word_of("/status", others[i]), "no");
}
END_TEST

START_TEST(test_a_star_is_one_segment_with_something_in_it)
{
    ck_assert_str_eq(word_of("/operators/*", "/operators/counts"), "counts");
    ck_assert_str_eq(word_of("/operators/*/pause", "/operators/counts/pause"), "counts");
    ck_assert_str_eq(word_of("/operators/*/pause", "/operators/*/pause"), "*");
    static const char *const others[] = {
        "/operators",           "/operators/",         "/operators//pause",  "/operators/a",
        "/operators/a/b/pause", "/operators/a/pause/", "/operators/a/resume"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_str_eq(word_of("/operators/*/pause", others[i]), "no");
}
END_TEST

UNIT_SUITE("admin/route", test_plain_paths_fit_themselves,
           test_a_star_is_one_segment_with_something_in_it)
