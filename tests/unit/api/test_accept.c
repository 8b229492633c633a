#include "api/accept.h"

#include "unit.h"

static struct http_request request;

/* HEADERS: whole lines. */
static enum form form_of(const char *headers)
{
    char head[1024];

    int len = snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", headers);
    ck_assert_int_eq(http_request_parse(&request, (struct str){head, (size_t)len}, 8192), len);
    return accept_form(&request);
}

static void assert_form(const char *accept, enum form expected)
{
    char header[512];

    snprintf(header, sizeof(header), "Accept: %s\r\n", accept);
    ck_assert_msg(form_of(header) == expected, "%s: %d", accept, form_of(header));
}

/* Who says nothing, or that anything will do, gets the event stream. */
START_TEST(test_default)
{
    ck_assert_int_eq(form_of(""), FORM_SSE);
    assert_form("", FORM_SSE);
    assert_form(" , ,", FORM_SSE);
    assert_form("*/*", FORM_SSE);
    assert_form("*/*;q=0.1", FORM_SSE);
    assert_form("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", FORM_SSE);
    assert_form("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", FORM_SSE);
}
END_TEST

START_TEST(test_each_by_name)
{
    assert_form("text/event-stream", FORM_SSE);
    assert_form("application/json", FORM_JSON);
    assert_form("application/x-ndjson", FORM_NDJSON);
    assert_form("Application/JSON ; charset=utf-8", FORM_JSON);
    assert_form("application/json;profile=\"a,b;q=0\"", FORM_JSON);
    assert_form("application/json;p=\"\\\",text/event-stream,\"", FORM_JSON);
    assert_form("text/*", FORM_SSE);
    assert_form("application/*", FORM_JSON);
    assert_form("application/vnd.api+json, application/x-ndjson", FORM_NDJSON);
    for (int form = 0; form < FORM_COUNT; form++) {
        char name[64];
        snprintf(name, sizeof(name), "%.*s", STR_ARG(accept_media_type((enum form)form)));
        assert_form(name, (enum form)form);
    }
}
END_TEST

/* The greatest q wins; of equal ones what was named more exactly, then the server's order. */
START_TEST(test_preference)
{
    assert_form("text/event-stream;q=0.5, application/json", FORM_JSON);
    assert_form("text/event-stream;q=0.5, application/json;q=0.500", FORM_SSE);
    assert_form("text/event-stream;q=0.5, application/json;q=0.501", FORM_JSON);
    assert_form("application/json;q=0.9, application/x-ndjson;q=1.000", FORM_NDJSON);
    assert_form("application/json, text/plain, */*", FORM_JSON);
    assert_form("application/json, text/event-stream", FORM_SSE);
    assert_form("application/*, application/x-ndjson", FORM_NDJSON);
    assert_form("application/json;q=0.1, */*", FORM_SSE);
    /* An exact name says what counts, whatever a wider one says. */
    assert_form("text/event-stream;q=0.2, */*;q=0.9, application/x-ndjson;q=0.3", FORM_JSON);
    assert_form("*/*, text/event-stream;q=0, application/json;q=0", FORM_NDJSON);
}
END_TEST

/* Several headers are one list. */
START_TEST(test_several_headers)
{
    ck_assert_int_eq(form_of("Accept: text/html\r\naccept: application/json\r\n"), FORM_JSON);
    ck_assert_int_eq(form_of("Accept: text/html\r\nAccept: text/plain\r\n"), FORM_NONE);
    ck_assert_int_eq(form_of("Accept-Encoding: application/json\r\n"), FORM_SSE);
}
END_TEST

START_TEST(test_none)
{
    assert_form("text/html", FORM_NONE);
    assert_form("application/xml, image/*", FORM_NONE);
    assert_form("text/event-stream;q=0", FORM_NONE);
    assert_form("*/*;q=0", FORM_NONE);
    assert_form("application/json;q=0.0, text/html", FORM_NONE);
    assert_form("*/json", FORM_NONE);
}
END_TEST

/* A weight that is none makes its element count for nothing. */
START_TEST(test_broken)
{
    static const char *const weights[] = {"",       "x",    "2",     "1.1", "1.001", "-1",
                                          "0.1234", "00.1", "0.5.1", "0,5", "."};
    char accept[128];

    for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {
        snprintf(accept, sizeof(accept), "application/json;q=%s, application/x-ndjson;q=0.001",
                 weights[i]);
        assert_form(accept, FORM_NDJSON);
    }
    assert_form("json", FORM_NONE);
    assert_form(";q=1", FORM_NONE);
    assert_form("application/json \"", FORM_NONE);
    assert_form("\"application/json", FORM_NONE);
}
END_TEST

UNIT_SUITE("api/accept", test_default, test_each_by_name, test_preference, test_several_headers,
           test_none, test_broken)
