#include "api/events_page.h"

#include "feed/records.h"
#include "unit.h"
#include <errno.h>

static PGresult *result_of(int columns, const char *const *values, int rows)
{
    PGresAttDesc attributes[3] = {0};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

    for (int i = 0; i < columns; i++)
        attributes[i].name = (char *)"c";
    ck_assert(PQsetResultAttrs(result, columns, attributes));
    for (int i = 0; i < rows * columns; i++)
        ck_assert(PQsetvalue(result, i / columns, i % columns, (char *)values[i],
                             (int)strlen(values[i])));
    return result;
}

/* Each row of a page has its id and its frame; the frames follow each other. */
START_TEST(test_rows)
{
    static const char *const values[] = {"6", "insert", "{\"a\": 1}", "7", "b", "null"};
    PGresult *result = result_of(3, values, 2);
    struct events_page page = {0};

    ck_assert_int_eq(events_page_rows(&page, result), 0);
    ck_assert_uint_eq(page.row_count, 2);
    ck_assert_int_eq(page.rows[0].id, 6);
    ck_assert(str_equal(page.rows[0].frame, STR("id: 6\nevent: insert\ndata: {\"a\":1}\n\n")));
    ck_assert_int_eq(page.rows[1].id, 7);
    ck_assert(str_equal(page.rows[1].frame, STR("id: 7\nevent: b\ndata: null\n\n")));
    ck_assert_ptr_eq(page.rows[1].frame.data, page.rows[0].frame.data + page.rows[0].frame.len);
    events_page_release(&page);
    PQclear(result);
}
END_TEST

START_TEST(test_no_rows)
{
    PGresult *result = result_of(3, NULL, 0);
    struct events_page page = {0};

    ck_assert_int_eq(events_page_rows(&page, result), 0);
    ck_assert_uint_eq(page.row_count, 0);
    events_page_release(&page);
    PQclear(result);
}
END_TEST

/* An id that is no integer, a payload that is no JSON, a result of another shape: a failure. */
START_TEST(test_bad_rows)
{
    static const char *const bad_id[] = {"6x", "insert", "{}"};
    static const char *const bad_payload[] = {"6", "insert", "{"};
    const struct {
        int columns;
        const char *const *values;
    } cases[] = {{3, bad_id}, {3, bad_payload}, {2, bad_id}};
    struct events_page page = {0};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        PGresult *result = result_of(cases[i].columns, cases[i].values, 1);
        ck_assert_int_lt(events_page_rows(&page, result), 0);
        events_page_release(&page);
        PQclear(result);
    }
}
END_TEST

