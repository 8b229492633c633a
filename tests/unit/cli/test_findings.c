#include "captured.h"
#include "cli/findings.h"

static void fill(struct findings *findings)
{
    struct error own = {.text = "slot a: busy; stop it; or wait"};
    struct error plain = {.text = "it broke"};

    finding(findings, FINDING_OK, "server", NULL, "PostgreSQL %d", 15);
    finding(findings, FINDING_WARNING, "table \"a\"", "DO \"it\"", "is \xc3\xa4");
    finding_of_error(findings, FINDING_ERROR, "slot", NULL, &own);
    finding_of_error(findings, FINDING_ERROR, "slot", "first stop", &own);
    finding_of_error(findings, FINDING_ERROR, "role", "GRANT", &plain);
    finding_of_error(findings, FINDING_OK, "role", NULL, &plain);
}

START_TEST(test_one_line_a_finding)
{
    struct findings findings;
    struct captured c;

    capture(&c);
    ck_assert_int_eq(findings_init(&findings, false), 0);
    fill(&findings);
    ck_assert_int_eq(findings_print(&findings), 0);
    findings_release(&findings);
    capture_end(&c);
    ck_assert_str_eq(c.out, "ok       server: PostgreSQL 15\n"
                            "warning  table \"a\": is \xc3\xa4; DO \"it\"\n"
                            "error    slot: slot a: busy; stop it; or wait\n"
                            "error    slot: slot a: busy; stop it; or wait; first stop\n"
                            "error    role: it broke; GRANT\n"
                            "ok       role: it broke\n");
    ck_assert_uint_eq(findings.errors, 3);
}
END_TEST

START_TEST(test_json_is_one_array)
{
    struct findings findings;
    struct captured c;

    capture(&c);
    ck_assert_int_eq(findings_init(&findings, true), 0);
    fill(&findings);
    fflush(stdout);
    ck_assert_int_eq(findings_print(&findings), 0);
    findings_release(&findings);
    capture_end(&c);

    json_t *list = json_loads(c.out, 0, NULL);
    ck_assert(json_is_array(list));
    ck_assert_uint_eq(json_array_size(list), 6);
    const char *level, *object, *text, *mend;
    ck_assert_int_eq(json_unpack(json_array_get(list, 1), "{ssssssss!}", "level", &level, "object",
                                 &object, "text", &text, "mend", &mend),
                     0);
    ck_assert_str_eq(level, "warning");
    ck_assert_str_eq(object, "table \"a\"");
    ck_assert_str_eq(text, "is \xc3\xa4");
    ck_assert_str_eq(mend, "DO \"it\"");
    ck_assert(json_is_null(json_object_get(json_array_get(list, 0), "mend")));
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 2), "text")),
                     "slot a: busy");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 2), "mend")),
                     "stop it; or wait");
    json_decref(list);
}
END_TEST

START_TEST(test_a_name_does_not_break_the_line)
{
    struct findings findings;
    struct captured c;

    capture(&c);
    ck_assert_int_eq(findings_init(&findings, false), 0);
    finding(&findings, FINDING_OK, "table a\nb", "DROP \"\x1b[1m\"", "is\r%s", "x\ny");
    capture_end(&c);
    ck_assert_str_eq(c.out, "ok       table a b: is x y; DROP \" [1m\"\n");
}
END_TEST

/* A long list of columns is cut, but never inside a character: JSON would be refused. */
START_TEST(test_long_text_stays_whole)
{
    char text[6000];
    struct findings findings;
    struct captured c;

    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa4", 3);
    capture(&c);
    ck_assert_int_eq(findings_init(&findings, true), 0);
    finding(&findings, FINDING_OK, "values", NULL, "x%s", text);
    finding(&findings, FINDING_OK, "values", NULL, "%s", text);
    ck_assert_int_eq(findings_print(&findings), 0);
    findings_release(&findings);
    capture_end(&c);
}
END_TEST

/* What is not UTF-8 cannot be told as JSON: that is a failure, not an array that lacks it. */
START_TEST(test_an_incomplete_array_is_not_printed)
{
    struct findings findings;
    struct captured c;

    capture(&c);
    ck_assert_int_eq(findings_init(&findings, true), 0);
    finding(&findings, FINDING_ERROR, "server", "mend", "%s", "\xff\xfe");
    int rc = findings_print(&findings);
    findings_release(&findings);
    capture_end(&c);
    ck_assert_int_lt(rc, 0);
    ck_assert_str_eq(c.out, "");
}
END_TEST

UNIT_SUITE("cli/findings", test_one_line_a_finding, test_json_is_one_array,
           test_a_name_does_not_break_the_line, test_long_text_stays_whole,
           test_an_incomplete_array_is_not_printed)
