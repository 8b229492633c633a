#include "api/publish_result.h"

#include "unit.h"
#include <errno.h>

#define IDS_MAX 200

static struct publish_request request;

static void begin(size_t items)
{
    request = (struct publish_request){.failed = -1, .digest = "digest"};
    request.batch.count = items;
    buffer_init(&request.ids, IDS_MAX);
}

static void end(void)
{
    buffer_release(&request.ids);
}

/* ROWS rows of COLUMNS values. */
static PGresult *rows_of(int columns, const char *const *values, int rows)
{
    PGresAttDesc attributes[2] = {{.name = (char *)"a"}, {.name = (char *)"b"}};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

    ck_assert(PQsetResultAttrs(result, columns, attributes));
    for (int i = 0; i < rows * columns; i++)
        ck_assert(PQsetvalue(result, i / columns, i % columns, (char *)values[i],
                             (int)strlen(values[i])));
    return result;
}

static void item(PGresult *result)
{
    publish_result_item(&request, result);
    PQclear(result);
}

static void expect_ids(const char *ids)
{
    ck_assert_msg(str_equal(buffer_str(&request.ids), str_from(ids)), "%.*s",
                  STR_ARG(buffer_str(&request.ids)));
}

START_TEST(ids_are_json_in_the_order_of_the_items)
{
    begin(3);
    item(rows_of(1, (const char *const[]){"12"}, 1));
    item(rows_of(1, NULL, 0));
    item(rows_of(1, (const char *const[]){"a\"b"}, 1));
    expect_ids("12,null,\"a\\\"b\"");
    ck_assert_int_eq(request.failed, -1);
    end();
}
END_TEST

/* What follows in a transaction that failed is not at fault. */
START_TEST(the_first_item_that_fails_is_named)
{
    struct error err = {.code = -EIO, .sqlstate = "23502", .text = "null value"};

    begin(3);
    item(rows_of(1, (const char *const[]){"12"}, 1));
    item(PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR));
    item(PQmakeEmptyPGresult(NULL, PGRES_PIPELINE_ABORTED));
    item(PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR));
    struct publish_outcome outcome = publish_result_failure(&request, &err);
    ck_assert_int_eq(outcome.result, PUBLISH_REFUSED);
    ck_assert_int_eq(outcome.fault.item, 1);
    ck_assert_str_eq(outcome.fault.err.text, "event 1: null value");
    end();
}
END_TEST

START_TEST(a_failure_says_whether_to_try_again)
{
    static const struct {
        const char *sqlstate;
        enum publish_result result;
    } cases[] = {
        {"22P02", PUBLISH_REFUSED}, {"23505", PUBLISH_REFUSED}, {"40001", PUBLISH_AWAY},
        {"57P01", PUBLISH_AWAY},    {"42501", PUBLISH_BROKEN},  {"XX000", PUBLISH_BROKEN},
    };

    begin(1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {.code = -EIO};
        memcpy(err.sqlstate, cases[i].sqlstate, sizeof(err.sqlstate));
        ck_assert_msg(publish_result_failure(&request, &err).result == cases[i].result, "%s",
                      cases[i].sqlstate);
    }
    end();
}
END_TEST

static enum publish_result look_up(const char *const *values, int rows)
{
    PGresult *result = rows_of(2, values, rows);

    publish_result_found(&request, result);
    PQclear(result);
    return publish_result_lookup(&request).result;
}

START_TEST(a_key_that_is_taken_gives_the_ids_that_it_gave)
{
    begin(3);
    ck_assert_int_eq(look_up((const char *const[]){"0", "digest", "1", "7", "3", "9"}, 3),
                     PUBLISH_DONE);
    expect_ids("7,null,9");
    end();
}
END_TEST

START_TEST(a_key_of_another_batch_gives_none)
{
    begin(1);
    ck_assert_int_eq(look_up((const char *const[]){"0", "other", "1", "7"}, 2), PUBLISH_KEY_REUSED);
    expect_ids("");
    end();
}
END_TEST

START_TEST(a_key_that_is_gone_may_be_tried_again)
{
    begin(1);
    ck_assert_int_eq(look_up(NULL, 0), PUBLISH_AWAY);
    end();
}
END_TEST

UNIT_SUITE("api/publish_result", ids_are_json_in_the_order_of_the_items,
           the_first_item_that_fails_is_named, a_failure_says_whether_to_try_again,
           a_key_that_is_taken_gives_the_ids_that_it_gave, a_key_of_another_batch_gives_none,
           a_key_that_is_gone_may_be_tried_again)
