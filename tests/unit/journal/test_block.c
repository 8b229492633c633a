#include "journal/block.h"
#include "unit.h"
#include <errno.h>

#define TEXT                                                                                       \
    "{\"id\":1,\"name\":\"comments\",\"type\":\"insert\",\"source\":{\"name\":\"walpiper\"}}"

#define PREVIOUS ((struct position){6, 9})

/* N records at {7, 1}, {7, 2} and so on; every third has a tag. */
static struct record *make(size_t n, struct str text)
{
    struct record *records = calloc(n, sizeof(*records));
    for (size_t i = 0; i < n; i++)
        records[i] = (struct record){.position = {7, (uint32_t)i + 1},
                                     .time_us = 1700000000000000 + (int64_t)i,
                                     .has_tag = i % 3 == 0,
                                     .tag = i % 3 == 0 ? (int64_t)i : 0,
                                     .bytes = shared_new(text.data, text.len)};
    return records;
}

static void drop(struct record *records, size_t n)
{
    for (size_t i = 0; i < n; i++)
        shared_unref(records[i].bytes);
    free(records);
}

/* The value of one block. The caller frees it. */
static unsigned char *write_value(const struct record *records, size_t n, size_t *ret_size)
{
    struct block_packer packer;
    struct block_draft draft;
    block_packer_init(&packer);
    ck_assert_int_eq(block_draft(&packer, PREVIOUS, records, n, &draft), 0);
    unsigned char *value = malloc(draft.size);
    block_write(&draft, value);
    *ret_size = draft.size;
    block_packer_release(&packer);
    return value;
}

/* The key that block_write() meant: the last of N records. */
static struct position key_of(const struct record *records, size_t n)
{
    return records[n - 1].position;
}

static void check_read(const struct record *records, size_t n, const void *value, size_t size)
{
    struct block block;
    struct buffer scratch;
    struct str body;
    struct block_record record;
    buffer_init(&scratch, BLOCK_PACKED_MAX);
    ck_assert_int_eq(block_open(&block, key_of(records, n), value, size), 0);
    ck_assert_uint_eq(block.count, n);
    ck_assert_int_eq(position_compare(block.previous, PREVIOUS), 0);
    ck_assert_int_eq(position_compare(block.last, key_of(records, n)), 0);
    ck_assert_int_eq(position_compare(block.first, records[0].position), 0);
    ck_assert_int_eq(block.time_us, records[n - 1].time_us);
    ck_assert_int_eq(block_body(&block, &scratch, &body), 0);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(block_next(&body, &record), 1);
        ck_assert_int_eq(position_compare(record.position, records[i].position), 0);
        ck_assert_int_eq(record.view.time_us, records[i].time_us);
        ck_assert_int_eq(record.view.has_tag, records[i].has_tag);
        if (records[i].has_tag)
            ck_assert_int_eq(record.view.tag, records[i].tag);
        struct str bytes = {records[i].bytes->data, records[i].bytes->len};
        ck_assert(str_equal(record.view.text, bytes));
    }
    ck_assert_int_eq(block_next(&body, &record), 0);
    buffer_release(&scratch);
}

static void check_both_ways(size_t n, struct str text)
{
    struct record *records = make(n, text);
    ck_assert_uint_eq(block_fit(records, n), n);
    size_t size;
    unsigned char *value = write_value(records, n, &size);
    check_read(records, n, value, size);
    free(value);
    drop(records, n);
}

/* Text that LZ4 cannot make smaller. */
static struct str noise(size_t len)
{
    char *text = malloc(len);
    uint32_t x = 2463534242;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        text[i] = (char)x;
    }
    return (struct str){text, len};
}

START_TEST(test_what_is_written_is_read)
{
    check_both_ways(1, STR(""));
    check_both_ways(1, STR(TEXT));
    check_both_ways(100, STR(TEXT));
}
END_TEST

START_TEST(test_large_and_incompressible_records_are_read_too)
{
    size_t sizes[] = {1000, BLOCK_BYTES, BLOCK_PACKED_MAX, 3 * BLOCK_PACKED_MAX};
    for (size_t i = 0; i < 4; i++) {
        struct str text = noise(sizes[i]);
        check_both_ways(1, text);
        memset((char *)(uintptr_t)text.data, 'x', text.len);
        check_both_ways(1, text);
        free((char *)(uintptr_t)text.data);
    }
}
END_TEST

START_TEST(test_events_take_a_fraction_of_the_disk)
{
    struct record *records = make(200, STR(TEXT));
    size_t size;
    free(write_value(records, 200, &size));
    ck_assert_uint_lt(size, 200 * strlen(TEXT) / 4);
    drop(records, 200);
}
END_TEST

