#include "source/continuity.h"
#include "unit.h"

static const struct journal_identity journal = {"7f3a91c2", 42, "demo", "walpiper", 3};
static const struct continuity_slot slot = {.system_identifier = 42,
                                            .database = "demo",
                                            .name = "walpiper",
                                            .confirmed = 100,
                                            .server_end = 6000,
                                            .timeline = 3};

static enum continuity with(uint64_t durable, const struct continuity_slot *of)
{
    return continuity_of(&journal, &(struct continuity_end){.durable = durable}, of);
}

START_TEST(a_slot_at_or_behind_the_journal_goes_on)
{
    ck_assert_int_eq(with(100, &slot), CONTINUITY_KEPT);
    ck_assert_int_eq(with(5000, &slot), CONTINUITY_KEPT);
}
END_TEST

START_TEST(a_slot_past_the_journal_is_a_gap)
{
    ck_assert_int_eq(with(99, &slot), CONTINUITY_GAP);
}
END_TEST

START_TEST(a_slot_made_anew_has_not_seen_what_came_before)
{
    struct continuity_slot made = slot;
    made.made_anew = true;
    ck_assert_int_eq(with(100, &made), CONTINUITY_SLOT_MADE);
}
END_TEST

START_TEST(another_cluster_database_or_slot_is_another_source)
{
    struct continuity_slot other = slot;
    other.system_identifier = 43;
    ck_assert_int_eq(with(100, &other), CONTINUITY_OTHER_SOURCE);
    other = slot;
    other.database = "demo2";
    ck_assert_int_eq(with(100, &other), CONTINUITY_OTHER_SOURCE);
    other = slot;
    other.name = "walpiper2";
    ck_assert_int_eq(with(100, &other), CONTINUITY_OTHER_SOURCE);
}
END_TEST

START_TEST(an_empty_journal_is_new_whatever_the_slot)
{
    ck_assert_int_eq(
        continuity_of(&(struct journal_identity){.epoch = ""}, &(struct continuity_end){0}, &slot),
        CONTINUITY_NEW_JOURNAL);
}
END_TEST

START_TEST(a_server_that_ends_before_the_journal_went_back)
{
    ck_assert_int_eq(with(6000, &slot), CONTINUITY_KEPT);
    ck_assert_int_eq(with(6001, &slot), CONTINUITY_WENT_BACK);
    /* A part of a transaction counts: it is not marked, but it is there. */
    ck_assert_int_eq(continuity_of(&journal, &(struct continuity_end){5000, 6001, 0}, &slot),
                     CONTINUITY_WENT_BACK);
    /* But not what readers may have had: that is no more than a bound. */
    ck_assert_int_eq(continuity_of(&journal, &(struct continuity_end){5000, 5000, 9000}, &slot),
                     CONTINUITY_KEPT);
    struct continuity_slot unknown = slot;
    unknown.server_end = 0;
    ck_assert_int_eq(with(6001, &unknown), CONTINUITY_KEPT);
}
END_TEST

START_TEST(another_timeline_counts_from_where_it_left_that_of_the_journal)
{
    struct continuity_slot other = slot;
    other.timeline = 4;
    other.shared = 5000;
    ck_assert_int_eq(with(5000, &other), CONTINUITY_KEPT);
    ck_assert_int_eq(with(5001, &other), CONTINUITY_BRANCHED);
    ck_assert_int_eq(continuity_of(&journal, &(struct continuity_end){4000, 5001, 0}, &other),
                     CONTINUITY_BRANCHED);
    /* What readers may have had before the journal did counts as well. */
    ck_assert_int_eq(continuity_of(&journal, &(struct continuity_end){4000, 4000, 5000}, &other),
                     CONTINUITY_KEPT);
    ck_assert_int_eq(continuity_of(&journal, &(struct continuity_end){4000, 4000, 5001}, &other),
                     CONTINUITY_BRANCHED);
    other.timeline = 0;
    ck_assert_int_eq(with(5001, &other), CONTINUITY_KEPT);
}
END_TEST

