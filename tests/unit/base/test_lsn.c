#include "base/lsn.h"
#include "unit.h"

#include <errno.h>

START_TEST(text_and_number_are_the_same)
{
    const struct {
        const char *text;
        uint64_t lsn;
    } cases[] = {
        {"0/0", 0},
        {"0/16B3748", UINT64_C(0x16B3748)},
        {"16/B374D848", UINT64_C(0x16B374D848)},
        {"FFFFFFFF/FFFFFFFF", UINT64_MAX},
    };
    char text[LSN_TEXT_MAX];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t lsn;
        ck_assert_int_eq(lsn_parse(str_from(cases[i].text), &lsn), 0);
        ck_assert_uint_eq(lsn, cases[i].lsn);
        ck_assert_str_eq(lsn_format(lsn, text), cases[i].text);
    }
}
END_TEST

START_TEST(parse_takes_lower_case_and_leading_zeros)
{
    uint64_t lsn;

    ck_assert_int_eq(lsn_parse(STR("00000016/0b374d84"), &lsn), 0);
    ck_assert_uint_eq(lsn, UINT64_C(0x160B374D84));
}
END_TEST

START_TEST(parse_refuses_all_else)
{
    const struct str broken[] = {
        STR(""),      STR("/"),           STR("1"),           STR("1/"),
        STR("/1"),    STR("1/2/3"),       STR("1/ 2"),        STR("-1/2"),
        STR("g/1"),   STR("123456789/1"), STR("1/123456789"), STR("0x1/2"),
        STR("1/2\n"), STR("1/2\0"),       {NULL, 0},
    };
    uint64_t lsn = 7;

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        ck_assert_int_eq(lsn_parse(broken[i], &lsn), -EINVAL);
    ck_assert_uint_eq(lsn, 7);
}
END_TEST

START_TEST(behind_the_header_of_a_page_is_the_end_of_the_page_before)
{
    const uint64_t page = UINT64_C(0x12345) * 8192;

    ck_assert(lsn_reached(100, 100));
    ck_assert(lsn_reached(101, 100));
    ck_assert(!lsn_reached(99, 100));
    ck_assert(lsn_reached(page, page + 24));
    ck_assert(lsn_reached(page, page + 40));
    ck_assert(!lsn_reached(page, page + 32));
    ck_assert(!lsn_reached(page, page + 48));
    /* The end of a record that goes on there, but for its last byte. */
    ck_assert(!lsn_reached(page + 39, page + 40));
    ck_assert(!lsn_reached(page - 1, page + 24));
}
END_TEST

UNIT_SUITE("base/lsn", text_and_number_are_the_same, parse_takes_lower_case_and_leading_zeros,
           parse_refuses_all_else, behind_the_header_of_a_page_is_the_end_of_the_page_before)
