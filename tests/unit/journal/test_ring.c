#include "journal/ring.h"
#include "unit.h"

static struct position at(uint64_t lsn)
{
    return (struct position){lsn, 1};
}

static void push_of(struct ring *ring, uint64_t first, uint64_t count, size_t len)
{
    for (uint64_t lsn = first; lsn < first + count; lsn++) {
        struct record record = {.position = at(lsn), .bytes = shared_new(NULL, len)};
        memset(record.bytes->data, (int)(lsn & 0xff), len);
        ring_push(ring, &record, 1);
        shared_unref(record.bytes);
    }
}

static void push(struct ring *ring, uint64_t first, uint64_t count)
{
    push_of(ring, first, count, 100);
}

/* Reads on from AFTER until the end; returns how many follow without a gap. */
static uint64_t follow(struct ring *ring, uint64_t after, uint64_t *number)
{
    uint64_t count = 0;
    struct ring_slot slot;
    enum ring_answer answer;
    while ((answer = ring_read(ring, at(after + count), number, &slot)) == RING_RECORD) {
        count++;
        ck_assert_uint_eq(slot.position.lsn, after + count);
        ck_assert_int_eq((unsigned char)slot.bytes->data[99], (int)((after + count) & 0xff));
        shared_unref(slot.bytes);
    }
    ck_assert_int_eq(answer, RING_AT_END);
    return count;
}

START_TEST(test_reads_what_was_pushed)
{
    struct ring ring;
    ck_assert_int_eq(ring_init(&ring, 1 << 20, at(5)), 0);
    uint64_t number = 0;
    struct ring_slot slot;
    ck_assert_int_eq(ring_read(&ring, at(5), &number, &slot), RING_AT_END);
    number = 0;
    ck_assert_int_eq(ring_read(&ring, at(4), &number, &slot), RING_TOO_OLD);
    push(&ring, 6, 1000); /* several times its first capacity */
    number = 0;
    ck_assert_uint_eq(follow(&ring, 5, &number), 1000);
    push(&ring, 1006, 10);
    ck_assert_uint_eq(follow(&ring, 1005, &number), 10); /* by its bookmark */
    number = 0;
    ck_assert_uint_eq(follow(&ring, 900, &number), 115); /* by search */
    number = 0;
    ck_assert_int_eq(ring_read(&ring, at(4), &number, &slot), RING_TOO_OLD);
    ring_release(&ring);
}
END_TEST

START_TEST(test_memory_is_bounded_and_the_floor_tells)
{
    struct ring ring;
    ck_assert_int_eq(ring_init(&ring, 20000, at(0)), 0);
    push(&ring, 1, 10000);
    ck_assert_uint_le(ring.bytes, 20000);
    ck_assert_uint_le(ring.capacity, 256);
    uint64_t floor = ring.floor.lsn;
    ck_assert_uint_gt(floor, 9800);
    ck_assert_uint_lt(floor, 9950);
    uint64_t number = 0;
    struct ring_slot slot;
    ck_assert_int_eq(ring_read(&ring, at(floor - 1), &number, &slot), RING_TOO_OLD);
    ck_assert_uint_eq(follow(&ring, floor, &number), 10000 - floor);
    /* A bookmark that was overtaken is no good any more, the position decides. */
    number = 1;
    ck_assert_int_eq(ring_read(&ring, at(1), &number, &slot), RING_TOO_OLD);
    ring_release(&ring);
}
END_TEST

START_TEST(test_a_record_larger_than_the_ring_is_on_disk_only)
{
    struct ring ring;
    ck_assert_int_eq(ring_init(&ring, 50, at(0)), 0);
    push(&ring, 1, 3);
    uint64_t number = 0;
    struct ring_slot slot;
    ck_assert_int_eq(ring_read(&ring, at(2), &number, &slot), RING_TOO_OLD);
    ck_assert_int_eq(ring_read(&ring, at(3), &number, &slot), RING_AT_END);
    ring_release(&ring);
}
END_TEST

START_TEST(test_what_was_trimmed_is_dropped)
{
    struct ring ring;
    ck_assert_int_eq(ring_init(&ring, 1 << 20, at(0)), 0);
    push(&ring, 1, 500);
    ring_drop(&ring, at(300));
    uint64_t number = 0;
    struct ring_slot slot;
    ck_assert_int_eq(ring_read(&ring, at(299), &number, &slot), RING_TOO_OLD);
    ck_assert_uint_eq(follow(&ring, 300, &number), 200);
    ring_drop(&ring, at(200)); /* nothing there */
    ck_assert_uint_eq(ring.floor.lsn, 300);
    ring_drop(&ring, at(600)); /* all, and what was never here */
    number = 0;
    ck_assert_int_eq(ring_read(&ring, at(500), &number, &slot), RING_TOO_OLD);
    ring_release(&ring);
}
END_TEST

