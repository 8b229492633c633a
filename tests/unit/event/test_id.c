#include "event/id.h"
#include "unit.h"

#include <errno.h>

START_TEST(format_and_parse_are_inverse)
{
    const struct {
        const char *text;
        struct position position;
    } cases[] = {
        {"7f3a91c2-16B3748-3", {UINT64_C(0x16B3748), 3}},
        {"00000000-0-0", {0, 0}},
        {"ffffffff-FFFFFFFFFFFFFFFF-4294967295", {UINT64_MAX, UINT32_MAX}},
        {"01234567-89ABCDEF01-10", {UINT64_C(0x89ABCDEF01), 10}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_id id;
        char text[EVENT_ID_MAX];
        ck_assert_int_eq(event_id_parse(&id, str_from(cases[i].text)), 0);
        ck_assert_int_eq(position_compare(id.position, cases[i].position), 0);
        ck_assert_mem_eq(id.epoch, cases[i].text, EPOCH_DIGITS);
        ck_assert_str_eq(event_id_format(id.epoch, id.position, text), cases[i].text);
    }
}
END_TEST

START_TEST(lsn_may_be_lower_case)
{
    struct event_id id;

    ck_assert_int_eq(event_id_parse(&id, STR("7f3a91c2-16b3748-3")), 0);
    ck_assert_uint_eq(id.position.lsn, 0x16B3748);
}
END_TEST

START_TEST(parse_refuses_all_else)
{
    const struct str broken[] = {
        STR(""),
        STR("-"),
        STR("--"),
        STR("7f3a91c2"),
        STR("7f3a91c2-"),
        STR("7f3a91c2-1"),
        STR("7f3a91c2-1-"),
        STR("7f3a91c2--1"),
        STR("-1-1"),
        STR("7F3A91C2-1-1"),
        STR("7f3a91c-1-1"),
        STR("7f3a91c20-1-1"),
        STR("7f3a91cg-1-1"),
        STR("7f3a91c2-g-1"),
        STR("7f3a91c2-0x1-1"),
        STR("7f3a91c2-11111111111111111-1"),
        STR("7f3a91c2-1--1"),
        STR("7f3a91c2-1-1-1"),
        STR("7f3a91c2-1-4294967296"),
        STR("7f3a91c2-1-00000000001"),
        STR("7f3a91c2-1-a"),
        STR("7f3a91c2-1-1 "),
        STR(" 7f3a91c2-1-1"),
        STR("7f3a91c2-1-1\n"),
        STR("7f3a91c2-1-1\0"),
        {NULL, 0},
    };
    struct event_id id = {.epoch = "untouch"};

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        ck_assert_msg(event_id_parse(&id, broken[i]) == -EINVAL, "%.*s", STR_ARG(broken[i]));
    ck_assert_str_eq(id.epoch, "untouch");
}
END_TEST

UNIT_SUITE("event/id", format_and_parse_are_inverse, lsn_may_be_lower_case, parse_refuses_all_else)
