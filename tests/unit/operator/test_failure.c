#include "operator/failure.h"
#include "unit.h"
#include <errno.h>
#include <stdio.h>

static enum failure of(int code, const char *sqlstate)
{
    struct error err = {.code = code};
    snprintf(err.sqlstate, sizeof(err.sqlstate), "%s", sqlstate);
    return failure_of(&err);
}

START_TEST(test_our_own_states)
{
    ck_assert_int_eq(of(-EPROTO, "WPV01"), FAILURE_UNSEEN);
    ck_assert_int_eq(of(-EPROTO, "WPF01"), FAILURE_FENCED);
    ck_assert_int_eq(of(-EPROTO, "WPR01"), FAILURE_LOST);
}
END_TEST

START_TEST(test_a_lost_connection_is_never_counted_against_an_id)
{
    const char *const states[] = {"", "08006", "57P01", "57P02", "57P03"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        ck_assert_int_eq(of(-ECONNRESET, states[i]), FAILURE_LOST);
}
END_TEST

START_TEST(test_conflicts_and_want_of_resources_pass)
{
    const char *const states[] = {"40001", "40P01", "53100", "53200", "53300", "55P03", "25006"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        ck_assert_int_eq(of(-EPROTO, states[i]), FAILURE_TRANSIENT);
}
END_TEST

START_TEST(test_what_fails_for_every_id_parks_none)
{
    const char *const states[] = {"42P01", "42501", "42703", "42883", "42601",
                                  "3F000", "28P01", "3D000", "26000", "0A000"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        ck_assert_int_eq(of(-EPROTO, states[i]), FAILURE_SYSTEMIC);
    ck_assert_int_eq(of(-EINVAL, ""), FAILURE_SYSTEMIC);
}
END_TEST

START_TEST(test_what_may_be_one_id_alone_is_of_the_data)
{
    const char *const states[] = {"22012", "22003", "22P02", "23505", "23503",
                                  "23514", "P0001", "21000", "57014", "54000"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        ck_assert_int_eq(of(-EPROTO, states[i]), FAILURE_DATA);
}
END_TEST

UNIT_SUITE("operator/failure", test_our_own_states,
           test_a_lost_connection_is_never_counted_against_an_id,
           test_conflicts_and_want_of_resources_pass, test_what_fails_for_every_id_parks_none,
           test_what_may_be_one_id_alone_is_of_the_data)
