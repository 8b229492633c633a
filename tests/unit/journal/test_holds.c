#include "journal/holds.h"
#include "unit.h"
#include <errno.h>

static struct position at(uint64_t lsn)
{
    return (struct position){lsn, 1};
}

static uint64_t oldest(const struct holds *holds)
{
    struct position position;
    return holds_oldest(holds, &position) ? position.lsn : 0;
}

START_TEST(test_the_oldest_counts_and_holds_move_forward_only)
{
    struct holds holds = {0};
    struct position position;
    ck_assert(!holds_oldest(&holds, &position));
    ck_assert_int_eq(holds_set(&holds, STR("a"), at(10)), 1);
    ck_assert_int_eq(holds_set(&holds, STR("b"), at(5)), 1);
    ck_assert_uint_eq(oldest(&holds), 5);
    ck_assert_int_eq(holds_set(&holds, STR("b"), at(4)), 0);
    ck_assert_uint_eq(oldest(&holds), 5);
    ck_assert_int_eq(holds_set(&holds, STR("b"), at(20)), 0);
    ck_assert_uint_eq(oldest(&holds), 10);
    ck_assert(!holds_remove(&holds, STR("c")));
    ck_assert(holds_remove(&holds, STR("a")));
    ck_assert_uint_eq(oldest(&holds), 20);
    holds_release(&holds);
}
END_TEST

START_TEST(test_only_those_named_are_kept)
{
    struct holds holds = {0};
    const char *names[] = {"b", "d", "x"};
    for (char c = 'a'; c <= 'e'; c++)
        ck_assert_int_eq(holds_set(&holds, (struct str){&c, 1}, at((uint64_t)(c - 'a') + 1)), 1);
    ck_assert(holds_keep(&holds, names, 3));
    ck_assert_uint_eq(holds.count, 2);
    ck_assert_uint_eq(oldest(&holds), 2);
    ck_assert(!holds_keep(&holds, names, 3));
    ck_assert(holds_keep(&holds, NULL, 0));
    ck_assert_uint_eq(holds.count, 0);
    holds_release(&holds);
}
END_TEST

START_TEST(test_one_that_was_given_up_counts_again_once_it_is_where_records_are)
{
    struct holds holds = {0};
    holds_set(&holds, STR("stuck"), at(3));
    holds_set(&holds, STR("slow"), at(7));
    holds.trimmed = at(7);
    holds_give_up(&holds);
    ck_assert_uint_eq(oldest(&holds), 7);
    ck_assert_str_eq(holds_next_given_up(&holds)->name, "stuck");
    ck_assert_ptr_null(holds_next_given_up(&holds));
    holds_set(&holds, STR("stuck"), at(6));
    holds_give_up(&holds);
    ck_assert_uint_eq(oldest(&holds), 7);
    ck_assert_ptr_null(holds_next_given_up(&holds)); /* told once */
    holds_set(&holds, STR("slow"), at(9));
    holds_set(&holds, STR("stuck"), at(7));
    ck_assert_uint_eq(oldest(&holds), 7);
    holds.trimmed = at(8);
    holds_give_up(&holds);
    ck_assert_uint_eq(oldest(&holds), 9);
    ck_assert_str_eq(holds_next_given_up(&holds)->name, "stuck");
    holds_release(&holds);
}
END_TEST

START_TEST(test_names_and_number_have_a_maximum)
{
    struct holds holds = {0};
    char name[HOLD_NAME_MAX + 1];
    memset(name, 'n', sizeof(name));
    ck_assert_int_eq(holds_set(&holds, (struct str){name, sizeof(name)}, at(1)), -EINVAL);
    ck_assert_int_eq(holds_set(&holds, (struct str){name, HOLD_NAME_MAX}, at(1)), 1);
    ck_assert_int_eq(holds_set(&holds, STR(""), at(1)), -EINVAL);
    ck_assert_int_eq(holds_set(&holds, STR("a\0b"), at(1)), -EINVAL);
    for (int i = 1; i < HOLDS_MAX; i++) {
        int len = snprintf(name, sizeof(name), "%d", i);
        ck_assert_int_eq(holds_set(&holds, (struct str){name, (size_t)len}, at(1)), 1);
    }
    ck_assert_int_eq(holds_set(&holds, STR("one more"), at(1)), -ENOSPC);
    ck_assert_int_eq(holds_set(&holds, STR("7"), at(2)), 0);
    holds_release(&holds);
}
END_TEST

START_TEST(test_coded_and_decoded_they_are_the_same)
{
    struct holds holds = {0};
    struct holds again = {0};
    struct buffer coded;
    char name[HOLD_NAME_MAX];
    memset(name, 0xff, sizeof(name));
    holds_set(&holds, STR("posts"), (struct position){UINT64_MAX, UINT32_MAX});
    holds_set(&holds, (struct str){name, sizeof(name)}, at(3));
    buffer_init(&coded, HOLDS_CODED_MAX);
    ck_assert_int_eq(holds_encode(&holds, &coded), 0);
    ck_assert_int_eq(holds_decode(&again, buffer_str(&coded)), 0);
    ck_assert_uint_eq(again.count, 2);
    ck_assert_uint_eq(oldest(&again), 3);
    ck_assert(holds_remove(&again, (struct str){name, sizeof(name)}));
    ck_assert_uint_eq(oldest(&again), UINT64_MAX);
    holds_release(&again);
    /* Cut anywhere but between two, it is refused. */
    for (size_t len = 1; len < coded.len; len++) {
        struct holds cut = {0};
        int expected = len == 1 + 5 + POSITION_BYTES ? 0 : -EIO;
        char *exact = malloc(len); /* so that a sanitizer sees a read past the end */
        memcpy(exact, coded.data, len);
        ck_assert_int_eq(holds_decode(&cut, (struct str){exact, len}), expected);
        free(exact);
        holds_release(&cut);
    }
    buffer_release(&coded);
    holds_release(&holds);
}
END_TEST

UNIT_SUITE("journal/holds", test_the_oldest_counts_and_holds_move_forward_only,
           test_only_those_named_are_kept,
           test_one_that_was_given_up_counts_again_once_it_is_where_records_are,
           test_names_and_number_have_a_maximum, test_coded_and_decoded_they_are_the_same)
