#include "pg/failure.h"
#include "unit.h"
#include <errno.h>

START_TEST(lost_connections_and_conflicts_are_tried_again)
{
    static const char *const states[] = {"",      "08006", "40001", "40P01",
                                         "53300", "57P01", "55006", "25006"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        ck_assert_msg(pg_failure_classify(states[i]) == PG_FAILURE_TRANSIENT, "%s", states[i]);
}
END_TEST

START_TEST(what_fails_whatever_the_data_is_systemic)
{
    static const char *const states[] = {"42P01", "42501", "42703", "3F000", "0A000",
                                         "55000", "25P02", "2F003", "HV00N"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        ck_assert_msg(pg_failure_classify(states[i]) == PG_FAILURE_SYSTEMIC, "%s", states[i]);
}
END_TEST

START_TEST(what_these_values_break_is_data)
{
    static const char *const states[] = {"23505", "22P02", "22012", "23503", "21000", "P0001"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        ck_assert_msg(pg_failure_classify(states[i]) == PG_FAILURE_DATA, "%s", states[i]);
}
END_TEST

static struct error connecting(const char *text, const char *verbose)
{
    struct error err = {0};
    error_set(&err, -ECONNRESET, "%s", text);
    pg_failure_add_sqlstate(&err, verbose);
    pg_failure_add_mend(&err, "capture");
    return err;
}

START_TEST(what_a_server_refuses_is_told_with_its_mend)
{
    struct error err =
        connecting("failed: FATAL: no",
                   "connection to server at \"db\" (127.0.0.1), port 5432 failed: FATAL:  "
                   "28P01: no\nDETAIL:  ABCDE of it\nLOCATION:  auth_failed, auth.c:326\n");
    ck_assert_str_eq(err.sqlstate, "28P01");
    ck_assert_int_eq(err.code, -EPERM);
    ck_assert_str_eq(err.text, "failed: FATAL: no; set database.password, or the line in "
                               "~/.pgpass, to that of role capture");
}
END_TEST

START_TEST(a_server_in_another_language_is_understood)
{
    struct error err = connecting("x", "failed: SCHWERWIEGEND:  3D000: Datenbank fehlt\n");
    ck_assert_str_eq(err.sqlstate, "3D000");
    ck_assert_int_eq(err.code, -ENOENT);
}
END_TEST

START_TEST(who_cannot_be_reached_or_is_starting_up_needs_no_human)
{
    ck_assert_int_eq(connecting("x", "failed: Connection refused\n").code, -ECONNRESET);
    struct error err = connecting("x", "failed: FATAL:  57P03: the database system is starting up");
    ck_assert_str_eq(err.sqlstate, "57P03");
    ck_assert_int_eq(err.code, -ECONNRESET);
    ck_assert_str_eq(err.text, "x");
}
END_TEST

UNIT_SUITE("pg/failure", what_a_server_refuses_is_told_with_its_mend,
           a_server_in_another_language_is_understood,
           who_cannot_be_reached_or_is_starting_up_needs_no_human,
           lost_connections_and_conflicts_are_tried_again, what_fails_whatever_the_data_is_systemic,
           what_these_values_break_is_data)
