#include "api/reset.h"

#include "unit.h"

static const struct resume_range full = {"7f3a91c2", false, {0x100, 3}, {0x200, 1}, 0};
static const struct resume_range empty = {"7f3a91c2", true, {0, 0}, {0x50, 2}, 0};

static void assert_text(enum form form, enum reset_reason reason, const struct resume_range *range,
                        const char *expected)
{
    struct buffer out;

    buffer_init(&out, RESET_BYTES_MAX);
    ck_assert_int_eq(reset_append(&out, form, reason, range), 0);
    ck_assert_msg(str_equal(buffer_str(&out), str_from(expected)), "%.*s",
                  STR_ARG(buffer_str(&out)));
    buffer_release(&out);
}

/* The same members in each form. */
START_TEST(test_forms)
{
    assert_text(FORM_SSE, RESET_EXPIRED, &full,
                "event: reset\ndata: {\"reason\":\"expired\",\"oldest\":\"7f3a91c2-100-3\","
                "\"latest\":\"7f3a91c2-200-1\"}\n\n");
    assert_text(FORM_NDJSON, RESET_EPOCH, &full,
                "{\"type\":\"reset\",\"reason\":\"epoch\",\"oldest\":\"7f3a91c2-100-3\","
                "\"latest\":\"7f3a91c2-200-1\"}\n");
}
END_TEST

/* `next` goes on with the oldest event, not behind it. */
START_TEST(test_next)
{
    assert_text(FORM_JSON, RESET_UNKNOWN, &full,
                "{\"reset\":{\"reason\":\"unknown\",\"oldest\":\"7f3a91c2-100-3\","
                "\"latest\":\"7f3a91c2-200-1\"},\"next\":\"7f3a91c2-100-2\"}");
    assert_text(FORM_JSON, RESET_EXPIRED, &empty,
                "{\"reset\":{\"reason\":\"expired\",\"oldest\":null,\"latest\":null},"
                "\"next\":\"7f3a91c2-50-2\"}");
}
END_TEST

/* The longest there can be still has room. */
START_TEST(test_longest)
{
    const struct resume_range range = {
        "ffffffff", false, {UINT64_MAX, UINT32_MAX}, {UINT64_MAX, UINT32_MAX}, 0};
    struct buffer out;

    for (int form = 0; form < FORM_COUNT; form++) {
        buffer_init(&out, RESET_BYTES_MAX);
        ck_assert_int_eq(reset_append(&out, (enum form)form, RESET_EXPIRED, &range), 0);
        buffer_release(&out);
    }
}
END_TEST

UNIT_SUITE("api/reset", test_forms, test_next, test_longest)
