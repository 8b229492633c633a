#include "operator/lane.h"
#include "unit.h"
#include <stdio.h>

static unsigned lane_of(struct str id, unsigned count)
{
    unsigned found = count;
    for (unsigned n = 0; n < count; n++) {
        const struct lane lane = {.number = n, .count = count};
        if (!lane_has(&lane, id))
            continue;
        ck_assert_uint_eq(found, count);
        found = n;
    }
    ck_assert_uint_ne(found, count);
    return found;
}

START_TEST(test_each_id_is_of_one_lane_and_all_lanes_have_ids)
{
    unsigned ids[LANES_MAX] = {0};
    char id[16];
    for (unsigned i = 0; i < 16000; i++) {
        snprintf(id, sizeof(id), "%u", i);
        ids[lane_of(str_from(id), LANES_MAX)]++;
    }
    for (unsigned n = 0; n < LANES_MAX; n++)
        ck_assert(ids[n] > 800 && ids[n] < 1200);
}
END_TEST

/* FNV-1a has these by its inventors; the state tables compute the same. */
START_TEST(test_the_hash_is_that_of_the_state_tables)
{
    ck_assert_uint_eq(lane_of(STR(""), 16), 0x811c9dc5u % 16);
    ck_assert_uint_eq(lane_of(STR("a"), 13), 0xe40c292cu % 13);
    ck_assert_uint_eq(lane_of(STR("foobar"), 11), 0xbf9cf968u % 11);
}
END_TEST

START_TEST(test_a_lane_holds_under_a_name_that_does_not_change_with_their_number)
{
    char name[LANE_HOLD_MAX];
    ck_assert_str_eq(lane_hold_name(name, "counts", 0), "counts");
    ck_assert_str_eq(lane_hold_name(name, "counts", 15), "counts/15");
}
END_TEST

UNIT_SUITE("operator/lane", test_each_id_is_of_one_lane_and_all_lanes_have_ids,
           test_the_hash_is_that_of_the_state_tables,
           test_a_lane_holds_under_a_name_that_does_not_change_with_their_number)
