#include "operator/bisect.h"
#include "unit.h"
#include <string.h>

#define ITEMS_MAX 10000

static bool bad[ITEMS_MAX], found[ITEMS_MAX];

static bool any_bad(size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        if (bad[i])
            return true;
    return false;
}

/* Bisects COUNT items, of which those in `bad` fail; returns how many parts were tried. */
static unsigned parts_of(size_t count)
{
    struct bisect b;
    unsigned parts = 0;
    memset(found, 0, sizeof(found));
    bisect_start(&b, count);
    for (;;) {
        bool fails = false;
        switch (bisect_want(&b)) {
        case BISECT_BAD:
            ck_assert(!found[b.begin]);
            found[b.begin] = true;
            bisect_drop(&b);
            continue;
        case BISECT_PART:
            parts++;
            bisect_tell(&b, any_bad(b.begin, bisect_until(&b)));
            continue;
        case BISECT_REST:
            fails = any_bad(b.begin, b.end);
            bisect_tell(&b, fails);
            if (!fails)
                return parts;
        }
    }
}

static unsigned log2_up(size_t count)
{
    unsigned log = 0;
    for (size_t power = 1; power < count; power *= 2)
        log++;
    return log;
}

START_TEST(test_one_bad_item_wherever_it_is_costs_at_most_log2_parts)
{
    for (size_t count = 1; count <= 130; count++) {
        for (size_t i = 0; i < count; i++) {
            memset(bad, 0, sizeof(bad));
            bad[i] = true;
            ck_assert_uint_le(parts_of(count), log2_up(count));
            ck_assert_int_eq(memcmp(bad, found, sizeof(bad)), 0);
        }
    }
}
END_TEST

START_TEST(test_one_bad_item_of_the_largest_batch)
{
    memset(bad, 0, sizeof(bad));
    bad[ITEMS_MAX - 1] = true;
    ck_assert_uint_le(parts_of(ITEMS_MAX), 14);
    ck_assert(found[ITEMS_MAX - 1]);
}
END_TEST

START_TEST(test_any_set_of_bad_items_is_found_and_no_other)
{
    for (unsigned set = 0; set < 1 << 9; set++) {
        memset(bad, 0, sizeof(bad));
        for (unsigned i = 0; i < 9; i++)
            bad[i] = set >> i & 1;
        ck_assert_uint_le(parts_of(9), 3 * 9);
        ck_assert_int_eq(memcmp(bad, found, sizeof(bad)), 0);
    }
}
END_TEST

START_TEST(test_when_all_are_bad_each_costs_little_more_than_one_try)
{
    memset(bad, 1, sizeof(bad));
    ck_assert_uint_le(parts_of(20), 20 + 20);
    ck_assert_uint_le(parts_of(ITEMS_MAX), ITEMS_MAX + 200);
    ck_assert_int_eq(memcmp(bad, found, sizeof(bad)), 0);
}
END_TEST

START_TEST(test_an_item_alone_needs_no_part)
{
    memset(bad, 0, sizeof(bad));
    bad[0] = true;
    ck_assert_uint_eq(parts_of(1), 0);
    ck_assert(found[0]);
    ck_assert_uint_eq(parts_of(0), 0);
}
END_TEST

/* Together they fail, no half of them does. */
START_TEST(test_what_fails_together_only_ends_with_one)
{
    struct bisect b;
    unsigned dropped = 0;
    bisect_start(&b, 100);
    bisect_tell(&b, true);
    for (enum bisect_want want; (want = bisect_want(&b)) != BISECT_REST;) {
        if (want == BISECT_PART) {
            bisect_tell(&b, false);
            continue;
        }
        bisect_drop(&b);
        dropped++;
    }
    ck_assert_uint_eq(dropped, 1);
    ck_assert_uint_eq(b.begin, 100);
}
END_TEST

UNIT_SUITE("operator/bisect", test_one_bad_item_wherever_it_is_costs_at_most_log2_parts,
           test_one_bad_item_of_the_largest_batch, test_any_set_of_bad_items_is_found_and_no_other,
           test_when_all_are_bad_each_costs_little_more_than_one_try,
           test_an_item_alone_needs_no_part, test_what_fails_together_only_ends_with_one)
