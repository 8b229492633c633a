#include "source/continuity.h"
#include "unit.h"

static const struct journal_identity journal = {"7f3a91c2", 42, "demo", "walpiper"};
static const struct continuity_slot slot = {42, "demo", "walpiper", false, 100};

START_TEST(a_slot_at_or_behind_the_journal_goes_on)
{
    ck_assert_int_eq(continuity_of(&journal, 100, &slot), CONTINUITY_KEPT);
    ck_assert_int_eq(continuity_of(&journal, 5000, &slot), CONTINUITY_KEPT);
}
END_TEST

START_TEST(a_slot_past_the_journal_is_a_gap)
{
    ck_assert_int_eq(continuity_of(&journal, 99, &slot), CONTINUITY_GAP);
}
END_TEST

START_TEST(a_slot_made_now_has_not_seen_what_came_before)
{
    struct continuity_slot made = slot;
    made.made_now = true;
    ck_assert_int_eq(continuity_of(&journal, 100, &made), CONTINUITY_SLOT_MADE);
}
END_TEST

START_TEST(another_cluster_database_or_slot_is_another_source)
{
    struct continuity_slot other = slot;
    other.system_identifier = 43;
    ck_assert_int_eq(continuity_of(&journal, 100, &other), CONTINUITY_OTHER_SOURCE);
    other = slot;
    other.database = "demo2";
    ck_assert_int_eq(continuity_of(&journal, 100, &other), CONTINUITY_OTHER_SOURCE);
    other = slot;
    other.name = "walpiper2";
    ck_assert_int_eq(continuity_of(&journal, 100, &other), CONTINUITY_OTHER_SOURCE);
}
END_TEST

START_TEST(an_empty_journal_is_new_whatever_the_slot)
{
    ck_assert_int_eq(continuity_of(&(struct journal_identity){.epoch = ""}, 0, &slot),
                     CONTINUITY_NEW_JOURNAL);
}
END_TEST

UNIT_SUITE("source/continuity", a_slot_at_or_behind_the_journal_goes_on,
           a_slot_past_the_journal_is_a_gap, a_slot_made_now_has_not_seen_what_came_before,
           another_cluster_database_or_slot_is_another_source,
           an_empty_journal_is_new_whatever_the_slot)