START_TEST(another_history_that_was_found_is_one)
{
    struct continuity_slot other = slot;
    other.other_history = true;
    ck_assert_int_eq(with(5000, &other), CONTINUITY_OTHER_HISTORY);
}
END_TEST

START_TEST(a_history_says_where_each_timeline_was_left)
{
    struct str history = STR("1\t0/3000168\tno recovery target specified\n\n"
                             "3\t1/5000\tbefore 2026-11-21 15:00:00+00\n");
    ck_assert_uint_eq(continuity_shared(history, 1), 0x3000168);
    ck_assert_uint_eq(continuity_shared(history, 3), 0x100005000);
    ck_assert_uint_eq(continuity_shared(history, 2), 0);
    ck_assert_uint_eq(continuity_shared(STR(""), 1), 0);
    ck_assert_uint_eq(continuity_shared(STR("1"), 1), 0);
    ck_assert_uint_eq(continuity_shared(STR("1\tnowhere\t"), 1), 0);
}
END_TEST

/* --- may a slot be made? --------------------------------------------------------------------- */

static const struct slot_finding as_ever = {.exists = true, .durable = true, .journaled = true};

START_TEST(a_slot_that_is_there_is_read)
{
    struct slot_finding finding = as_ever;
    ck_assert_int_eq(slot_decide(&finding), SLOT_READ);
    finding.recreate = finding.dropped = true;
    ck_assert_int_eq(slot_decide(&finding), SLOT_READ);
}
END_TEST

START_TEST(a_lost_slot_is_replaced_only_as_configured)
{
    struct slot_finding finding = as_ever;
    finding.lost = true;
    ck_assert_int_eq(slot_decide(&finding), SLOT_GIVE_UP);
    finding.dropped = true; /* another one was: this one is there */
    ck_assert_int_eq(slot_decide(&finding), SLOT_GIVE_UP);
    finding.journaled = false;
    ck_assert_int_eq(slot_decide(&finding), SLOT_GIVE_UP);
    finding.recreate = true;
    ck_assert_int_eq(slot_decide(&finding), SLOT_REPLACE);
}
END_TEST

START_TEST(a_slot_that_the_journal_misses_is_a_human_matter)
{
    struct slot_finding finding = as_ever;
    finding.exists = false;
    ck_assert_int_eq(slot_decide(&finding), SLOT_GIVE_UP);
    finding.lost = true; /* of one that was there before */
    ck_assert_int_eq(slot_decide(&finding), SLOT_GIVE_UP);
}
END_TEST

START_TEST(a_missing_slot_is_made_when_nothing_is_lost_by_it_or_somebody_said_so)
{
    const struct slot_finding missing = {.durable = true, .journaled = true};
    struct slot_finding finding = missing;
    finding.journaled = false;
    ck_assert_int_eq(slot_decide(&finding), SLOT_MAKE);
    finding = missing;
    finding.durable = false;
    ck_assert_int_eq(slot_decide(&finding), SLOT_MAKE);
    finding = missing;
    finding.dropped = true;
    ck_assert_int_eq(slot_decide(&finding), SLOT_MAKE);
    finding = missing;
    finding.recreate = true;
    ck_assert_int_eq(slot_decide(&finding), SLOT_MAKE);
}
END_TEST

UNIT_SUITE("source/continuity", a_server_that_ends_before_the_journal_went_back,
           another_timeline_counts_from_where_it_left_that_of_the_journal,
           another_history_that_was_found_is_one, a_history_says_where_each_timeline_was_left,
           a_slot_that_is_there_is_read, a_lost_slot_is_replaced_only_as_configured,
           a_slot_that_the_journal_misses_is_a_human_matter,
           a_missing_slot_is_made_when_nothing_is_lost_by_it_or_somebody_said_so,
           a_slot_at_or_behind_the_journal_goes_on, a_slot_past_the_journal_is_a_gap,
           a_slot_made_anew_has_not_seen_what_came_before,
           another_cluster_database_or_slot_is_another_source,
           an_empty_journal_is_new_whatever_the_slot)
