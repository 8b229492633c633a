#include "operator/notice.h"
#include "unit.h"
#include <errno.h>

static const struct notice sample = {
    .operator= "counts",
    .id = "17",
    .error = "too small",
    .sqlstate = "23514",
    .attempts = 3,
    .next_us = INT64_C(1795292436120000),
};

static const char *json_of(struct notice notice)
{
    static char text[4096];
    struct buffer json;
    buffer_init(&json, sizeof(text));
    ck_assert_int_eq(notice_json(&json, &notice), 0);
    snprintf(text, sizeof(text), "%.*s", STR_ARG(buffer_str(&json)));
    buffer_release(&json);
    return text;
}

START_TEST(test_of_an_id)
{
    ck_assert_str_eq(
        json_of(sample),
        "{\"operator\":\"counts\",\"id\":\"17\",\"error\":\"too small\","
        "\"sqlstate\":\"23514\",\"attempts\":3,\"next\":\"2026-11-21T20:20:36.120000Z\"}");
}
END_TEST

START_TEST(test_what_there_is_not_is_null)
{
    struct notice notice = sample;
    notice.id = NULL;
    notice.sqlstate = "";
    notice.next_us = 0;
    ck_assert_str_eq(json_of(notice),
                     "{\"operator\":\"counts\",\"id\":null,\"error\":\"too small\","
                     "\"sqlstate\":null,\"attempts\":null,\"next\":null}");
}
END_TEST

START_TEST(test_ids_and_errors_may_be_any_bytes)
{
    struct notice notice = sample;
    notice.id = "[\"a\\\\\",\"\xc3\xa9\"]";
    notice.error = "\x01'\"\n\xff";
    const char *json = json_of(notice);
    ck_assert(strstr(json, "\"id\":\"[\\\"a\\\\\\\\\\\",\\\"\xc3\xa9\\\"]\""));
    ck_assert(strstr(json, "\"error\":\"\\u0001'\\\"\\n\\ufffd\""));
}
END_TEST

/* The id of the first that waits; it is removed. */
static const char *take(struct notices *notices)
{
    static char id[16];
    struct str json = notices_first(notices);
    ck_assert_ptr_nonnull(json.data);
    ck_assert_int_eq(sscanf(json.data, "{\"operator\":\"counts\",\"id\":\"%15[^\"]", id), 1);
    notices_remove_first(notices);
    return id;
}

START_TEST(test_they_wait_in_order_and_what_does_not_fit_is_counted)
{
    struct notices notices = {0};
    struct notice notice = sample;
    char id[16];
    notice.id = id;
    ck_assert_ptr_null(notices_first(&notices).data);
    for (int i = 0; i < NOTICES_MAX + 3; i++) {
        snprintf(id, sizeof(id), "%d", i);
        notices_add(&notices, &notice);
    }
    ck_assert_uint_eq(notices.count, NOTICES_MAX);
    ck_assert_uint_eq(notices.dropped, 3);
    ck_assert_str_eq(take(&notices), "0");
    snprintf(id, sizeof(id), "late");
    notices_add(&notices, &notice);
    ck_assert_uint_eq(notices.dropped, 3);
    for (int i = 1; i < NOTICES_MAX; i++) {
        snprintf(id, sizeof(id), "%d", i);
        ck_assert_str_eq(take(&notices), id);
    }
    ck_assert_str_eq(take(&notices), "late");
    ck_assert_ptr_null(notices_first(&notices).data);
    notices_add(&notices, &notice);
    notices_clear(&notices);
    ck_assert_uint_eq(notices.count + notices.dropped, 0);
    ck_assert_ptr_null(notices_first(&notices).data);
}
END_TEST

START_TEST(test_one_that_is_too_large_is_counted_and_not_cut)
{
    static char id[NOTICE_MAX + 1];
    struct notices notices = {0};
    struct notice notice = sample;
    memset(id, 'x', NOTICE_MAX);
    notice.id = id;
    notices_add(&notices, &notice);
    ck_assert_uint_eq(notices.count, 0);
    ck_assert_uint_eq(notices.dropped, 1);
}
END_TEST

UNIT_SUITE("operator/notice", test_of_an_id, test_what_there_is_not_is_null,
           test_ids_and_errors_may_be_any_bytes,
           test_they_wait_in_order_and_what_does_not_fit_is_counted,
           test_one_that_is_too_large_is_counted_and_not_cut)