/* It is kept with the page; what is no snapshot makes the page fail. */
START_TEST(test_snapshot)
{
    static const struct {
        int columns, rows;
        const char *values[2];
        int status;
    } cases[] = {
        {1, 1, {"100:110:104"}, 0},
        {1, 1, {"100:110:110"}, -EINVAL},
        {1, 0, {NULL}, -EINVAL},
        {1, 2, {"100:110:", "100:110:"}, -EINVAL},
        {2, 1, {"100:110:", "t"}, -EINVAL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        PGresult *result = result_of(cases[i].columns, cases[i].values, cases[i].rows);
        struct events_page page = {0};
        ck_assert_int_eq(events_page_snapshot(&page, result), cases[i].status);
        if (cases[i].status == 0)
            ck_assert(!snapshot_sees(&page.snapshot, 104) && snapshot_sees(&page.snapshot, 105));
        events_page_release(&page);
        PQclear(result);
    }
}
END_TEST

static void assert_mark(const char *lsn, const char *exists, uint64_t expected_lsn)
{
    const char *const values[] = {lsn, exists};
    PGresult *result = result_of(2, values, 1);
    struct events_page page = {0};

    ck_assert_int_eq(events_page_mark(&page, result), 0);
    ck_assert_uint_eq(page.lsn, expected_lsn);
    ck_assert_int_eq(page.row_exists, strcmp(exists, "t") == 0);
    PQclear(result);
}

/* An insert position right behind a page's header is waited for as that page's boundary, for no
 * record ends in between; every other one as it is. */
START_TEST(test_mark)
{
    assert_mark("16/B374D848", "t", 0x16B374D848);
    assert_mark("0/2000018", "f", 0x2000000);
    assert_mark("0/2002018", "f", 0x2002000);
    assert_mark("0/2000028", "f", 0x2000028);
    assert_mark("0/2000000", "f", 0x2000000);
}
END_TEST

/* Names are quoted: a column may be called anything. */
START_TEST(test_sql)
{
    struct config config = record_config();
    struct events_sql sql;
    struct error err = {0};

    config.events.consumer = (char *)"who \"x\"; --";
    ck_assert_int_eq(events_sql_init(&sql, &config, &err), 0);
    ck_assert_ptr_nonnull(strstr(sql.page, "source.\"who \"\"x\"\"; --\" = $1"));
    ck_assert_ptr_nonnull(strstr(sql.page, "FROM \"public\".\"events\" AS source"));
    ck_assert_ptr_nonnull(strstr(sql.page, "late.id AND source.\"who \"\"x\"\"; --\" = $1"));
    ck_assert_ptr_nonnull(strstr(sql.mark, "pg_current_wal_insert_lsn()"));
    events_sql_release(&sql);
}
END_TEST

START_TEST(test_late_rows_as_arrays)
{
    struct journal_late late[] = {{6, {7, {70, 1}}}, {-3, {9, {80, 1}}}};
    struct events_asked asked = {.late = late};
    struct buffer ids, leaders;

    buffer_init(&ids, 100);
    buffer_init(&leaders, 100);
    ck_assert_int_eq(events_page_late(&asked, &ids, &leaders), 0);
    ck_assert_str_eq(ids.data, "{}");
    ck_assert_str_eq(leaders.data, "{}");
    buffer_reset(&ids);
    buffer_reset(&leaders);
    asked.late_count = 2;
    ck_assert_int_eq(events_page_late(&asked, &ids, &leaders), 0);
    ck_assert_str_eq(ids.data, "{6,-3}");
    ck_assert_str_eq(leaders.data, "{7,9}");
    buffer_release(&ids);
    buffer_release(&leaders);
}
END_TEST

/* What is left of a page is there in the order asked for. */
START_TEST(test_pick)
{
    static const char *const values[] = {"6", "a", "1", "7", "b", "2", "8", "c", "3"};
    static const size_t orders[][2] = {{1, 2}, {2, 0}};
    static const char *const expected[] = {
        "id: 7\nevent: b\ndata: 2\n\nid: 8\nevent: c\ndata: 3\n\n",
        "id: 8\nevent: c\ndata: 3\n\nid: 6\nevent: a\ndata: 1\n\n",
    };
    PGresult *result = result_of(3, values, 3);

    for (size_t i = 0; i < 2; i++) {
        struct events_page page = {0};
        ck_assert_int_eq(events_page_rows(&page, result), 0);
        ck_assert_int_eq(events_page_pick(&page, orders[i], 2), 0);
        ck_assert_uint_eq(page.row_count, 2);
        ck_assert_int_eq(page.rows[0].id, 6 + (int64_t)orders[i][0]);
        ck_assert_int_eq(page.rows[1].id, 6 + (int64_t)orders[i][1]);
        ck_assert(str_equal(buffer_str(&page.bytes), str_from(expected[i])));
        ck_assert_ptr_eq(page.rows[1].frame.data, page.bytes.data + page.rows[0].frame.len);
        events_page_release(&page);
    }
    PQclear(result);
}
END_TEST

UNIT_SUITE("api/events_page", test_rows, test_no_rows, test_bad_rows, test_snapshot, test_mark,
           test_sql, test_late_rows_as_arrays, test_pick)
