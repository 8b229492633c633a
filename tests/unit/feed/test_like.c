#include "feed/like.h"

#include "unit.h"

START_TEST(test_like)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "a", true},
        {"a", "ab", false},
        {"*", "", true},
        {"%", "abc", true},
        {"a*", "abc", true},
        {"*c", "abc", true},
        {"*b", "abc", false},
        {"a*c", "ac", true},
        {"*a*b*", "xxaxxbxx", true},
        {"*aab", "aaab", true},
        {"_", "\xc3\xa4", true},
        {"__", "\xc3\xa4", false},
        {"*_b",
         "\xf0\x9f\x98\x80"
         "b",
         true},
        {"*__b*",
         "\xf0\x9f\x98\x80"
         "bcd",
         false},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"a\\_b", "a_b", true},
        {"a\\_b", "axb", false},
        {"**", "x", true},
        {"a_*", "a", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str pattern = str_from(cases[i].pattern);
        ck_assert(like_is_sound(pattern));
        ck_assert_msg(like_matches(pattern, str_from(cases[i].text)) == cases[i].matches, "%s %s",
                      cases[i].pattern, cases[i].text);
    }
    ck_assert(!like_is_sound(STR("a\\")));
    ck_assert(like_is_sound(STR("a\\\\")));
}
END_TEST

UNIT_SUITE("feed/like", test_like)
