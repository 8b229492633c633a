#include "decode/byte_reader.h"

#include "unit.h"

/* Integers are in network order, whatever lies before them. */
START_TEST(test_integers)
{
    struct byte_reader reader = byte_reader(STR("\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c"
                                                "\x8d\x8e\x8f"));
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;

    ck_assert(read_u8(&reader, &u8) && u8 == 0x81);
    ck_assert(read_u16(&reader, &u16) && u16 == 0x8283);
    ck_assert(read_u32(&reader, &u32) && u32 == 0x84858687);
    ck_assert(read_u64(&reader, &u64) && u64 == 0x88898a8b8c8d8e8f);
    ck_assert_uint_eq(reader.left, 0);
}
END_TEST

/* What is not there whole is not read at all. */
START_TEST(test_too_short)
{
    struct byte_reader reader = byte_reader(STR("abcdefg"));
    uint64_t u64 = 7;
    uint32_t u32 = 7;
    uint16_t u16 = 7;
    uint8_t u8 = 7;
    struct str text = STR("before");

    ck_assert(!read_u64(&reader, &u64) && u64 == 7);
    ck_assert(!read_bytes(&reader, 8, &text) && !read_bytes(&reader, SIZE_MAX, &text));
    ck_assert(!read_text(&reader, &text) && str_equal(text, STR("before")));
    ck_assert_uint_eq(reader.left, 7);
    ck_assert(read_bytes(&reader, 4, &text) && str_equal(text, STR("abcd")));
    ck_assert(!read_u32(&reader, &u32) && u32 == 7);
    ck_assert(read_bytes(&reader, 2, &text));
    ck_assert(!read_u16(&reader, &u16) && u16 == 7);
    ck_assert(read_bytes(&reader, 1, &text));
    ck_assert(!read_u8(&reader, &u8) && u8 == 7);
    ck_assert(read_bytes(&reader, 0, &text) && text.len == 0);
}
END_TEST

/* Nothing at all may have no address. */
START_TEST(test_empty)
{
    struct byte_reader reader = byte_reader((struct str){NULL, 0});
    struct str text;
    uint8_t u8;

    ck_assert(!read_u8(&reader, &u8));
    ck_assert(!read_text(&reader, &text));
    ck_assert(read_bytes(&reader, 0, &text) && text.len == 0);
}
END_TEST

/* A text goes up to its NUL; the next one begins after it. */
START_TEST(test_text)
{
    struct byte_reader reader = byte_reader(STR("ab\0\0c"));
    struct str text;

    ck_assert(read_text(&reader, &text) && str_equal(text, STR("ab")));
    ck_assert(read_text(&reader, &text) && text.len == 0);
    ck_assert(!read_text(&reader, &text));
    ck_assert_uint_eq(reader.left, 1);
}
END_TEST

UNIT_SUITE("decode/byte_reader", test_integers, test_too_short, test_empty, test_text)
