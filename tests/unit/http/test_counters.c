#include "http/counters.h"
#include "unit.h"
#include <stdbool.h>

/* Each reason that a stream can be closed for has a counter of its own, under its own name. */
START_TEST(test_each_reason)
{
    static const char *const reasons[] = {"ended", "peer",   "stalled", "overflow",
                                          "noise", "memory", "error",   "shutdown"};
    ck_assert_uint_eq(sizeof(reasons) / sizeof(reasons[0]), HTTP_CLOSE_COUNT);
    for (size_t i = 0; i < HTTP_CLOSE_COUNT; i++) {
        struct http_counters counters = {0};
        http_count_close(&counters, reasons[i]);
        for (size_t j = 0; j < HTTP_CLOSE_COUNT; j++) {
            bool same = strcmp(http_close_name((enum http_close)j), reasons[i]) == 0;
            ck_assert_uint_eq(counters.closed[j], same ? 1 : 0);
        }
    }
}
END_TEST

/* A word that nobody knows is not lost. */
START_TEST(test_unknown_reason)
{
    struct http_counters counters = {0};
    http_count_close(&counters, "whim");
    ck_assert_uint_eq(counters.closed[HTTP_CLOSE_ERROR], 1);
}
END_TEST

UNIT_SUITE("http/counters", test_each_reason, test_unknown_reason)
