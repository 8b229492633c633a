#include "api/resume.h"

#include "unit.h"

static const struct resume_range range = {"7f3a91c2", false, {0x100, 1}, {0x200, 3}, 0};

static void assert_resume(const char *id, const struct resume_range *in, struct resume expected)
{
    struct resume got = resume_decide(str_from(id), in);

    ck_assert_msg(got.kind == expected.kind, "%s: kind %d", id, got.kind);
    ck_assert_msg(got.kind != RESUME_RESET || got.reason == expected.reason, "%s: %s", id,
                  reset_reason_name(got.reason));
    ck_assert_msg(got.kind != RESUME_AFTER || position_compare(got.after, expected.after) == 0,
                  "%s: position", id);
}

/* A position of this epoch that is not beyond the newest one is where the stream goes on. */
START_TEST(test_after)
{
    assert_resume("7f3a91c2-150-2", &range, (struct resume){RESUME_AFTER, {0x150, 2}, 0});
    assert_resume("7f3a91c2-200-3", &range, (struct resume){RESUME_AFTER, {0x200, 3}, 0});
    assert_resume("7f3a91c2-1-1", &range, (struct resume){RESUME_AFTER, {1, 1}, 0});
}
END_TEST

/* Nor one that a client may have had before the journal of a killed process did. */
START_TEST(test_ahead)
{
    struct resume_range killed = range;

    killed.given = 0x300;
    assert_resume("7f3a91c2-200-4", &killed, (struct resume){RESUME_AFTER, {0x200, 4}, 0});
    assert_resume("7f3a91c2-300-9", &killed, (struct resume){RESUME_AFTER, {0x300, 9}, 0});
    assert_resume("7f3a91c2-301-1", &killed,
                  (struct resume){.kind = RESUME_RESET, .reason = RESET_UNKNOWN});
}
END_TEST

START_TEST(test_words)
{
    const struct resume_range empty = {"7f3a91c2", true, {0, 0}, {0x50, 1}, 0};

    assert_resume("latest", &range, (struct resume){.kind = RESUME_LIVE});
    assert_resume("earliest", &range, (struct resume){RESUME_AFTER, {0x100, 0}, 0});
    assert_resume("earliest", &empty, (struct resume){RESUME_AFTER, {0x50, 1}, 0});
}
END_TEST

/* What cannot be resumed is told, with the reason: never a silent gap. */
START_TEST(test_reset)
{
    const struct resume epoch = {.kind = RESUME_RESET, .reason = RESET_EPOCH};
    const struct resume unknown = {.kind = RESUME_RESET, .reason = RESET_UNKNOWN};
    static const char *const malformed[] = {"5",
                                            "x",
                                            "7f3a91c2",
                                            "7f3a91c2-150",
                                            "7f3a91c2-150-",
                                            "Latest",
                                            " 7f3a91c2-150-2",
                                            "7f3a91c2-150-2 "};

    assert_resume("00000000-150-2", &range, epoch);
    assert_resume("7f3a91c2-200-4", &range, unknown);
    assert_resume("7f3a91c2-ffffffffffffffff-1", &range, unknown);
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_resume(malformed[i], &range, unknown);
}
END_TEST

static struct http_request request;

static void assert_id(const char *head, const char *expected)
{
    struct buffer scratch;
    struct str id = {NULL, 0};

    ck_assert_int_gt(http_request_parse(&request, str_from(head), 8192), 0);
    buffer_init(&scratch, 64);
    bool found = resume_id(&request, &scratch, &id);
    ck_assert_msg(found == (expected != NULL), "%s", head);
    if (found)
        ck_assert_msg(str_equal(id, str_from(expected)), "%s: %.*s", head, STR_ARG(id));
    buffer_release(&scratch);
}

#define LONG                                                                                       \
    "7f3a91c2-16B3748-3-7f3a91c2-16B3748-3-7f3a91c2-16B3748-3-7f3a91c2-16B3748-3-7f3a91c2-"        \
    "16B3748-3"

/* The header wins over the query, either spelling of the parameter counts, empty ones do not. */
START_TEST(test_sources)
{
    assert_id("GET / HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
    assert_id("GET /?last_event_id=5 HTTP/1.1\r\nHost: a\r\n\r\n", "5");
    assert_id("GET /?a=b&lastEventId=%35 HTTP/1.1\r\nHost: a\r\n\r\n", "5");
    assert_id("GET /?last_event_id=5 HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 7\r\n\r\n", "7");
    assert_id("GET /?last_event_id=5 HTTP/1.1\r\nHost: a\r\nLast-Event-ID:\r\n\r\n", "5");
    assert_id("GET /?last_event_id= HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
    assert_id("GET /?last_event_id=%zz HTTP/1.1\r\nHost: a\r\n\r\n", "%zz");
    /* longer than any id: unknown, but not none */
    assert_id("GET /?last_event_id=" LONG " HTTP/1.1\r\nHost: a\r\n\r\n", LONG);
}
END_TEST

UNIT_SUITE("api/resume", test_after, test_ahead, test_words, test_reset, test_sources)
