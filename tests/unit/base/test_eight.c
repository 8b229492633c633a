#include "base/eight.h"
#include "unit.h"

/* Where the first byte is that ends a plain run of a JSON string, looked at one by one; 8: none. */
static size_t by_bytes(const unsigned char bytes[8])
{
    size_t at = 0;
    while (at < 8 && bytes[at] >= 0x20 && bytes[at] != '"' && bytes[at] != '\\')
        at++;
    return at;
}

static void check(const unsigned char bytes[8])
{
    uint64_t found = eight_json_special(eight_load((const char *)bytes));
    size_t first = found == 0 ? 8 : eight_first(found);
    ck_assert_uint_eq(first, by_bytes(bytes));
}

START_TEST(test_every_byte_in_every_place)
{
    unsigned char bytes[8];
    for (size_t place = 0; place < 8; place++)
        for (unsigned c = 0; c < 256; c++) {
            memset(bytes, 'x', 8);
            bytes[place] = (unsigned char)c;
            check(bytes);
            memset(bytes, 0xff, 8);
            bytes[place] = (unsigned char)c;
            check(bytes);
        }
}
END_TEST

/* What is found borrows from its neighbour: the first one must be right all the same. */
START_TEST(test_bytes_near_the_limits_next_to_each_other)
{
    static const unsigned char near[] = {0x00, 0x1f, 0x20, 0x21, 0x22, 0x23,
                                         0x5b, 0x5c, 0x5d, 0x80, 0xa0, 0xff};
    uint64_t x = 88172645463325252;
    for (int round = 0; round < 200000; round++) {
        unsigned char bytes[8];
        for (size_t i = 0; i < 8; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            bytes[i] = near[(x >> 32) % sizeof(near)];
        }
        check(bytes);
    }
}
END_TEST

/* Nothing behind the text is read: ASan sees that. */
START_TEST(test_less_than_eight_bytes_are_themselves_and_spaces)
{
    for (size_t len = 1; len < 8; len++) {
        char padded[8], *bytes = malloc(len);
        memset(padded, ' ', sizeof(padded));
        for (size_t i = 0; i < len; i++)
            padded[i] = bytes[i] = (char)(0xf1 + 31 * i);
        ck_assert_uint_eq(eight_load_part(bytes, len), eight_load(padded));
        free(bytes);
    }
}
END_TEST

UNIT_SUITE("base/eight", test_less_than_eight_bytes_are_themselves_and_spaces,
           test_every_byte_in_every_place, test_bytes_near_the_limits_next_to_each_other)
