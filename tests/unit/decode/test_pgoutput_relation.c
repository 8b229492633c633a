#include "decode/pgoutput_relation.h"

#include "failing_malloc.h"
#include "unit.h"
#include "wire.h"

#include <errno.h>

static struct relation_cache *cache;
static struct pgoutput_relations *relations;
static struct error error;
static uint32_t missing_type;

static void set_up(void)
{
    cache = relation_cache_new();
    ck_assert_ptr_nonnull(cache);
    ck_assert_int_eq(relation_cache_add_type(cache, 23, STR("int4"), 0, 0, ','), 0);
    ck_assert_int_eq(relation_cache_add_type(cache, 25, STR("text"), 0, 0, ','), 0);
    relations = calloc(1, sizeof(*relations));
    ck_assert_ptr_nonnull(relations);
}

static void tear_down(void)
{
    pgoutput_relations_clear(relations);
    free(relations);
    relation_cache_free(cache);
}

static int put(struct str message)
{
    struct byte_reader reader = byte_reader(message);

    error_clear(&error);
    return pgoutput_relations_put(relations, cache, &reader, &missing_type, &error);
}

static const struct relation *must_put(struct str message, uint32_t oid)
{
    int r = put(message);

    ck_assert_msg(r == 0, "%s", error.text);
    const struct pgoutput_relation *found = pgoutput_relations_find(relations, oid);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->oid, oid);
    return &found->relation;
}

static void must_fail(struct str message, int code, const char *story)
{
    ck_assert_int_eq(put(message), code);
    ck_assert_int_eq(error.code, code);
    ck_assert_msg(strstr(error.text, story) != NULL, "\"%s\" is not in: %s", story, error.text);
}

/* Relation 7, public.t, of two columns. */
static struct str two_columns(char identity, int flags_1, const char *name_1, int flags_2,
                              const char *name_2)
{
    return wire("wsschbswwbsww", 7, "public", "t", identity, 2, flags_1, name_1, 23, -1, flags_2,
                name_2, 25, -1);
}

static void assert_keys(const struct relation *relation, const char *expected)
{
    char keys[64];
    size_t len = 0;

    for (uint16_t i = 0; i < relation->column_count; i++)
        if (relation->columns[i].primary_key)
            len += (size_t)snprintf(keys + len, sizeof(keys) - len, "%.*s ",
                                    STR_ARG(relation->columns[i].name));
    keys[len] = '\0';
    ck_assert_str_eq(keys, expected);
}

static void add_catalog(const char *key, const char *other)
{
    const struct relation_cache_column columns[] = {
        {str_from(key), 23, true, false},
        {str_from(other), 25, false, false},
    };
    const struct relation *relation;

    ck_assert_int_eq(
        relation_cache_put(cache, STR("public"), STR("t"), columns, 2, &relation, &missing_type),
        0);
}

/* The names, the types and the identity of a message, in its order. */
START_TEST(test_put)
{
    set_up();
    ck_assert_ptr_null(pgoutput_relations_find(relations, 7));
    const struct relation *relation = must_put(two_columns('d', 1, "id", 0, "v"), 7);
    ck_assert(str_equal(relation->schema, STR("public")));
    ck_assert(str_equal(relation->table, STR("t")));
    ck_assert_uint_eq(relation->column_count, 2);
    ck_assert(str_equal(relation->columns[0].name, STR("id")));
    ck_assert(str_equal(relation->columns[1].name, STR("v")));
    ck_assert_uint_eq(relation->columns[0].type->oid, 23);
    ck_assert_uint_eq(relation->columns[1].type->oid, 25);
    const struct pgoutput_relation *found = pgoutput_relations_find(relations, 7);
    ck_assert(found->in_identity[0] && !found->in_identity[1]);
    ck_assert_int_eq(found->identity, 'd');
    ck_assert_ptr_null(pgoutput_relations_find(relations, 8));
    ck_assert_ptr_eq(pgoutput_relations_find(relations, 7), found);
    tear_down();
}
END_TEST

/* A message replaces what was known of its OID, always; another table of the same name stays. */
START_TEST(test_replaces)
{
    set_up();
    must_put(two_columns('d', 1, "id", 0, "v"), 7);
    must_put(wire("wsschbsww", 8, "public", "t", 'd', 1, 0, "other", 25, -1), 8);
    const struct relation *relation =
        must_put(wire("wsschbsww", 7, "s", "renamed", 'd', 1, 1, "id", 25, -1), 7);
    ck_assert_uint_eq(relation->column_count, 1);
    ck_assert(str_equal(relation->table, STR("renamed")));
    ck_assert_uint_eq(relation->columns[0].type->oid, 25);
    relation = &pgoutput_relations_find(relations, 8)->relation;
    ck_assert(str_equal(relation->table, STR("t")));
    relation = must_put(wire("wssch", 7, "", "empty", 'n', 0), 7);
    ck_assert_uint_eq(relation->column_count, 0);
    ck_assert(str_equal(relation->schema, STR("pg_catalog")));
    pgoutput_relations_clear(relations);
    ck_assert_ptr_null(pgoutput_relations_find(relations, 7));
    ck_assert_ptr_null(pgoutput_relations_find(relations, 8));
    tear_down();
}
END_TEST

/* With REPLICA IDENTITY DEFAULT the identity is the primary key, whatever was known. */
START_TEST(test_primary_key_default)
{
    set_up();
    add_catalog("id", "v");
    assert_keys(must_put(two_columns('d', 0, "id", 1, "v"), 7), "v ");
    assert_keys(must_put(two_columns('d', 0, "id", 0, "v"), 7), "");
    tear_down();
}
END_TEST

