#include "base/failing_memory.h"
#include "base/health.h"
#include "base/str.h"
#include "unit.h"

#include <pthread.h>

static char text[1024];

START_TEST(new_service_is_up)
{
    struct health *h = health_new();

    memset(text, 'x', sizeof(text));
    ck_assert(health_read(h, text, sizeof(text)));
    ck_assert_str_eq(text, "");
    ck_assert(health_read(h, NULL, 0));
    health_free(h);
    health_free(NULL);
}
END_TEST

START_TEST(one_reason_a_part)
{
    struct health *h = health_new();
    char part[] = "operator counts";

    health_down(h, "capture", "no connection");
    health_down(h, part, "paused");
    part[0] = 'x';
    health_down(h, "capture", "slot is active");
    ck_assert(!health_read(h, text, sizeof(text)));
    ck_assert_str_eq(text, "capture: slot is active; operator counts: paused");
    health_up(h, "capture");
    health_up(h, "capture");
    health_up(h, "never down");
    ck_assert(!health_read(h, text, sizeof(text)));
    ck_assert_str_eq(text, "operator counts: paused");
    health_up(h, "operator counts");
    ck_assert(health_read(h, text, sizeof(text)));
    health_free(h);
}
END_TEST

START_TEST(long_reasons_are_cut_at_a_character)
{
    struct health *h = health_new();
    char reason[600];

    memset(reason, 'x', sizeof(reason));
    for (size_t i = 0; i + 2 < sizeof(reason); i += 2)
        memcpy(reason + i, "\xC3\xA9", 2);
    reason[sizeof(reason) - 1] = '\0';
    health_down(h, "p", reason);
    ck_assert(!health_read(h, text, sizeof(text)));
    ck_assert_uint_eq(strlen(text), strlen("p: ") + 254);
    for (size_t size = 0; size < 60; size++) {
        memset(text, '#', sizeof(text));
        ck_assert(!health_read(h, text, size));
        ck_assert_int_eq(text[size], '#');
        size_t len = strnlen(text, size);
        ck_assert(size == 0 || len < size);
        ck_assert(len <= strlen("p: ") || (len - strlen("p: ")) % 2 == 0);
    }
    health_free(h);
}
END_TEST

/* A trouble that cannot be noted must not look like health. */
START_TEST(memory_out_is_a_trouble_of_its_own)
{
    memory_left = 0;
    struct health *h = health_new();
    memory_left = -1;
    ck_assert_ptr_null(h);
    h = health_new();
    health_down(h, "capture", "no connection");
    memory_left = 0;
    health_down(h, "capture", "slot is active");
    health_down(h, "journal", "disk full");
    memory_left = -1;
    ck_assert(!health_read(h, text, sizeof(text)));
    ck_assert_str_eq(text, "capture: slot is active; walpiper: out of memory");
    health_up(h, "capture");
    health_up(h, "journal");
    ck_assert(!health_read(h, text, sizeof(text)));
    health_free(h);
}
END_TEST

static void *flicker(void *argument)
{
    char own[1024];

    for (int i = 0; i < 1000; i++) {
        health_down(argument, i % 2 ? "a" : "b", "reason");
        health_read(argument, own, sizeof(own));
        health_up(argument, i % 2 ? "a" : "b");
    }
    return NULL;
}

START_TEST(parts_may_report_from_any_thread)
{
    struct health *h = health_new();
    pthread_t threads[3];

    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, flicker, h), 0);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert(health_read(h, text, sizeof(text)));
    health_free(h);
}
END_TEST

UNIT_SUITE("base/health", new_service_is_up, one_reason_a_part, long_reasons_are_cut_at_a_character,
           memory_out_is_a_trouble_of_its_own, parts_may_report_from_any_thread)
