/* What former operators left behind: who is asked about it. What is dropped, and what stays, is for
 * tests/integration/operator_swap.test.mjs. */
#include "operator/leftover.h"
#include "room.h"

#define LOOK "installed? | -> ok\n"
#define FORGET LOOK "forget s {\"counts\"} | -> ok\n"

static const struct pg_params sources = {.database = "sources"}, target = {.database = "target"};
static struct leftover *leftover;

static bool is_quiet(const void *connections)
{
    return server_connections() == *(const unsigned *)connections;
}

static void begin(void)
{
    setup();
    room.config.slot.name = TEXT("s");
    leftover = leftover_new(&room.loop, &room.config, &sources, &target);
    ck_assert_ptr_nonnull(leftover);
}

static void end(void)
{
    leftover_free(leftover);
    teardown();
}

START_TEST(test_the_database_of_the_sources_is_asked_once)
{
    begin();
    server.installed = true;
    run_until(did, FORGET);
    run_until(is_quiet, &(unsigned){0});
    ck_assert_str_eq(server.history.data, FORGET);
    end();
}
END_TEST

START_TEST(test_the_database_of_an_operator_is_asked_too)
{
    begin();
    set_apart();
    server.installed = true;
    run_until(did, FORGET FORGET);
    run_until(is_quiet, &(unsigned){0});
    ck_assert_str_eq(server.history.data, FORGET FORGET);
    end();
}
END_TEST

START_TEST(test_where_there_are_no_tables_nothing_is_dropped)
{
    begin();
    run_until(did, LOOK);
    run_until(is_quiet, &(unsigned){0});
    ck_assert_str_eq(server.history.data, LOOK);
    end();
}
END_TEST

START_TEST(test_it_may_end_in_the_middle)
{
    begin();
    server.silent = true;
    run_until(is_quiet, &(unsigned){1});
    end();
    ck_assert_uint_eq(server_connections(), 0);
}
END_TEST

UNIT_SUITE("operator/leftover", test_the_database_of_the_sources_is_asked_once,
           test_the_database_of_an_operator_is_asked_too,
           test_where_there_are_no_tables_nothing_is_dropped, test_it_may_end_in_the_middle)
