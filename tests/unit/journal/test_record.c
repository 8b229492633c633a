#include "journal/record.h"
#include "unit.h"
#include <errno.h>

static void check_both_ways(const char *text, const int64_t *tag)
{
    struct record record = {.position = {1, 1},
                            .time_us = 1700000000123456,
                            .has_tag = tag != NULL,
                            .tag = tag ? *tag : 0,
                            .bytes = shared_new(text, strlen(text))};
    size_t size = record_value_size(&record);
    unsigned char *value = malloc(size);
    record_encode(&record, value);
    struct record_view view;
    ck_assert_int_eq(record_decode(&view, value, size), 0);
    ck_assert_int_eq(view.time_us, record.time_us);
    ck_assert_int_eq(view.has_tag, record.has_tag);
    if (tag)
        ck_assert_int_eq(view.tag, *tag);
    ck_assert(str_equal(view.text, str_from(text)));
    /* Cut within what precedes the text, it is none of ours. */
    for (size_t len = 0; len < size - strlen(text); len++) {
        unsigned char *cut = malloc(len ? len : 1);
        memcpy(cut, value, len);
        ck_assert_int_eq(record_decode(&view, cut, len), -EIO);
        free(cut);
    }
    *value |= 0x80; /* a flag of another version */
    ck_assert_int_eq(record_decode(&view, value, size), -EIO);
    free(value);
    shared_unref(record.bytes);
}

START_TEST(test_what_is_written_is_read)
{
    int64_t tags[] = {0, -1, INT64_MIN, INT64_MAX};
    check_both_ways("", NULL);
    check_both_ways("{\"id\":1}", NULL);
    for (size_t i = 0; i < 4; i++)
        check_both_ways("x", &tags[i]);
}
END_TEST

UNIT_SUITE("journal/record", test_what_is_written_is_read)
