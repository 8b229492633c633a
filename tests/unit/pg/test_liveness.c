#include "pg/liveness.h"
#include "unit.h"

static enum liveness_verdict judge(bool streaming, const char *type, const char *event)
{
    const struct liveness_facts facts = {
        .found = true, .has_slot = streaming, .wait_type = type, .wait_event = event};
    return liveness_judge(&facts, streaming);
}

START_TEST(who_decodes_or_waits_for_something_else_than_us_is_at_work)
{
    static const char *const waits[][2] = {{"", ""},
                                           {"IO", "WALRead"},
                                           {"IO", "ReorderBufferWrite"},
                                           {"Lock", "relation"},
                                           {"LWLock", "WALInsert"},
                                           {"IPC", "SafeSnapshot"},
                                           {"Timeout", "PgSleep"}};
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        ck_assert_int_eq(judge(true, waits[i][0], waits[i][1]), LIVENESS_AT_WORK);
        ck_assert_int_eq(judge(false, waits[i][0], waits[i][1]), LIVENESS_AT_WORK);
    }
}
END_TEST

START_TEST(a_walsender_that_waits_has_answered_already)
{
    static const char *const waits[][2] = {{"Activity", "WalSenderMain"},
                                           {"Client", "WalSenderWaitForWAL"},
                                           {"Client", "WalSenderWriteData"}};
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        ck_assert_int_eq(judge(true, waits[i][0], waits[i][1]), LIVENESS_WAITING);
}
END_TEST

START_TEST(before_the_stream_only_a_wait_for_the_next_command_counts)
{
    ck_assert_int_eq(judge(false, "Client", "ClientRead"), LIVENESS_WAITING);
    ck_assert_int_eq(judge(false, "Client", "ClientWrite"), LIVENESS_WAITING);
    ck_assert_int_eq(judge(false, "Client", "WalSenderWaitForWAL"), LIVENESS_AT_WORK);
}
END_TEST

START_TEST(without_a_process_or_without_the_slot_it_is_gone)
{
    const struct liveness_facts none = {.found = false};
    const struct liveness_facts other = {.found = true, .wait_type = "", .wait_event = ""};
    ck_assert_int_eq(liveness_judge(&none, true), LIVENESS_GONE);
    ck_assert_int_eq(liveness_judge(&none, false), LIVENESS_GONE);
    ck_assert_int_eq(liveness_judge(&other, true), LIVENESS_GONE);
    ck_assert_int_eq(liveness_judge(&other, false), LIVENESS_AT_WORK);
}
END_TEST

UNIT_SUITE("pg/liveness", who_decodes_or_waits_for_something_else_than_us_is_at_work,
           a_walsender_that_waits_has_answered_already,
           before_the_stream_only_a_wait_for_the_next_command_counts,
           without_a_process_or_without_the_slot_it_is_gone)
