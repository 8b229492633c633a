#include "base/snapshot.h"
#include "failing_malloc.h"
#include "unit.h"
#include <errno.h>

static struct snapshot parsed(const char *text)
{
    struct snapshot snapshot;
    ck_assert_int_eq(snapshot_parse(&snapshot, str_from(text)), 0);
    return snapshot;
}

/* What ended before it is seen; what runs, and what comes later, is not. */
START_TEST(test_sees)
{
    struct snapshot snapshot = parsed("100:110:100,103,109");
    for (uint32_t xid = 90; xid < 120; xid++)
        ck_assert_int_eq(snapshot_sees(&snapshot, xid),
                         xid < 110 && xid != 100 && xid != 103 && xid != 109);
    snapshot_release(&snapshot);
}
END_TEST

/* An idle server. */
START_TEST(test_nothing_runs)
{
    struct snapshot snapshot = parsed("745:745:");
    ck_assert(snapshot_sees(&snapshot, 744));
    ck_assert(!snapshot_sees(&snapshot, 745));
    snapshot_release(&snapshot);
    snapshot = parsed("745:750:");
    ck_assert(snapshot_sees(&snapshot, 749));
    snapshot_release(&snapshot);
}
END_TEST

/* 32 bits mean the transaction of either epoch that is near. */
START_TEST(test_epochs)
{
    struct snapshot snapshot = parsed("4294967290:4294967300:4294967294,4294967298");
    ck_assert(snapshot_sees(&snapshot, 4294967289u));
    ck_assert(snapshot_sees(&snapshot, 4294967295u));
    ck_assert(!snapshot_sees(&snapshot, 4294967294u));
    ck_assert(!snapshot_sees(&snapshot, 2)); /* 4294967298 */
    ck_assert(snapshot_sees(&snapshot, 3));
    ck_assert(!snapshot_sees(&snapshot, 4));
    ck_assert(!snapshot_sees(&snapshot, 4 + (1u << 30) - 1));
    ck_assert(snapshot_sees(&snapshot, 4 + (1u << 30)));
    snapshot_release(&snapshot);
}
END_TEST

START_TEST(test_refused)
{
    static const char *const texts[] = {
        "",
        "100",
        "100:110",
        "100:110:x",
        "100:110:,",
        "100:110:101,",
        ":110:",
        "100::",
        "0:110:",
        "110:100:",
        "100:110:99",
        "100:110:110",
        "x:110:",
        "-100:110:",
        "100:110:0",
        "100:110: 101",
        " 100:110:",
        "100:110:101 ",
        "100:110::",
        "100:110:+01",
        "100:110:102,101",
        "100:110:101,101",
        "100:99999999999999999999:",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct snapshot snapshot = {.xmin = 7};
        ck_assert_msg(snapshot_parse(&snapshot, str_from(texts[i])) == -EINVAL, "%s", texts[i]);
        ck_assert_uint_eq(snapshot.xmin, 7);
    }
}
END_TEST

START_TEST(test_memory)
{
    struct snapshot snapshot = {.xmin = 7};
    int rc;
    allocations_start(1);
    WATCHED(rc = snapshot_parse(&snapshot, STR("100:110:101")));
    ck_assert(allocations_failed());
    ck_assert_int_eq(rc, -ENOMEM);
    ck_assert_uint_eq(snapshot.xmin, 7);
    allocations_start(0);
    WATCHED(rc = snapshot_parse(&snapshot, STR("100:110:101,101")));
    ck_assert_int_eq(rc, -EINVAL);
    ck_assert_int_eq(live_allocations, 0);
}
END_TEST

UNIT_SUITE("base/snapshot", test_sees, test_nothing_runs, test_epochs, test_refused, test_memory)
