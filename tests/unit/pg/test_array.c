#include "pg/array.h"
#include "unit.h"

START_TEST(test_every_text_is_quoted_but_null_is_not)
{
    struct buffer array;
    buffer_init(&array, 4096);
    pg_array_item(&array, "");
    pg_array_item(&array, "NULL");
    pg_array_item(&array, NULL);
    pg_array_item(&array, "a,b {c}");
    pg_array_item(&array, "\\\"\\\\\"");
    ck_assert_int_eq(pg_array_end(&array), 0);
    ck_assert_str_eq(array.data, "{\"\",\"NULL\",NULL,\"a,b {c}\",\"\\\\\\\"\\\\\\\\\\\"\"}");
    buffer_release(&array);
}
END_TEST

START_TEST(test_nothing_is_an_empty_array)
{
    struct buffer array;
    buffer_init(&array, 4096);
    ck_assert_int_eq(pg_array_end(&array), 0);
    ck_assert_str_eq(array.data, "{}");
    buffer_release(&array);
}
END_TEST

START_TEST(test_a_lack_of_room_is_told_at_the_end)
{
    struct buffer array;
    buffer_init(&array, 8);
    pg_array_item(&array, "123456789");
    ck_assert_int_lt(pg_array_end(&array), 0);
    buffer_release(&array);
}
END_TEST

UNIT_SUITE("pg/array", test_every_text_is_quoted_but_null_is_not, test_nothing_is_an_empty_array,
           test_a_lack_of_room_is_told_at_the_end)
