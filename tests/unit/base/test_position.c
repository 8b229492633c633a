#include "base/position.h"
#include "unit.h"

#include <string.h>

static const struct position sorted[] = {
    {0, 0},
    {0, 1},
    {0, UINT32_MAX},
    {1, 0},
    {255, 256},
    {256, 255},
    {UINT64_C(0x16B3748), 3},
    {UINT64_C(0x100000000), 0},
    {UINT64_MAX, UINT32_MAX},
};
#define COUNT (sizeof(sorted) / sizeof(sorted[0]))

START_TEST(bytes_sort_like_positions)
{
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            unsigned char a[POSITION_BYTES], b[POSITION_BYTES];
            position_encode(sorted[i], a);
            position_encode(sorted[j], b);
            int expected = i < j ? -1 : i > j;
            int order = memcmp(a, b, POSITION_BYTES);
            ck_assert_int_eq((order > 0) - (order < 0), expected);
            ck_assert_int_eq(position_compare(sorted[i], sorted[j]), expected);
        }
    }
}
END_TEST

START_TEST(decode_gives_back_what_was_encoded)
{
    for (size_t i = 0; i < COUNT; i++) {
        unsigned char bytes[POSITION_BYTES];
        position_encode(sorted[i], bytes);
        ck_assert_int_eq(position_compare(position_decode(bytes), sorted[i]), 0);
    }
}
END_TEST

START_TEST(bytes_are_big_endian_on_every_machine)
{
    unsigned char bytes[POSITION_BYTES];

    position_encode((struct position){UINT64_C(0x0102030405060708), 0x090A0B0C}, bytes);
    ck_assert_mem_eq(bytes, "\1\2\3\4\5\6\7\10\11\12\13\14", POSITION_BYTES);
}
END_TEST

UNIT_SUITE("base/position", bytes_sort_like_positions, decode_gives_back_what_was_encoded,
           bytes_are_big_endian_on_every_machine)
