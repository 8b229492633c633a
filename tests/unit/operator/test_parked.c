#include "operator/parked.h"
#include "unit.h"

START_TEST(test_what_is_parked_is_remembered_until_removed)
{
    struct parked parked = {0};
    ck_assert(!parked_has(&parked, STR("1")));
    ck_assert_int_eq(parked_add(&parked, STR("1")), 0);
    ck_assert_int_eq(parked_add(&parked, STR("1")), 0);
    ck_assert_int_eq(parked_add(&parked, (struct str){NULL, 0}), 0);
    ck_assert_uint_eq(parked.count, 2);
    ck_assert(parked_has(&parked, STR("1")));
    ck_assert(parked_has(&parked, STR("")));
    parked_remove(&parked, STR("2"));
    parked_remove(&parked, STR("1"));
    ck_assert_uint_eq(parked.count, 1);
    ck_assert(!parked_has(&parked, STR("1")));
    parked_clear(&parked);
    ck_assert_uint_eq(parked.count, 0);
    ck_assert(!parked_has(&parked, STR("")));
}
END_TEST

UNIT_SUITE("operator/parked", test_what_is_parked_is_remembered_until_removed)
