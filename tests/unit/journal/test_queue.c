#include "journal/queue.h"
#include "unit.h"
#include <errno.h>

static int push(struct queue *queue, uint64_t lsn, size_t len)
{
    struct record record = {.position = {lsn, 1}, .bytes = shared_new(NULL, len)};
    memset(record.bytes->data, 0, len);
    int rc = queue_append(queue, &record);
    if (rc != 0)
        shared_unref(record.bytes);
    return rc;
}

/* Takes a batch and checks what is in it. */
static void expect_batch(struct queue *queue, uint64_t first, size_t count, uint64_t mark)
{
    struct batch batch;
    ck_assert(queue_take(queue, &batch));
    ck_assert_uint_eq(batch.count, count);
    ck_assert_uint_eq(batch.mark, mark);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(batch.records[i].position.lsn, first + i);
    ck_assert(!queue_empty(queue)); /* taken is not done */
    queue_done(queue, &batch);
    queue_batch_release(&batch);
}

static bool is_due(const struct queue *queue, uint64_t now_ms)
{
    return queue_due_in(queue, now_ms) == 0;
}

START_TEST(test_records_wait_for_a_flush)
{
    struct queue queue;
    queue_init(&queue, 100000, 1000000);
    ck_assert(queue_empty(&queue));
    ck_assert(!queue_flush(&queue, 5)); /* of nothing */
    ck_assert(!is_due(&queue, 5));
    ck_assert_int_eq(push(&queue, 1, 100), 0);
    ck_assert(!is_due(&queue, 1000000));
    ck_assert(!queue_empty(&queue));
    ck_assert(queue_flush(&queue, 8));
    ck_assert_uint_eq(queue_due_in(&queue, 5), 3);
    ck_assert_int_eq(push(&queue, 2, 100), 0); /* rides along */
    ck_assert(!queue_flush(&queue, 9));        /* and puts nothing off */
    ck_assert(is_due(&queue, 8));
    ck_assert(queue_flush(&queue, QUEUE_AT_ONCE));
    ck_assert(is_due(&queue, 0));
    expect_batch(&queue, 1, 2, 0);
    ck_assert(queue_empty(&queue));
    ck_assert_uint_eq(queue.waiting, 0);
    ck_assert(!is_due(&queue, 0));
    queue_release(&queue);
}
END_TEST

START_TEST(test_a_full_batch_is_due_and_takes_the_mark_of_its_end)
{
    struct queue queue;
    queue_init(&queue, 1000, 1000000);
    ck_assert_int_eq(push(&queue, 1, 500), 0);
    ck_assert(!is_due(&queue, 0));
    ck_assert_int_eq(push(&queue, 2, 500), 0);
    ck_assert(is_due(&queue, 0));
    queue_mark(&queue, 2, false, 0);
    for (uint64_t lsn = 3; lsn <= 5; lsn++)
        ck_assert_int_eq(push(&queue, lsn, 500), 0);
    queue_mark(&queue, 5, false, 0);
    expect_batch(&queue, 1, 2, 2);
    expect_batch(&queue, 3, 2, 0);
    ck_assert(!is_due(&queue, 0));
    expect_batch(&queue, 5, 1, 5);
    struct batch batch;
    ck_assert(!queue_take(&queue, &batch));
    queue_release(&queue);
}
END_TEST

START_TEST(test_an_urgent_mark_is_due_and_another_waits_a_while)
{
    struct queue queue;
    queue_init(&queue, 1000, 1000);
    ck_assert_uint_eq(queue_due_in(&queue, 5000), UINT64_MAX);
    ck_assert(queue_mark(&queue, 7, false, 5000));
    ck_assert(!queue_flush(&queue, QUEUE_AT_ONCE));
    ck_assert_uint_eq(queue_due_in(&queue, 5000), QUEUE_LAZY_MS);
    ck_assert(!queue_mark(&queue, 8, false, 5600)); /* the first one counts */
    ck_assert_uint_eq(queue_due_in(&queue, 5000 + QUEUE_LAZY_MS - 1), 1);
    ck_assert_uint_eq(queue_due_in(&queue, 5000 + QUEUE_LAZY_MS), 0);
    ck_assert_uint_eq(queue_due_in(&queue, 5000 + 10 * QUEUE_LAZY_MS), 0);
    expect_batch(&queue, 0, 0, 8);
    ck_assert(queue_mark(&queue, 9, true, 6000));
    ck_assert(is_due(&queue, 6000));
    ck_assert(!queue_mark(&queue, 9, true, 6000));
    expect_batch(&queue, 0, 0, 9);
    queue_release(&queue);
}
END_TEST

START_TEST(test_what_waits_is_bounded_with_what_is_being_written)
{
    struct queue queue;
    queue_init(&queue, 500, 2000);
    ck_assert_int_eq(push(&queue, 1, 900), 0);
    struct batch batch;
    ck_assert(queue_take(&queue, &batch));
    ck_assert_int_eq(push(&queue, 2, 800), 0);
    ck_assert_int_eq(push(&queue, 3, 800), -EAGAIN);
    ck_assert_int_eq(push(&queue, 3, 5000), -EAGAIN);
    queue_done(&queue, &batch);
    queue_batch_release(&batch);
    ck_assert_int_eq(push(&queue, 3, 800), 0);
    queue_release(&queue);
    ck_assert_int_eq(push(&queue, 4, 100000), 0); /* nothing waits: any size */
    ck_assert_int_eq(push(&queue, 5, 0), -EAGAIN);
    queue_release(&queue);
}
END_TEST

START_TEST(test_when_it_is_full_it_is_due)
{
    struct queue queue;
    queue_init(&queue, 1 << 20, 1000);
    ck_assert_int_eq(push(&queue, 1, 600), 0);
    ck_assert(!is_due(&queue, 0));
    ck_assert_int_eq(push(&queue, 2, 600), -EAGAIN);
    ck_assert(is_due(&queue, 0)); /* else there would never be room */
    queue_release(&queue);
}
END_TEST

UNIT_SUITE("journal/queue", test_records_wait_for_a_flush,
           test_a_full_batch_is_due_and_takes_the_mark_of_its_end,
           test_an_urgent_mark_is_due_and_another_waits_a_while,
           test_what_waits_is_bounded_with_what_is_being_written, test_when_it_is_full_it_is_due)
