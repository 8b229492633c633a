#include "api/heartbeat.h"
#include "base/clock.h"
#include "unit.h"

static struct loop loop;
static struct heartbeat heartbeat;

static void setup(unsigned interval_ms)
{
    ck_assert_int_eq(loop_init(&loop), 0);
    heartbeat_start(&heartbeat, &loop, interval_ms);
}

static void teardown(void)
{
    heartbeat_stop(&heartbeat);
    loop_release(&loop);
}

static void pass_time(void)
{
    uint64_t now = clock_monotonic_ms();

    while (clock_monotonic_ms() == now)
        ;
}

struct stream {
    struct heartbeat_entry entry;
    unsigned told;
    bool leaves;
};

static void on_due(struct heartbeat_entry *entry)
{
    struct stream *stream = (struct stream *)entry;

    stream->told++;
    if (stream->leaves)
        heartbeat_remove(&heartbeat, entry);
}

/* Who shows no sign of life is told again and again, until it is removed. */
START_TEST(test_silence)
{
    struct stream silent = {.entry.on_due = on_due};
    struct stream leaving = {.entry.on_due = on_due, .leaves = true};

    setup(1);
    heartbeat_touch(&heartbeat, &silent.entry);
    heartbeat_touch(&heartbeat, &leaving.entry);
    while (silent.told < 3)
        ev_run(loop.ev, EVRUN_ONCE);
    ck_assert_uint_eq(leaving.told, 1);
    teardown();
}
END_TEST

/* A sign of life puts off what is due behind those of all others. */
START_TEST(test_sign_of_life)
{
    struct stream a = {.entry.on_due = on_due}, b = {.entry.on_due = on_due};

    setup(60000);
    heartbeat_touch(&heartbeat, &a.entry);
    heartbeat_touch(&heartbeat, &b.entry);
    ck_assert_ptr_eq(heartbeat.entries, &a.entry);
    pass_time();
    heartbeat_touch(&heartbeat, &a.entry);
    ck_assert_ptr_eq(heartbeat.entries, &b.entry);
    ck_assert_uint_gt(a.entry.due_ms, b.entry.due_ms);
    teardown();
}
END_TEST

/* Signs of life of one moment are one, but who was removed in between is back. */
START_TEST(test_same_moment)
{
    struct stream a = {.entry.on_due = on_due};

    setup(60000);
    loop.in_pass = true;
    loop.pass_ms = clock_monotonic_ms();
    heartbeat_touch(&heartbeat, &a.entry);
    heartbeat_touch(&heartbeat, &a.entry);
    ck_assert_ptr_eq(heartbeat.entries, &a.entry);
    ck_assert_ptr_null(a.entry.next);
    heartbeat_remove(&heartbeat, &a.entry);
    ck_assert_ptr_null(heartbeat.entries);
    heartbeat_touch(&heartbeat, &a.entry);
    ck_assert_ptr_eq(heartbeat.entries, &a.entry);
    teardown();
}
END_TEST

UNIT_SUITE("api/heartbeat", test_silence, test_sign_of_life, test_same_moment)
