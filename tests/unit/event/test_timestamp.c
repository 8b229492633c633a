#include "event/samples.h"

static const struct type_info timestamp = {.kind = JSON_KIND_TIMESTAMP};
static const struct type_info timestamptz = {.kind = JSON_KIND_TIMESTAMPTZ};

START_TEST(timestamps_get_a_t)
{
    const struct conversion cases[] = {
        {"2020-01-01 00:00:00", "\"2020-01-01T00:00:00\""},
        {"2020-01-01 00:00:00.5", "\"2020-01-01T00:00:00.5\""},
        {"0044-03-15 12:00:00 BC", "\"0044-03-15T12:00:00 BC\""},
        {"294276-12-31 23:59:59.999999", "\"294276-12-31T23:59:59.999999\""},
        {"infinity", "\"infinity\""},
        {"-infinity", "\"-infinity\""},
    };

    expect_conversions(&timestamp, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(zones_get_their_minutes)
{
    const struct conversion cases[] = {
        {"2020-01-01 00:00:00+00", "\"2020-01-01T00:00:00+00:00\""},
        {"2020-01-01 00:00:00.123456+00", "\"2020-01-01T00:00:00.123456+00:00\""},
        {"0044-03-15 12:00:00+00 BC", "\"0044-03-15T12:00:00+00:00 BC\""},
        {"10000-01-01 00:00:00+00", "\"10000-01-01T00:00:00+00:00\""},
        {"2020-01-01 00:00:00-03", "\"2020-01-01T00:00:00-03:00\""},
        {"2020-01-01 05:45:00+05:45", "\"2020-01-01T05:45:00+05:45\""},
        {"1880-01-01 00:00:00+00:53:28", "\"1880-01-01T00:00:00+00:53:28\""},
        {"infinity", "\"infinity\""},
        {"-infinity", "\"-infinity\""},
    };

    expect_conversions(&timestamptz, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(odd_texts_are_refused_or_stay_valid_json)
{
    const struct conversion cases[] = {
        {"", NULL},
        {"2020-01-01", NULL},
        {"Infinity", NULL},
        {"2020-01-01 00:00:00.00000000000000000000000000000000000000+00", NULL},
        {"2020-01-01 +", "\"2020-01-01T+\""},
        {"2020-01-01 +1", "\"2020-01-01T+1\""},
        {" \"\n", "\"T\\\"\\n\""},
    };

    expect_conversions(&timestamptz, cases, COUNT_OF(cases));
}
END_TEST

START_TEST(output_is_bounded_by_the_buffer)
{
    expect_bounded(&timestamptz, "2020-01-01 00:00:00+00 BC", "\"2020-01-01T00:00:00+00:00 BC\"");
}
END_TEST

UNIT_SUITE("event/timestamp", timestamps_get_a_t, zones_get_their_minutes,
           odd_texts_are_refused_or_stay_valid_json, output_is_bounded_by_the_buffer)
