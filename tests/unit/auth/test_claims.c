#include "auth/claims.h"
#include "base/buffer.h"
#include "unit.h"
#include <errno.h>

#define NOW 1000000

static struct claims_expected expected = {.now = NOW};

static struct claims good(const char *json)
{
    struct claims claims = {0};
    struct error err = {0};

    int code = claims_parse(&claims, str_from(json), &expected, &err);
    ck_assert_msg(code == 0, "%s: %s", json, err.text);
    return claims;
}

static void bad(const char *json, const char *why)
{
    struct claims claims = {0};
    struct error err = {0};

    ck_assert_msg(claims_parse(&claims, str_from(json), &expected, &err) == -EACCES, "%s", json);
    ck_assert_msg(strstr(err.text, why) != NULL, "%s: %s", json, err.text);
    ck_assert_ptr_null(claims.root);
}

START_TEST(test_times)
{
    static const char *const times[][2] = {
        {"{\"exp\":1000001}", NULL},
        {"{\"exp\":1000001.9}", NULL},
        {"{\"exp\":1000001,\"nbf\":1000030}", NULL},
        {"{\"exp\":1000001,\"nbf\":5.5}", NULL},
        {"{\"exp\":1000000}", "expired"},
        {"{\"exp\":1000000.9}", "expired"},
        {"{\"exp\":0}", "expired"},
        {"{}", "exp is missing"},
        {"{\"exp\":\"1000001\"}", "exp is missing"},
        {"{\"exp\":null}", "exp is missing"},
        {"{\"exp\":true}", "exp is missing"},
        {"{\"exp\":[1000001]}", "exp is missing"},
        {"{\"exp\":-1000001}", "exp is missing"},
        {"{\"exp\":1000001,\"nbf\":1000031}", "nbf is to come"},
        {"{\"exp\":1000001,\"nbf\":\"5\"}", "nbf is no time"},
        {"{\"exp\":1000001,\"nbf\":null}", "nbf is no time"},
        {"{\"exp\":1e999}", "no JSON object"},
        {"{\"exp\":99999999999999999999}", "no JSON object"},
        {"{\"exp\":1,\"exp\":1000001}", "name twice"},
        {"", "no JSON object"},
        {"[]", "no JSON object"},
        {"{\"exp\":1000001} {}", "no JSON object"},
    };

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (times[i][1] != NULL) {
            bad(times[i][0], times[i][1]);
            continue;
        }
        struct claims claims = good(times[i][0]);
        ck_assert_int_eq(claims.expires, 1000001);
        claims_release(&claims);
    }
    struct claims claims = good("{\"exp\":1e300}");
    ck_assert_int_eq(claims.expires, 253402300799);
    claims_release(&claims);
}
END_TEST

START_TEST(test_audience_and_issuer)
{
    struct claims claims = good("{\"exp\":1000001,\"aud\":\"x\",\"iss\":\"y\"}");

    claims_release(&claims);
    expected.audience = "a";
    claims = good("{\"exp\":1000001,\"aud\":\"a\"}");
    claims_release(&claims);
    claims = good("{\"exp\":1000001,\"aud\":[\"b\",\"a\"]}");
    claims_release(&claims);
    bad("{\"exp\":1000001}", "aud");
    bad("{\"exp\":1000001,\"aud\":[]}", "aud");
    bad("{\"exp\":1000001,\"aud\":[\"b\",1,[\"a\"]]}", "aud");
    bad("{\"exp\":1000001,\"aud\":{\"a\":\"a\"}}", "aud");
    expected.issuer = "i";
    bad("{\"exp\":1000001,\"aud\":\"a\"}", "iss");
    bad("{\"exp\":1000001,\"aud\":\"a\",\"iss\":[\"i\"]}", "iss");
    claims = good("{\"exp\":1000001,\"aud\":\"a\",\"iss\":\"i\"}");
    claims_release(&claims);
    expected = (struct claims_expected){.now = NOW};
}
END_TEST

START_TEST(test_consumer_and_publish)
{
    struct claims claims = good("{\"exp\":1000001,\"sub\":\"s\",\"consumer\":\"c\"}");

    ck_assert_str_eq(claims.consumer, "c");
    ck_assert(!claims.publish);
    claims_release(&claims);
    claims = good("{\"exp\":1000001,\"sub\":\"s\",\"publish\":true}");
    ck_assert_str_eq(claims.consumer, "s");
    ck_assert(claims.publish);
    claims_release(&claims);
    claims = good("{\"exp\":1000001,\"sub\":7,\"publish\":false}");
    ck_assert_ptr_null(claims.consumer);
    ck_assert(!claims.publish);
    claims_release(&claims);
    claims = good("{\"exp\":1000001,\"sub\":\"\"}");
    ck_assert_ptr_null(claims.consumer);
    claims_release(&claims);
    bad("{\"exp\":1000001,\"consumer\":\"\",\"sub\":\"s\"}", "consumer");
    bad("{\"exp\":1000001,\"consumer\":null,\"sub\":\"s\"}", "consumer");
    bad("{\"exp\":1000001,\"consumer\":\"a\\u0000b\"}", "no JSON object");
    bad("{\"exp\":1000001,\"publish\":\"true\"}", "publish");
    bad("{\"exp\":1000001,\"publish\":1}", "publish");
}
END_TEST

START_TEST(test_topics)
{
    struct str comments = STR("comments");
    struct str row[] = {STR("users"), STR("123")};
    struct claims claims = good("{\"exp\":1000001,\"topics\":\"posts, comments,users:123\"}");

    ck_assert(claims_allow(&claims, &comments, 1));
    ck_assert(claims_allow(&claims, row, 2));
    ck_assert(!claims_allow(&claims, row, 1));
    claims_release(&claims);
    claims = good("{\"exp\":1000001,\"topics\":[\"posts,comments\",\"users/*\"]}");
    ck_assert(!claims_allow(&claims, &comments, 1));
    ck_assert(claims_allow(&claims, row, 2));
    claims_release(&claims);
    claims = good("{\"exp\":1000001}");
    ck_assert(!claims_allow(&claims, &comments, 1));
    claims_release(&claims);
    claims = good("{\"exp\":1000001,\"topics\":[]}");
    ck_assert(!claims_allow(&claims, &comments, 1));
    claims_release(&claims);
    bad("{\"exp\":1000001,\"topics\":true}", "topics");
    bad("{\"exp\":1000001,\"topics\":null}", "topics");
    bad("{\"exp\":1000001,\"topics\":[\"*\",null]}", "topics");
}
END_TEST

START_TEST(test_more_grants_than_are_read)
{
    struct buffer json;

    buffer_init(&json, 1 << 16);
    buffer_append_str(&json, STR("{\"exp\":1000001,\"topics\":[\"a\""));
    for (int i = 1; i < CLAIMS_GRANTS_MAX; i++)
        buffer_append_str(&json, STR(",\"a\""));
    buffer_append(&json, "]}", 3);
    struct claims claims = good(json.data);
    claims_release(&claims);
    json.len -= 3;
    buffer_append(&json, ",\"a\"]}", 7);
    bad(json.data, "topics");
    buffer_release(&json);
}
END_TEST

UNIT_SUITE("auth/claims", test_times, test_audience_and_issuer, test_consumer_and_publish,
           test_topics, test_more_grants_than_are_read)