START_TEST(test_a_position_that_is_yet_to_come_is_waited_for)
{
    struct ring ring;
    ck_assert_int_eq(ring_init(&ring, 1 << 20, at(0)), 0);
    push(&ring, 1, 5);
    uint64_t number = 0;
    struct ring_slot slot;
    ck_assert_int_eq(ring_read(&ring, at(7), &number, &slot), RING_AT_END);
    push(&ring, 6, 2);
    ck_assert_int_eq(ring_read(&ring, at(7), &number, &slot), RING_AT_END);
    push(&ring, 8, 2);
    ck_assert_uint_eq(follow(&ring, 7, &number), 2);
    ring_release(&ring);
}
END_TEST

START_TEST(test_cleared_it_starts_anew)
{
    struct ring ring;
    ck_assert_int_eq(ring_init(&ring, 1 << 20, at(0)), 0);
    push(&ring, 100, 50);
    uint64_t number = 0;
    struct ring_slot slot;
    ck_assert_int_eq(ring_read(&ring, at(99), &number, &slot), RING_RECORD);
    shared_unref(slot.bytes);
    ring_clear(&ring, (struct position){0});
    push(&ring, 1, 5); /* lower than before */
    number = 0;
    ck_assert_uint_eq(follow(&ring, 0, &number), 5);
    ring_release(&ring);
}
END_TEST

/* The record after AFTER, and how many that follow it are read ahead. */
static size_t read_ahead(struct ring *ring, uint64_t after, uint64_t *number)
{
    struct ring_slot slot, ahead[16];
    ck_assert_int_eq(ring_read(ring, at(after), number, &slot), RING_RECORD);
    shared_unref(slot.bytes);
    size_t count = ring_read_ahead(ring, number, ahead, 16);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(ahead[i].position.lsn, slot.position.lsn + 1 + i);
        shared_unref(ahead[i].bytes);
    }
    return count;
}

START_TEST(test_what_is_read_ahead_follows_and_is_bounded)
{
    struct ring ring;
    ck_assert_int_eq(ring_init(&ring, 1 << 20, at(0)), 0);
    push(&ring, 1, 20);
    uint64_t number = 0;
    ck_assert_uint_eq(read_ahead(&ring, 0, &number), 16);
    ck_assert_uint_eq(read_ahead(&ring, 17, &number), 2);
    ck_assert_uint_eq(ring_read_ahead(&ring, &number, NULL, 16), 0); /* at the end */
    push_of(&ring, 21, 4, RING_AHEAD_BYTES / 2);
    ck_assert_uint_eq(read_ahead(&ring, 20, &number), 2);
    push_of(&ring, 25, 2, RING_AHEAD_BYTES + 1);
    ck_assert_uint_eq(read_ahead(&ring, 23, &number), 0);
    ring_release(&ring);
}
END_TEST

START_TEST(test_nothing_is_read_ahead_by_a_bookmark_that_was_overtaken)
{
    struct ring ring;
    struct ring_slot slot;
    ck_assert_int_eq(ring_init(&ring, 1 << 20, at(0)), 0);
    push(&ring, 1, 20);
    uint64_t number = 0;
    ck_assert_int_eq(ring_read(&ring, at(0), &number, &slot), RING_RECORD);
    shared_unref(slot.bytes);
    ring_drop(&ring, at(10));
    ck_assert_uint_eq(ring_read_ahead(&ring, &number, &slot, 1), 0);
    ck_assert_int_eq(ring_read(&ring, at(1), &number, &slot), RING_TOO_OLD);
    ring_release(&ring);
}
END_TEST

UNIT_SUITE("journal/ring", test_reads_what_was_pushed, test_memory_is_bounded_and_the_floor_tells,
           test_a_record_larger_than_the_ring_is_on_disk_only, test_what_was_trimmed_is_dropped,
           test_a_position_that_is_yet_to_come_is_waited_for, test_cleared_it_starts_anew,
           test_what_is_read_ahead_follows_and_is_bounded,
           test_nothing_is_read_ahead_by_a_bookmark_that_was_overtaken)
