#include "decode/type_table.h"

#include "failing_malloc.h"
#include "unit.h"

#include <errno.h>

enum { BOOL = 16, BYTEA = 17, INT4 = 23, TEXT = 25, BOX = 603 };

static int put(struct type_table *table, uint32_t oid, const char *name, uint32_t base,
               uint32_t element, char delimiter)
{
    const struct type_row row = {oid, str_from(name), base, element, delimiter, false};

    return type_table_put(table, &row);
}

/* A type is found by its OID alone, with the name the catalog gives it. */
START_TEST(test_find)
{
    struct type_table table = {0};

    ck_assert_ptr_null(type_table_find(&table, INT4));
    ck_assert_int_eq(put(&table, INT4, "int4", 0, 0, ','), 0);
    ck_assert_int_eq(put(&table, TEXT, "text", 0, 0, ','), 0);
    const struct type_info *type = type_table_find(&table, INT4);
    ck_assert_ptr_nonnull(type);
    ck_assert_uint_eq(type->oid, INT4);
    ck_assert_str_eq(type->name, "int4");
    ck_assert_int_eq(type->kind, JSON_KIND_NUMBER);
    ck_assert_ptr_null(type_table_find(&table, 0));
    type_table_release(&table);
}
END_TEST

/* A domain converts like its base, over any number of steps, and an array by its element. */
START_TEST(test_domains_and_arrays)
{
    struct type_table table = {0};

    put(&table, BOX, "box", 0, 0, ';');
    put(&table, 1020, "_box", 0, BOX, ',');
    put(&table, 90001, "boxes", 1020, 0, ',');
    put(&table, INT4, "int4", 0, 0, ',');
    put(&table, 90002, "posint", INT4, 0, ',');
    put(&table, 90003, "small", 90002, 0, ',');
    put(&table, 90004, "_small", 0, 90003, ',');

    ck_assert_int_eq(type_table_find(&table, 90003)->kind, JSON_KIND_NUMBER);
    const struct type_info *boxes = type_table_find(&table, 90001);
    ck_assert_int_eq(boxes->kind, JSON_KIND_ARRAY);
    ck_assert_ptr_eq(boxes->element, type_table_find(&table, BOX));
    ck_assert_int_eq(boxes->element->delimiter, ';');
    const struct type_info *smalls = type_table_find(&table, 90004);
    ck_assert_int_eq(smalls->kind, JSON_KIND_ARRAY);
    ck_assert_int_eq(smalls->element->kind, JSON_KIND_NUMBER);
    type_table_release(&table);
}
END_TEST

/* The vectors of the catalogs are arrays in all but their text, under a domain too. */
START_TEST(test_vectors)
{
    struct type_table table = {0};

    put(&table, 21, "int2", 0, 0, ',');
    put(&table, 22, "int2vector", 0, 21, ',');
    put(&table, 1006, "_int2vector", 0, 22, ',');
    put(&table, 90001, "vector", 22, 0, ',');
    const struct type_info *vector = type_table_find(&table, 22);
    ck_assert_int_eq(vector->kind, JSON_KIND_ARRAY);
    ck_assert_int_eq(vector->delimiter, ' ');
    ck_assert_ptr_eq(vector->element, type_table_find(&table, 21));
    ck_assert_int_eq(type_table_find(&table, 90001)->delimiter, ' ');
    ck_assert_int_eq(type_table_find(&table, 1006)->delimiter, ',');
    ck_assert_int_eq(type_table_find(&table, 1006)->element->delimiter, ' ');
    type_table_release(&table);
}
END_TEST

/* A domain or array over a type that nobody told us of is text, not a crash. */
START_TEST(test_unknown_base)
{
    struct type_table table = {0};

    put(&table, 90001, "d", 4711, 0, ',');
    put(&table, 90002, "_a", 0, 4711, ',');
    ck_assert_int_eq(type_table_find(&table, 90001)->kind, JSON_KIND_STRING);
    ck_assert_int_eq(type_table_find(&table, 90002)->kind, JSON_KIND_STRING);
    ck_assert_ptr_null(type_table_find(&table, 90002)->element);
    type_table_release(&table);
}
END_TEST

