#include "cli/check_rules.h"
#include "unit.h"

START_TEST(test_one_string_is_told_from_a_list)
{
    ck_assert(plugin_list_is_one_string("\"pgoutput, wal2json\""));
    ck_assert(plugin_list_is_one_string("pgoutput, \"test_decoding,wal2json\""));
    ck_assert(!plugin_list_is_one_string("pgoutput, test_decoding, wal2json"));
    ck_assert(!plugin_list_is_one_string("\"pgoutput\", \"wal2json\""));
    ck_assert(!plugin_list_is_one_string("wal2json"));
    ck_assert(!plugin_list_is_one_string(""));
}
END_TEST

START_TEST(test_plugins_have_their_words)
{
    ck_assert_str_eq(config_plugin_name(CONFIG_PLUGIN_WAL2JSON), "wal2json");
    ck_assert_str_eq(config_plugin_name(CONFIG_PLUGIN_PGOUTPUT), "pgoutput");
    ck_assert_ptr_null(config_plugin_name(CONFIG_PLUGIN_AUTO));
    ck_assert(plugin_is_known("wal2json") && plugin_is_known("pgoutput"));
    ck_assert(!plugin_is_known("test_decoding") && !plugin_is_known(""));
}
END_TEST

START_TEST(test_lag_is_dangerous_from_four_fifths)
{
    ck_assert(!lag_is_dangerous(799, 1000));
    ck_assert(lag_is_dangerous(800, 1000));
    ck_assert(lag_is_dangerous(5000, 1000));
    ck_assert(lag_is_dangerous(0, 0)); /* nothing is kept */
    ck_assert(!lag_is_dangerous(INT64_MAX, -1));
    ck_assert(!lag_is_dangerous(-5, 1000));
}
END_TEST

START_TEST(test_the_mend_leaves_room)
{
    ck_assert_int_eq(lag_room(-1), 1024);
    ck_assert_int_eq(lag_room(0), 1024);
    ck_assert_int_eq(lag_room((int64_t)3 << 30), 6 * 1024);
    ck_assert_int_gt(lag_room(INT64_MAX), INT64_MAX >> 20);
}
END_TEST

START_TEST(test_limit_says_whether_there_is_one)
{
    char text[80];

    lag_limit(-1048576, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "without a limit"));
    lag_limit(1048576, text, sizeof(text));
    ck_assert_str_eq(text, "of 1048576 that max_slot_wal_keep_size allows");
    lag_limit(INT64_MAX, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "allows"));
}
END_TEST

START_TEST(test_columns_of_the_events_table)
{
    ck_assert_ptr_null(events_column_complaint("id", "int8"));
    ck_assert_ptr_null(events_column_complaint("id", "int2"));
    ck_assert_ptr_nonnull(events_column_complaint("id", "uuid"));
    ck_assert_ptr_nonnull(events_column_complaint("id", "numeric"));
    ck_assert_ptr_null(events_column_complaint("consumer", "varchar"));
    ck_assert_ptr_null(events_column_complaint("consumer", "uuid"));
    ck_assert_ptr_nonnull(events_column_complaint("consumer", "jsonb"));
    ck_assert_ptr_null(events_column_complaint("timestamp", "timestamptz"));
    ck_assert_ptr_nonnull(events_column_complaint("timestamp", "text"));
    ck_assert_ptr_null(events_column_complaint("payload", "jsonb"));
    ck_assert_ptr_null(events_column_complaint("type", "an_enum"));
}
END_TEST

UNIT_SUITE("cli/check_rules", test_one_string_is_told_from_a_list, test_plugins_have_their_words,
           test_lag_is_dangerous_from_four_fifths, test_the_mend_leaves_room,
           test_limit_says_whether_there_is_one, test_columns_of_the_events_table)
