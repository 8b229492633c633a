#include "pg/failure.h"
#include "unit.h"

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
    static const char *const states[] = {"42P01", "42501", "42703", "3F000",
                                         "0A000", "55000", "25P02"};
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

UNIT_SUITE("pg/failure", lost_connections_and_conflicts_are_tried_again,
           what_fails_whatever_the_data_is_systemic, what_these_values_break_is_data)