/* Otherwise it is what the catalog said, and then what the last message of the relation gave. */
START_TEST(test_primary_key_known)
{
    set_up();
    assert_keys(must_put(two_columns('f', 1, "id", 1, "v"), 7), "");
    pgoutput_relations_clear(relations);
    add_catalog("id", "v");
    assert_keys(must_put(two_columns('f', 1, "id", 1, "v"), 7), "id ");
    add_catalog("other", "v");
    assert_keys(must_put(two_columns('i', 0, "id", 1, "v"), 7), "id ");
    assert_keys(must_put(two_columns('n', 0, "new", 0, "id"), 7), "id ");
    assert_keys(must_put(wire("wsschbswwbswwbsww", 7, "public", "t", 'f', 3, 1, "a", 23, -1, 1, "b",
                              25, -1, 1, "id", 23, -1),
                         7),
                "id ");
    tear_down();
}
END_TEST

/* A key column that is renamed stays the key; one that is dropped takes the key with it. */
START_TEST(test_primary_key_follows)
{
    set_up();
    add_catalog("id", "v");
    must_put(two_columns('f', 1, "id", 1, "v"), 7);
    assert_keys(must_put(two_columns('f', 1, "key", 1, "v"), 7), "key ");
    /* The name in its place is not new, so this is no renaming. */
    assert_keys(must_put(two_columns('f', 1, "v", 1, "w"), 7), "");
    tear_down();

    set_up();
    add_catalog("id", "v");
    must_put(two_columns('f', 1, "id", 1, "v"), 7);
    assert_keys(must_put(wire("wsschbsww", 7, "public", "t", 'f', 1, 1, "v", 25, -1), 7), "");
    assert_keys(must_put(two_columns('f', 1, "id", 1, "v"), 7), "");
    tear_down();

    set_up();
    add_catalog("key", "v");
    /* The catalog is newer than the log. */
    assert_keys(must_put(wire("wsschbsww", 7, "public", "t", 'f', 1, 1, "id", 23, -1), 7), "id ");
    tear_down();

    set_up();
    add_catalog("id", "v");
    /* Another type: dropped, and another column added. */
    assert_keys(
        must_put(wire("wsschbswwbsww", 7, "public", "t", 'f', 2, 1, "w", 25, -1, 1, "v", 25, -1),
                 7),
        "");
    tear_down();
}
END_TEST

/* Unknown types are named, and nothing has changed until they are known. */
START_TEST(test_missing_type)
{
    set_up();
    const struct relation *before = must_put(two_columns('d', 1, "id", 0, "v"), 7);
    must_fail(wire("wsschbsww", 7, "public", "u", 'd', 1, 1, "id", 16400, -1), -ENOENT,
              "type 16400");
    ck_assert_uint_eq(missing_type, 16400);
    ck_assert_ptr_eq(&pgoutput_relations_find(relations, 7)->relation, before);
    ck_assert(str_equal(before->table, STR("t")));
    tear_down();
}
END_TEST

/* What breaks the format is refused, and what was known stays. */
START_TEST(test_refused)
{
    set_up();
    must_put(two_columns('d', 1, "id", 0, "v"), 7);
    must_fail(two_columns('x', 1, "id", 0, "v"), -EBADMSG, "unknown replica identity 0x78");
    must_fail(two_columns('\0', 1, "id", 0, "v"), -EBADMSG, "unknown replica identity 0x00");
    must_fail(two_columns('d', 2, "id", 0, "v"), -EBADMSG, "unknown flags 2");
    must_fail(two_columns('d', 1, "id", 0, "id"), -EBADMSG, "two columns have one name");
    must_fail(wire("wsschbsww", 7, "public", "t", 'd', 1, 1, "id", 0, -1), -EBADMSG,
              "a column has no type");
    must_fail(wire("wssch", 7, "public", "t", 'd', 1601), -EBADMSG, "more than 1600 columns");
    must_fail(wire("wsschbswwb", 7, "public", "t", 'd', 1, 1, "id", 23, -1, 0), -EBADMSG,
              "1 bytes follow its end");
    must_fail(wire("wssch", 7, "public", "t", 'd', 1), -EBADMSG, "it ends in the middle");
    ck_assert_uint_eq(pgoutput_relations_find(relations, 7)->relation.column_count, 2);
    tear_down();
}
END_TEST

/* Without memory the relation that was known is still there. */
START_TEST(test_no_memory)
{
    set_up();
    for (long failing = 1;; failing++) {
        pgoutput_relations_clear(relations);
        const struct relation *before = must_put(two_columns('d', 1, "id", 0, "v"), 7);
        struct str message = two_columns('d', 1, "id", 0, "w");
        int r;
        allocations_start(failing);
        WATCHED(r = put(message));
        if (!allocations_failed()) {
            ck_assert_int_gt(failing, 1);
            break;
        }
        ck_assert_int_eq(r, -ENOMEM);
        ck_assert_int_eq(live_allocations, 0);
        ck_assert_ptr_eq(&pgoutput_relations_find(relations, 7)->relation, before);
        ck_assert(str_equal(before->columns[1].name, STR("v")));
    }
    tear_down();
}
END_TEST

UNIT_SUITE("decode/pgoutput_relation", test_put, test_replaces, test_primary_key_default,
           test_primary_key_known, test_primary_key_follows, test_missing_type, test_refused,
           test_no_memory)