/* wal2json strips the \x of bytea itself, not of domains over it (seen on a live server). */
START_TEST(test_bytea_and_bool)
{
    struct type_table table = {0};

    put(&table, BYTEA, "bytea", 0, 0, ',');
    put(&table, 90001, "rawbytes", BYTEA, 0, ',');
    put(&table, 1001, "_bytea", 0, BYTEA, ',');
    put(&table, BOOL, "bool", 0, 0, ',');
    put(&table, 90002, "flag", BOOL, 0, ',');
    ck_assert(type_table_find(&table, BYTEA)->is_bytea);
    ck_assert(!type_table_find(&table, 90001)->is_bytea);
    ck_assert(!type_table_find(&table, 1001)->is_bytea);
    ck_assert(type_table_find(&table, BOOL)->is_bool);
    ck_assert(type_table_find(&table, 90002)->is_bool);
    type_table_release(&table);
}
END_TEST

/* Relations hold pointers to types: what the catalog says anew is seen through the old pointer. */
START_TEST(test_replace_in_place)
{
    struct type_table table = {0};

    put(&table, 90001, "mood", 0, 0, ',');
    const struct type_info *type = type_table_find(&table, 90001);
    put(&table, INT4, "int4", 0, 0, ',');
    ck_assert_int_eq(put(&table, 90001, "temper", INT4, 0, ';'), 0);
    ck_assert_ptr_eq(type_table_find(&table, 90001), type);
    ck_assert_str_eq(type->name, "temper");
    ck_assert_int_eq(type->kind, JSON_KIND_NUMBER);
    type_table_release(&table);
}
END_TEST

/* A name longer than PostgreSQL allows is cut, not written past its end. */
START_TEST(test_long_name)
{
    struct type_table table = {0};
    char name[100];

    memset(name, 'n', sizeof(name));
    const struct type_row row = {90001, {name, sizeof(name)}, 0, 0, ',', false};
    ck_assert_int_eq(type_table_put(&table, &row), 0);
    ck_assert_uint_eq(strlen(type_table_find(&table, 90001)->name), 63);
    type_table_release(&table);
}
END_TEST

/* When memory runs out the type is not there, the others still are, and nothing leaks. */
START_TEST(test_no_memory)
{
    long failing = 1;

    for (bool failed = true; failed; failing++) {
        struct type_table table = {0};
        allocations_start(failing);
        for (uint32_t oid = 1; oid <= 1000; oid++) {
            int r;
            WATCHED(r = put(&table, oid, "t", 0, 0, ','));
            ck_assert_msg(r == 0 || r == -ENOMEM, "%d", r);
            ck_assert_int_eq(type_table_find(&table, oid) != NULL, r == 0);
        }
        failed = allocations_failed();
        WATCHED(type_table_release(&table));
        ck_assert_int_eq(live_allocations, 0);
    }
    ck_assert_int_gt(failing, 1000);
}
END_TEST

START_TEST(test_only_numbers_become_strings_with_their_domains_and_arrays)
{
    struct type_table table = {0};
    const struct type_row rows[] = {
        {20, STR("int8"), 0, 0, ',', true},        {23, STR("int4"), 0, 0, ',', false},
        {25, STR("text"), 0, 0, ',', true},        {1016, STR("_int8"), 0, 20, ',', false},
        {90001, STR("amount"), 20, 0, ',', false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_int_eq(type_table_put(&table, &rows[i]), 0);
    ck_assert_int_eq(type_table_find(&table, 20)->kind, JSON_KIND_NUMERAL);
    ck_assert_int_eq(type_table_find(&table, 23)->kind, JSON_KIND_NUMBER);
    ck_assert_int_eq(type_table_find(&table, 25)->kind, JSON_KIND_STRING);
    ck_assert_int_eq(type_table_find(&table, 1016)->element->kind, JSON_KIND_NUMERAL);
    ck_assert_int_eq(type_table_find(&table, 90001)->kind, JSON_KIND_NUMERAL);
    type_table_release(&table);
}
END_TEST

UNIT_SUITE("decode/type_table", test_only_numbers_become_strings_with_their_domains_and_arrays,
           test_vectors, test_find, test_domains_and_arrays, test_unknown_base, test_bytea_and_bool,
           test_replace_in_place, test_long_name, test_no_memory)
