#include "base/failing_memory.h"
#include "event/samples.h"

static const struct type_info type_timestamptz = {.kind = JSON_KIND_TIMESTAMPTZ};
static const struct type_info int4s = {
    .kind = JSON_KIND_ARRAY, .element = &type_int4, .delimiter = ','};
static const struct type_info texts = {
    .kind = JSON_KIND_ARRAY, .element = &type_text, .delimiter = ','};
static const struct type_info jsons = {
    .kind = JSON_KIND_ARRAY, .element = &type_json, .delimiter = ','};
static const struct type_info bools = {
    .kind = JSON_KIND_ARRAY, .element = &type_bool, .delimiter = ','};
static const struct type_info boxes = {
    .kind = JSON_KIND_ARRAY, .element = &type_text, .delimiter = ';'};
static const struct type_info timestamptzs = {
    .kind = JSON_KIND_ARRAY, .element = &type_timestamptz, .delimiter = ','};
/* An array of a domain over int4[]. */
static const struct type_info lists = {
    .kind = JSON_KIND_ARRAY, .element = &int4s, .delimiter = ','};

START_TEST(numbers_nested_with_bounds_and_nulls)
{
    const struct conversion cases[] = {
        {"{}", "[]"},
        {"{1}", "[1]"},
        {"{1,NULL,3}", "[1,null,3]"},
        {"{{1,2},{3,4}}", "[[1,2],[3,4]]"},
        {"{{{{{{1}}}}}}", "[[[[[[1]]]]]]"},
        {"[0:1]={1,2}", "[1,2]"},
        {"[-2:-1][2:3]={{1,2},{3,4}}", "[[1,2],[3,4]]"},
        {"{1e+20,NaN}", "[100000000000000000000,\"NaN\"]"},
    };

    expect_conversions(&int4s, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(texts_lose_the_quoting_of_arrays_and_get_that_of_json)
{
    const struct conversion cases[] = {
        {"{}", "[]"},
        {"{\"a b\",\"NULL\",NULL,\"\",a,\"q\\\"q\",\"b\\\\b\",\"{\",\"c,c\"}",
         "[\"a b\",\"NULL\",null,\"\",\"a\",\"q\\\"q\",\"b\\\\b\",\"{\",\"c,c\"]"},
        {"{\"\\\\\\\\\"}", "[\"\\\\\\\\\"]"},
        {"{\"x\\y\"}", "[\"xy\"]"},
        {"{null}", "[\"null\"]"},
        {"{\"a\nb\"}", "[\"a\\nb\"]"},
        {"{\"\\\\x00ff\"}", "[\"\\\\x00ff\"]"},
        {"{\"(1,\\\"a b\\\")\"}", "[\"(1,\\\"a b\\\")\"]"},
    };

    expect_conversions(&texts, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(elements_have_their_own_kind)
{
    const struct conversion json = {"{\"{\\\"a\\\": [1, 2]}\",\"[ ]\",\"null\",NULL}",
                                    "[{\"a\":[1,2]},[],null,null]"};
    const struct conversion boolean = {"{t,f,NULL}", "[true,false,null]"};
    const struct conversion box = {"{(1,1),(0,0);(3,3),(2,2)}",
                                   "[\"(1,1),(0,0)\",\"(3,3),(2,2)\"]"};
    const struct conversion time = {"{\"2020-01-01 00:00:00+00\"}",
                                    "[\"2020-01-01T00:00:00+00:00\"]"};
    const struct conversion list = {"{\"{1,2}\",\"{}\",NULL}", "[[1,2],[],null]"};

    expect_conversions(&jsons, &json, 1);
    expect_conversions(&bools, &boolean, 1);
    expect_conversions(&boxes, &box, 1);
    expect_conversions(&timestamptzs, &time, 1);
    expect_conversions(&lists, &list, 1);
}
END_TEST

START_TEST(vectors_print_without_braces)
{
    const struct type_info int2vector = {
        .kind = JSON_KIND_ARRAY, .element = &type_int4, .delimiter = ' '};
    const struct type_info oidvector = {
        .kind = JSON_KIND_ARRAY, .element = &type_text, .delimiter = ' '};
    const struct conversion numbers[] = {
        {"1 2 3", "[1,2,3]"}, {"", "[]"}, {"7", "[7]"}, {"1 ", NULL}, {"1  2", NULL}, {"x", NULL},
    };
    const struct conversion strings = {"1 2 3", "[\"1\",\"2\",\"3\"]"};

    expect_conversions(&int2vector, numbers, COUNT_OF(numbers));
    expect_conversions(&oidvector, &strings, 1);
}
END_TEST

START_TEST(malformed_arrays_are_refused)
{
    const char *const broken[] = {
        "",      "{",        "}",         "1",        "{1",       "{1,",
        "{1,}",  "{,1}",     "{,}",       "{1}}",     "{1} ",     "{{1}",
        "{\"1}", "{\"1\\",   "{\"1\\\"}", "{1\"2\"}", "{\"1\"2}", "{1;2}",
        "[0:1]", "[0:1={1}", "[a]={1}",   "[0:1]=",   "=",        "{{{{{{{1}}}}}}}",
        "{x}",   "{1{2}}",   "{{1}2}",    "{1\\}",    "{nul}",    "{}{}",
        "[]",    "{{},}",
    };

    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct conversion refused = {broken[i], NULL};
        expect_conversions(&int4s, &refused, 1);
    }
}
END_TEST

START_TEST(every_cut_is_refused)
{
    const char *whole = "[0:1][1:2]={{\"a\\\"b\",NULL},{\"\",c}}";

    for (size_t len = 0; len < strlen(whole); len++) {
        /* A heap copy of that size, so that the sanitizer sees a read past the end. */
        char *copy = malloc(len + 1);
        struct buffer out;
        memcpy(copy, whole, len);
        copy = realloc(copy, len > 0 ? len : 1);
        buffer_init(&out, 1000);
        ck_assert_int_eq(json_value(&out, &texts, (struct str){copy, len}), -EINVAL);
        ck_assert_uint_eq(out.len, 0);
        buffer_release(&out);
        free(copy);
    }
}
END_TEST

START_TEST(output_is_bounded_by_the_buffer)
{
    expect_bounded(&texts, "{\"a\\\"b\",NULL,\"\"}", "[\"a\\\"b\",null,\"\"]");
    expect_bounded(&int4s, "{{1,2},{3,4}}", "[[1,2],[3,4]]");
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    int r = -ENOMEM, failures = 0;

    for (; r < 0; failures++) {
        struct buffer out;
        buffer_init(&out, 10000);
        memory_left = failures;
        r = json_value(&out, &texts, STR("{\"a\\\"b\",NULL,\"c\\\\\"}"));
        memory_left = -1;
        ck_assert_int_eq(r, failures < 2 ? -ENOMEM : 0);
        ck_assert(
            str_equal(buffer_str(&out), r < 0 ? STR("") : STR("[\"a\\\"b\",null,\"c\\\\\"]")));
        buffer_release(&out);
    }
    ck_assert_int_eq(failures, 3);
}
END_TEST

UNIT_SUITE("event/array", numbers_nested_with_bounds_and_nulls,
           texts_lose_the_quoting_of_arrays_and_get_that_of_json, elements_have_their_own_kind,
           vectors_print_without_braces, malformed_arrays_are_refused, every_cut_is_refused,
           every_allocation_may_fail, output_is_bounded_by_the_buffer)
