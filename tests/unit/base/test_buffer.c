#include "base/buffer.h"
#include "base/failing_memory.h"
#include "unit.h"

#include <errno.h>

static void expect(const struct buffer *b, const char *text)
{
    ck_assert_msg(str_equal(buffer_str(b), str_from(text)), "\"%.*s\" is not \"%s\"",
                  STR_ARG(buffer_str(b)), text);
}

START_TEST(appends_in_order)
{
    struct buffer b;

    buffer_init(&b, 1000);
    ck_assert_int_eq(buffer_append(&b, "ab", 2), 0);
    ck_assert_int_eq(buffer_append(&b, NULL, 0), 0);
    ck_assert_int_eq(buffer_append_char(&b, '-'), 0);
    ck_assert_int_eq(buffer_append_str(&b, STR("cd")), 0);
    ck_assert_int_eq(buffer_printf(&b, "%d%s", 7, ""), 0);
    ck_assert_int_eq(buffer_printf(&b, "%s", ""), 0);
    expect(&b, "ab-cd7");
    buffer_release(&b);
}
END_TEST

START_TEST(grows_to_its_maximum_and_not_a_byte_further)
{
    const size_t maxima[] = {0, 1, 255, 256, 257, 1000, 4096};

    for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
        struct buffer b;
        buffer_init(&b, maxima[i]);
        for (size_t n = 0; n < maxima[i]; n++)
            ck_assert_int_eq(buffer_append_char(&b, (char)n), 0);
        ck_assert_uint_le(b.capacity, maxima[i]);
        ck_assert_int_eq(buffer_append_char(&b, 'x'), -EMSGSIZE);
        ck_assert_uint_eq(b.len, maxima[i]);
        for (size_t n = 0; n < maxima[i]; n++)
            ck_assert(b.data[n] == (char)n);
        buffer_release(&b);
    }
}
END_TEST

START_TEST(failure_sticks_until_reset)
{
    struct buffer b;

    buffer_init(&b, 4);
    buffer_append(&b, "abc", 3);
    ck_assert_int_eq(buffer_append(&b, "de", 2), -EMSGSIZE);
    ck_assert_int_eq(buffer_append(&b, "", 0), -EMSGSIZE);
    ck_assert_int_eq(buffer_append_char(&b, 'd'), -EMSGSIZE);
    ck_assert_int_eq(buffer_printf(&b, "d"), -EMSGSIZE);
    ck_assert_ptr_null(buffer_reserve(&b, 0));
    expect(&b, "abc");
    buffer_reset(&b);
    ck_assert_int_eq(buffer_append(&b, "de", 2), 0);
    expect(&b, "de");
    buffer_release(&b);
}
END_TEST

START_TEST(memory_out_is_a_failure_and_keeps_the_bytes)
{
    struct buffer b;

    buffer_init(&b, SIZE_MAX);
    buffer_append(&b, "abc", 3);
    memory_left = 0;
    char *room = buffer_reserve(&b, 1000);
    memory_left = -1;
    ck_assert_ptr_null(room);
    ck_assert_int_eq(b.failed, -ENOMEM);
    ck_assert_int_eq(buffer_append(&b, "d", 1), -ENOMEM);
    expect(&b, "abc");
    buffer_reset(&b);
    ck_assert_int_eq(buffer_append(&b, "d", 1), 0);
    buffer_release(&b);
}
END_TEST

START_TEST(printf_grows_as_it_needs)
{
    struct buffer b;

    buffer_init(&b, 1001);
    ck_assert_int_eq(buffer_printf(&b, "%0255d", 0), 0);
    ck_assert_int_eq(buffer_printf(&b, "%0745d", 0), 0);
    ck_assert_uint_eq(b.len, 1000);
    ck_assert_int_eq(buffer_printf(&b, "xy"), -EMSGSIZE);
    ck_assert_uint_eq(b.len, 1000);
    buffer_release(&b);
}
END_TEST

START_TEST(reserve_gives_room_that_the_caller_fills)
{
    struct buffer b;

    buffer_init(&b, 600);
    ck_assert_ptr_nonnull(buffer_reserve(&b, 0));
    char *room = buffer_reserve(&b, 500);
    memset(room, 'x', 500);
    b.len += 500;
    ck_assert_ptr_nonnull(buffer_reserve(&b, 100));
    ck_assert_ptr_null(buffer_reserve(&b, 101));
    ck_assert_uint_eq(b.len, 500);
    buffer_release(&b);
}
END_TEST

START_TEST(consume_moves_the_rest_to_the_front)
{
    struct buffer b;

    buffer_init(&b, 100);
    buffer_consume(&b, 5);
    buffer_append_str(&b, STR("abcdef"));
    buffer_consume(&b, 0);
    buffer_consume(&b, 2);
    expect(&b, "cdef");
    buffer_consume(&b, 100);
    ck_assert_uint_eq(b.len, 0);
    buffer_release(&b);
}
END_TEST

START_TEST(release_leaves_a_usable_buffer)
{
    struct buffer b;

    buffer_init(&b, 3);
    buffer_append_str(&b, STR("abcd"));
    buffer_release(&b);
    ck_assert_int_eq(buffer_append_str(&b, STR("abc")), 0);
    buffer_release(&b);
    buffer_release(&b);
}
END_TEST

UNIT_SUITE("base/buffer", appends_in_order, grows_to_its_maximum_and_not_a_byte_further,
           failure_sticks_until_reset, memory_out_is_a_failure_and_keeps_the_bytes,
           printf_grows_as_it_needs, reserve_gives_room_that_the_caller_fills,
           consume_moves_the_rest_to_the_front, release_leaves_a_usable_buffer)
