#include "api/publish_batch.h"
#include "failing_malloc.h"
#include "unit.h"
#include <errno.h>

static struct publish_fault fault;

static int parse(struct publish_batch *batch, const char *body, enum publish_form form)
{
    return publish_batch_parse(batch, str_from(body), form, &fault);
}

static void assert_item(const struct publish_batch *batch, size_t i, const char *type,
                        const char *consumer, const char *payload)
{
    const struct publish_item *item = &batch->items[i];

    ck_assert_str_eq(publish_text(batch, item->type), type);
    ck_assert_str_eq(publish_text(batch, item->consumer), consumer);
    ck_assert_pstr_eq(publish_text(batch, item->payload), payload);
}

START_TEST(test_one)
{
    struct publish_batch batch;

    ck_assert_int_eq(parse(&batch,
                           " {\"payload\" : [1.50,\t2e400] ,\"type\":\"a\","
                           "\"subscriber\":\"\\u0041b\",\"timestamp\":null}\n",
                           PUBLISH_JSON),
                     0);
    ck_assert_uint_eq(batch.count, 1);
    assert_item(&batch, 0, "a", "Ab", "[1.50,\t2e400]");
    ck_assert_uint_eq(batch.items[0].plain, PUBLISH_NONE);
    ck_assert_uint_eq(batch.items[0].timestamp, PUBLISH_NONE);
    publish_batch_release(&batch);
}
END_TEST

START_TEST(test_array)
{
    struct publish_batch batch;

    ck_assert_int_eq(parse(&batch,
                           "[{\"type\":\"a\",\"consumer\":\"b\",\"timestamp\":\"now\"},"
                           "{\"type\":\"\",\"subscriber\":\"\",\"payload\":\"x\\ny\"}]",
                           PUBLISH_JSON),
                     0);
    ck_assert_uint_eq(batch.count, 2);
    assert_item(&batch, 0, "a", "b", NULL);
    ck_assert_str_eq(publish_text(&batch, batch.items[0].timestamp), "now");
    assert_item(&batch, 1, "", "", "\"x\\ny\"");
    ck_assert_str_eq(publish_text(&batch, batch.items[1].plain), "x\ny");
    publish_batch_release(&batch);
}
END_TEST

START_TEST(test_lines)
{
    struct publish_batch batch;

    ck_assert_int_eq(parse(&batch,
                           "\r\n{\"type\":\"a\",\"subscriber\":\"b\"}\r\n \n"
                           "{\"type\":\"c\",\"subscriber\":\"d\",\"payload\":null}",
                           PUBLISH_NDJSON),
                     0);
    ck_assert_uint_eq(batch.count, 2);
    assert_item(&batch, 1, "c", "d", "null");
    publish_batch_release(&batch);
}
END_TEST

struct refusal {
    const char *body;
    enum publish_form form;
    int64_t item;
    const char *field;
    const char *text;
};

#define GOOD "{\"type\":\"a\",\"subscriber\":\"b\"}"

static const struct refusal refusals[] = {
    {"", PUBLISH_JSON, -1, NULL, "no event"},
    {" ", PUBLISH_NDJSON, -1, NULL, "no event"},
    {"[]", PUBLISH_JSON, -1, NULL, "no event"},
    {" ", PUBLISH_JSON, 0, NULL, "ends too early"},
    {"[" GOOD, PUBLISH_JSON, 1, NULL, "ends too early"},
    {"[" GOOD "]]", PUBLISH_JSON, -1, NULL, "text follows"},
    {GOOD GOOD, PUBLISH_NDJSON, -1, NULL, "text follows"},
    {GOOD "\n[" GOOD "]", PUBLISH_NDJSON, 1, NULL, "an object is expected"},
    {"[" GOOD ",{}]", PUBLISH_JSON, 1, "type", "missing"},
    {"{\"type\":\"a\"}", PUBLISH_JSON, 0, "subscriber", "missing"},
    {"{\"type\":null}", PUBLISH_JSON, 0, "type", "string"},
    {"{\"subscriber\":\"a\",\"consumer\":\"b\"}", PUBLISH_JSON, 0, "subscriber", "twice"},
    {"{\"payload\":1,\"payload\":1}", PUBLISH_JSON, 0, "payload", "twice"},
    {"{\"payload\":01}", PUBLISH_JSON, 0, NULL, "comma"},
    {"{\"payload\":}", PUBLISH_JSON, 0, "payload", "value is expected"},
    {"{\"payload\":\"\\u0000\"}", PUBLISH_JSON, 0, "payload", "\\u0000"},
    {"{\"type\":\"\\u0000\"}", PUBLISH_JSON, 0, "type", "\\u0000"},
    {"{\"id\":1}", PUBLISH_JSON, 0, NULL, "\"id\" is not known"},
};

START_TEST(test_refusals)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *refusal = &refusals[i];
        struct publish_batch batch;
        ck_assert_msg(parse(&batch, refusal->body, refusal->form) == -EINVAL, "%s", refusal->body);
        ck_assert_msg(strstr(fault.err.text, refusal->text) != NULL, "%s: %s", refusal->body,
                      fault.err.text);
        ck_assert_msg(fault.item == refusal->item, "%s: %ld", refusal->body, (long)fault.item);
        ck_assert_pstr_eq(fault.field, refusal->field);
    }
}
END_TEST

/* Nothing is lost, and nothing is left over, when memory runs out anywhere. */
START_TEST(test_out_of_memory)
{
    static const char body[] =
        "[" GOOD ",{\"type\":\"\\n\",\"subscriber\":\"\",\"payload\":\"\\t\"}]";
    struct publish_batch batch;
    bool failed = true;

    for (long n = 1; failed; n++) {
        int status;
        allocations_start(n);
        WATCHED(status = parse(&batch, body, PUBLISH_JSON));
        failed = allocations_failed();
        ck_assert_int_eq(status, failed ? -ENOMEM : 0);
        if (status == 0)
            WATCHED(publish_batch_release(&batch));
        ck_assert_int_eq(live_allocations, 0);
    }
}
END_TEST

UNIT_SUITE("api/publish_batch", test_one, test_array, test_lines, test_refusals, test_out_of_memory)
