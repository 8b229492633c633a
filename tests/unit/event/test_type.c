/* The JSON sides were read off PostgreSQL 15's to_jsonb() in a UTC session. */
#include "event/samples.h"

START_TEST(kinds_of_built_in_types)
{
    const struct {
        uint32_t oid;
        enum json_kind kind;
    } cases[] = {
        {16, JSON_KIND_BOOL},
        {20, JSON_KIND_NUMBER},
        {21, JSON_KIND_NUMBER},
        {23, JSON_KIND_NUMBER},
        {700, JSON_KIND_NUMBER},
        {701, JSON_KIND_NUMBER},
        {1700, JSON_KIND_NUMBER},
        {114, JSON_KIND_JSON},
        {3802, JSON_KIND_JSON},
        {1114, JSON_KIND_TIMESTAMP},
        {1184, JSON_KIND_TIMESTAMPTZ},
        /* oid, money, xid8, date, interval, timetz, text: to_jsonb quotes them. */
        {26, JSON_KIND_STRING},
        {790, JSON_KIND_STRING},
        {5069, JSON_KIND_STRING},
        {1082, JSON_KIND_STRING},
        {1186, JSON_KIND_STRING},
        {1266, JSON_KIND_STRING},
        {25, JSON_KIND_STRING},
        {0, JSON_KIND_STRING},
        {100000, JSON_KIND_STRING},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        ck_assert_msg(json_kind_of(cases[i].oid) == cases[i].kind, "OID %u", cases[i].oid);
}
END_TEST

START_TEST(booleans)
{
    const struct conversion cases[] = {
        {"t", "true"}, {"f", "false"}, {"", NULL}, {"true", NULL}, {"1", NULL}, {"T", NULL},
    };

    expect_conversions(&type_bool, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(everything_else_is_a_string)
{
    const struct conversion cases[] = {
        {"", "\"\""},
        {"2020-01-01", "\"2020-01-01\""},
        {"0044-03-15 BC", "\"0044-03-15 BC\""},
        {"\\x00ff", "\"\\\\x00ff\""},
        {"$1.00", "\"$1.00\""},
        {"[1,5)", "\"[1,5)\""},
        {"(1,\"a b\")", "\"(1,\\\"a b\\\")\""},
        {"null", "\"null\""},
    };

    expect_conversions(&type_text, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(json_is_embedded_compact)
{
    const struct conversion cases[] = {
        {"{\"a\": [1, 2.50], \"b c\": null}", "{\"a\":[1,2.50],\"b c\":null}"},
        {" \"x\" ", "\"x\""},
        {"null", "null"},
        {"{", NULL},
    };

    expect_conversions(&type_json, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(output_is_bounded_by_the_buffer)
{
    expect_bounded(&type_text, "a\"b\nc\x01", "\"a\\\"b\\nc\\u0001\"");
    expect_bounded(&type_bool, "t", "true");
    expect_bounded(&type_json, "[ 1 , 2 ]", "[1,2]");
}
END_TEST

UNIT_SUITE("event/type", kinds_of_built_in_types, booleans, everything_else_is_a_string,
           json_is_embedded_compact, output_is_bounded_by_the_buffer)
