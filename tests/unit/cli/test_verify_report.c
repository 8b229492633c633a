#include "captured.h"
#include "cli/verify_report.h"

static char text_of_id[] = "a\nb", name_v[] = "v", name_w[] = "w", old[] = "old\x1b[2J",
            new[] = "n\"ew";
static struct verdict_column columns[] = {{name_v, old, new}, {name_w, NULL, new}};

static const struct verdict differs = {
    .text = text_of_id, .kind = VERDICT_DIFFERS, .columns = columns, .column_count = 2};
static const struct verdict right = {.text = text_of_id};

/* What is printed for VERDICTS. */
static void print(struct captured *c, struct verify_report *report, bool json,
                  const struct verdict *verdicts, size_t count)
{
    capture(c);
    verify_report_begin(report, "counts", json);
    report->checked = 10;
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(verify_report_id(report, &verdicts[i]), 0);
    verify_report_end(report, true);
    capture_end(c);
    ck_assert_str_eq(c->err, "");
}

START_TEST(test_a_line_for_each_id_that_nothing_in_it_can_end)
{
    struct captured c;
    struct verify_report report;
    print(&c, &report, false, (const struct verdict[]){right, differs}, 2);
    ck_assert_str_eq(c.out, "a\\x0ab: differs: v=old\\x1b[2J->n\"ew w=NULL->n\"ew\n");
    ck_assert_uint_eq(report.wrong, 1);
}
END_TEST

START_TEST(test_when_all_is_right_one_line_says_so)
{
    struct captured c;
    struct verify_report report;
    struct verdict known = differs, open = {.text = text_of_id, .why = new};
    known.kind = VERDICT_PARKED;
    open.kind = VERDICT_UNDECIDED;
    print(&c, &report, false, (const struct verdict[]){right, right}, 2);
    ck_assert_str_eq(c.out, "operator counts: ok, 10 ids are right\n");
    print(&c, &report, false, (const struct verdict[]){known, open}, 2);
    ck_assert_ptr_nonnull(strstr(c.out, "a\\x0ab: undecided: n\"ew\n"
                                        "operator counts: ok, 8 ids are right, 1 parked, 1 "
                                        "undecided\n"));
    ck_assert_uint_eq(report.wrong, 0);
}
END_TEST

START_TEST(test_one_object_has_all_of_it)
{
    struct captured c;
    struct verify_report report;
    struct verdict missing = differs, superfluous = differs;
    missing.kind = VERDICT_MISSING;
    superfluous.kind = VERDICT_SUPERFLUOUS;
    missing.column_count = superfluous.column_count = 1;
    print(&c, &report, true, (const struct verdict[]){differs, right, missing, superfluous}, 4);
    ck_assert_str_eq(
        c.out,
        "{\"operator\": \"counts\", \"ids\": [\n"
        "  {\"id\": \"a\\nb\", \"verdict\": \"differs\", \"columns\": "
        "{\"v\": {\"is\": \"old\\u001b[2J\", \"should\": \"n\\\"ew\"}, "
        "\"w\": {\"is\": null, \"should\": \"n\\\"ew\"}}},\n"
        "  {\"id\": \"a\\nb\", \"verdict\": \"missing\", \"columns\": "
        "{\"v\": {\"should\": \"n\\\"ew\"}}},\n"
        "  {\"id\": \"a\\nb\", \"verdict\": \"superfluous\", \"columns\": "
        "{\"v\": {\"is\": \"old\\u001b[2J\"}}}\n"
        "], \"checked\": 10, \"wrong\": 3, \"parked\": 0, \"undecided\": 0, \"complete\": true}\n");
    print(&c, &report, true, &right, 1);
    ck_assert_ptr_nonnull(strstr(c.out, "\"ids\": [], \"checked\": 10, \"wrong\": 0,"));
}
END_TEST

UNIT_SUITE("cli/verify_report", test_a_line_for_each_id_that_nothing_in_it_can_end,
           test_when_all_is_right_one_line_says_so, test_one_object_has_all_of_it)
