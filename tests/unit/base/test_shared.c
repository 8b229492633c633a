#include "base/failing_memory.h"
#include "base/shared.h"
#include "unit.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

START_TEST(holds_a_copy)
{
    char bytes[] = {'a', 0, 'b'};
    struct shared *s = shared_new(bytes, sizeof(bytes));

    bytes[0] = 'x';
    ck_assert_uint_eq(s->len, 3);
    ck_assert_mem_eq(s->data, "a\0b", 3);
    shared_unref(s);
}
END_TEST

START_TEST(can_be_empty_or_filled_later)
{
    struct shared *empty = shared_new(NULL, 0);
    struct shared *later = shared_new(NULL, 4);

    ck_assert_uint_eq(empty->len, 0);
    memset(later->data, 'x', later->len);
    shared_unref(empty);
    shared_unref(later);
    shared_unref(NULL);
}
END_TEST

START_TEST(a_copy_that_cannot_be_had_is_null)
{
    memory_left = 0;
    struct shared *s = shared_new("x", 1);
    memory_left = -1;
    ck_assert_ptr_null(s);
    ck_assert_ptr_null(shared_new(NULL, SIZE_MAX));
}
END_TEST

#define THREADS 4
#define ROUNDS 10000

static void *take_and_drop(void *argument)
{
    struct shared *s = argument;

    for (int i = 0; i < ROUNDS; i++) {
        shared_ref(s);
        shared_unref(s);
    }
    ck_assert_int_eq(s->data[0], 'x');
    shared_unref(s);
    return NULL;
}

START_TEST(lives_until_the_last_thread_lets_go)
{
    struct shared *s = shared_new("x", 1);
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_drop, shared_ref(s)), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&s->references), 1);
    shared_unref(s);
}
END_TEST

UNIT_SUITE("base/shared", holds_a_copy, can_be_empty_or_filled_later,
           a_copy_that_cannot_be_had_is_null, lives_until_the_last_thread_lets_go)
