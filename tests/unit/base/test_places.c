#include "base/places.h"
#include "failing_malloc.h"
#include "unit.h"
#include <pthread.h>

/* Each has its own limit; a place that is given back can be had again. */
START_TEST(test_limit)
{
    struct places *places = places_new(2);
    struct places_holder *one = places_take(places, STR("one"));
    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_eq(places_take(places, STR("one")), one);
    ck_assert_ptr_null(places_take(places, STR("one")));
    ck_assert_ptr_nonnull(places_take(places, STR("other")));
    ck_assert_ptr_nonnull(places_take(places, STR("on")));
    places_give_back(places, one);
    ck_assert_ptr_nonnull(places_take(places, STR("one")));
    ck_assert_ptr_null(places_take(places, STR("one")));
    places_give_back(places, NULL);
    places_free(places); /* with some left in it */
    places_free(NULL);
}
END_TEST

static void *come_and_go(void *context)
{
    struct places *places = context;
    for (unsigned i = 0; i < 20000; i++) {
        const char name = (char)(i % 7);
        places_give_back(places, places_take(places, (struct str){&name, 1}));
    }
    return NULL;
}

/* All loops of the process count in it at the same time, and no count is lost. */
START_TEST(test_threads)
{
    struct places *places = places_new(3);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, places), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    for (char name = 0; name < 7; name++) {
        for (int j = 0; j < 3; j++)
            ck_assert_ptr_nonnull(places_take(places, (struct str){&name, 1}));
        ck_assert_ptr_null(places_take(places, (struct str){&name, 1}));
    }
    places_free(places);
}
END_TEST

/* What it holds is bounded by the places that are taken: a name that has none is forgotten. */
START_TEST(test_forgets)
{
    struct places *places;
    allocations_start(0);
    WATCHED(places = places_new(1));
    for (unsigned i = 0; i < 1000; i++) {
        struct places_holder *holder;
        WATCHED(holder = places_take(places, (struct str){(const char *)&i, sizeof(i)}));
        ck_assert_ptr_nonnull(holder);
        WATCHED(places_give_back(places, holder));
        ck_assert_int_eq(live_allocations, 1);
    }
    WATCHED(places_free(places));
    ck_assert_int_eq(live_allocations, 0);
}
END_TEST

/* What cannot be counted is not let in, and nothing is left of it. */
START_TEST(test_no_memory)
{
    struct places_holder *holder = NULL;
    for (long n = 1; !holder; n++) {
        struct places *places;
        allocations_start(n);
        WATCHED(places = places_new(1));
        if (places) {
            WATCHED(holder = places_take(places, STR("one")));
            WATCHED(places_give_back(places, holder));
            WATCHED(places_free(places));
        }
        ck_assert_int_eq(live_allocations, 0);
        ck_assert(allocations_failed() == !holder);
    }
}
END_TEST

UNIT_SUITE("base/places", test_limit, test_threads, test_forgets, test_no_memory)