START_TEST(test_a_block_ends_before_it_is_too_large)
{
    struct record *records = make(1000, STR(TEXT));
    size_t fit = block_fit(records, 1000);
    ck_assert_uint_gt(fit, BLOCK_BYTES / (strlen(TEXT) + 64));
    ck_assert_uint_lt(fit, BLOCK_BYTES / strlen(TEXT));
    drop(records, 1000);

    struct str large = noise(BLOCK_BYTES + 1);
    records = make(2, large);
    ck_assert_uint_eq(block_fit(records, 2), 1); /* whatever its size, one goes */
    drop(records, 2);
    free((char *)(uintptr_t)large.data);
}
END_TEST

START_TEST(test_one_without_tags_says_so)
{
    struct record *records = make(2, STR(TEXT));
    struct block block;
    size_t size;
    unsigned char *value = write_value(records, 2, &size);
    ck_assert_int_eq(block_open(&block, key_of(records, 2), value, size), 0);
    ck_assert(block.has_tags);
    free(value);
    value = write_value(records + 1, 1, &size);
    ck_assert_int_eq(block_open(&block, key_of(records, 2), value, size), 0);
    ck_assert(!block.has_tags);
    free(value);
    drop(records, 2);
}
END_TEST

/* All that can be read of a value that may be damaged, within its bounds. */
static int read_all(struct position key, const void *value, size_t size)
{
    struct block block;
    struct buffer scratch;
    struct str body;
    struct block_record record;
    buffer_init(&scratch, BLOCK_PACKED_MAX);
    int rc = block_open(&block, key, value, size);
    if (rc == 0)
        rc = block_body(&block, &scratch, &body);
    while (rc >= 0 && (rc = block_next(&body, &record)) > 0)
        ;
    buffer_release(&scratch);
    return rc;
}

static void check_damage(const struct record *records, size_t n)
{
    struct position key = key_of(records, n);
    size_t size;
    unsigned char *value = write_value(records, n, &size);
    for (size_t len = 0; len < size; len++) {
        unsigned char *cut = malloc(len ? len : 1);
        memcpy(cut, value, len);
        ck_assert_int_eq(read_all(key, cut, len), -EIO);
        free(cut);
    }
    for (size_t bit = 0; bit < size * 8; bit++) {
        value[bit / 8] ^= (unsigned char)(1 << bit % 8);
        ck_assert_int_eq(read_all(key, value, size), -EIO);
        value[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    ck_assert_int_eq(read_all(key, value, size), 0);
    free(value);
}

START_TEST(test_every_flipped_bit_and_every_cut_is_found)
{
    struct record *records = make(20, STR(TEXT));
    check_damage(records, 20);
    drop(records, 20);
    struct str text = noise(300);
    records = make(1, text);
    check_damage(records, 1);
    drop(records, 1);
    free((char *)(uintptr_t)text.data);
}
END_TEST

START_TEST(test_a_block_under_the_key_of_another_is_found)
{
    struct record *records = make(20, STR(TEXT));
    size_t size;
    unsigned char *value = write_value(records, 20, &size);
    ck_assert_int_eq(read_all(key_of(records, 19), value, size), -EIO);
    free(value);
    drop(records, 20);
}
END_TEST

START_TEST(test_a_block_that_is_missing_shows_in_the_next_one)
{
    struct block block = {.previous = {6, 9}, .first = {7, 1}};
    ck_assert(block_follows(&block, (struct position){6, 9}));
    ck_assert(block_follows(&block, (struct position){6, 10})); /* no such record, none skipped */
    ck_assert(block_follows(&block, (struct position){7, 3}));
    ck_assert(!block_follows(&block, (struct position){6, 8}));
    ck_assert(!block_follows(&block, (struct position){0, 0}));
}
END_TEST

START_TEST(test_footprint_counts_whole_pages_for_large_values)
{
    ck_assert_uint_ge(block_footprint(300, 0), 312);
    ck_assert_uint_lt(block_footprint(300, 0), 340);
    ck_assert_uint_gt(block_footprint(300, 1), block_footprint(300, 0));
    ck_assert_uint_ge(block_footprint(3000, 0), 4096);
    ck_assert_uint_ge(block_footprint(5000, 0), 8192);
    ck_assert_uint_ge(block_footprint(RECORD_BYTES_MAX, 0), RECORD_BYTES_MAX);
}
END_TEST

UNIT_SUITE("journal/block", test_what_is_written_is_read,
           test_large_and_incompressible_records_are_read_too,
           test_events_take_a_fraction_of_the_disk, test_a_block_ends_before_it_is_too_large,
           test_one_without_tags_says_so, test_every_flipped_bit_and_every_cut_is_found,
           test_a_block_under_the_key_of_another_is_found,
           test_a_block_that_is_missing_shows_in_the_next_one,
           test_footprint_counts_whole_pages_for_large_values)
