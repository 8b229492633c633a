#include "admin/metric.h"
#include "unit.h"
#include <errno.h>

static const struct metric things = {"walpiper_things_total", "counter", "Things, so far."};

static void assert_text(struct buffer *out, const char *expected)
{
    buffer_append_char(out, '\0');
    ck_assert_int_eq(out->failed, 0);
    ck_assert_str_eq(out->data, expected);
    buffer_release(out);
}

START_TEST(test_a_single_one_has_its_head_and_no_labels)
{
    struct buffer out;

    buffer_init(&out, 4096);
    metric_single(&out, &things, UINT64_MAX);
    assert_text(&out, "# HELP walpiper_things_total Things, so far.\n"
                      "# TYPE walpiper_things_total counter\n"
                      "walpiper_things_total 18446744073709551615\n");
}
END_TEST

START_TEST(test_labels_are_in_braces)
{
    struct buffer out;

    buffer_init(&out, 4096);
    metric_sample(&out, &things, &(struct metric_labels){.first = {"reason", "peer"}}, 0);
    metric_sample(&out, &things, &(struct metric_labels){{"operator", "a"}, {"state", "ready"}},
                  12);
    assert_text(&out, "walpiper_things_total{reason=\"peer\"} 0\n"
                      "walpiper_things_total{operator=\"a\",state=\"ready\"} 12\n");
}
END_TEST

START_TEST(test_a_value_of_a_label_cannot_break_out)
{
    struct buffer out;

    buffer_init(&out, 4096);
    metric_sample(&out, &things,
                  &(struct metric_labels){.first = {"name", "a\"} 1\nb\\n\xc3\xbc{}"}}, 1);
    assert_text(&out, "walpiper_things_total{name=\"a\\\"} 1\\nb\\\\n\xc3\xbc{}\"} 1\n");
}
END_TEST

START_TEST(test_a_help_stays_on_its_line)
{
    static const struct metric odd = {"walpiper_odd", "gauge", "A \"word\", \\ and\na line."};
    struct buffer out;

    buffer_init(&out, 4096);
    metric_head(&out, &odd);
    assert_text(&out, "# HELP walpiper_odd A \"word\", \\\\ and\\na line.\n"
                      "# TYPE walpiper_odd gauge\n");
}
END_TEST

START_TEST(test_milliseconds_become_seconds)
{
    static const uint64_t values[] = {0, 7, 1000, 1700000000123};
    struct buffer out;

    buffer_init(&out, 4096);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        metric_sample_ms(&out, &things, NULL, values[i]);
    assert_text(&out, "walpiper_things_total 0.000\nwalpiper_things_total 0.007\n"
                      "walpiper_things_total 1.000\nwalpiper_things_total 1700000000.123\n");
}
END_TEST

START_TEST(test_what_has_no_room_fails_as_a_whole)
{
    struct buffer out;

    buffer_init(&out, 40);
    metric_single(&out, &things, 1);
    ck_assert_int_eq(out.failed, -EMSGSIZE);
    buffer_release(&out);
}
END_TEST

UNIT_SUITE("admin/metric", test_a_single_one_has_its_head_and_no_labels, test_labels_are_in_braces,
           test_a_value_of_a_label_cannot_break_out, test_a_help_stays_on_its_line,
           test_milliseconds_become_seconds, test_what_has_no_room_fails_as_a_whole)
