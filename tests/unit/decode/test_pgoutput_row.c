#include "decode/pgoutput_row.h"

#include "unit.h"
#include "wire.h"

#include <errno.h>

static struct relation_cache *cache;
static struct pgoutput_relations *relations;
static struct pgoutput_row *row;
static struct change change;
static struct error error;

/* Relation 7: id int4, the key; s text; by bytea. */
static void set_up(char identity)
{
    int others = identity == 'f';
    uint32_t missing;

    cache = relation_cache_new();
    relations = calloc(1, sizeof(*relations));
    row = calloc(1, sizeof(*row));
    ck_assert(cache != NULL && relations != NULL && row != NULL);
    ck_assert_int_eq(relation_cache_add_type(cache, 17, STR("bytea"), 0, 0, ','), 0);
    ck_assert_int_eq(relation_cache_add_type(cache, 23, STR("int4"), 0, 0, ','), 0);
    ck_assert_int_eq(relation_cache_add_type(cache, 25, STR("text"), 0, 0, ','), 0);
    struct byte_reader reader =
        byte_reader(wire("wsschbswwbswwbsww", 7, "public", "t", identity, 3, 1, "id", 23, -1,
                         others, "s", 25, -1, others, "by", 17, -1));
    ck_assert_int_eq(pgoutput_relations_put(relations, cache, &reader, &missing, &error), 0);
}

static void tear_down(void)
{
    free(row);
    pgoutput_relations_clear(relations);
    free(relations);
    relation_cache_free(cache);
}

static int read_row(char kind, struct str message)
{
    struct byte_reader reader = byte_reader(message);

    error_clear(&error);
    return pgoutput_row_read(row, pgoutput_relations_find(relations, 7), kind, &reader, &change,
                             &error);
}

static void must_read(char kind, struct str message)
{
    int r = read_row(kind, message);

    ck_assert_msg(r == 0, "%s", error.text);
    ck_assert_ptr_eq(change.relation, &pgoutput_relations_find(relations, 7)->relation);
}

static void must_fail(char kind, struct str message, const char *story)
{
    struct change before = change;

    ck_assert_int_eq(read_row(kind, message), -EBADMSG);
    ck_assert_msg(strstr(error.text, story) != NULL, "\"%s\" is not in: %s", story, error.text);
    ck_assert_mem_eq(&before, &change, sizeof(change));
}

static void assert_value(const struct value *value, const char *text)
{
    ck_assert_int_eq(value->kind, VALUE_TEXT);
    ck_assert_msg(str_equal(value->text, str_from(text)), "%.*s", STR_ARG(value->text));
}

/* An inserted row is all new values: text, empty text, null. */
START_TEST(test_insert)
{
    set_up('d');
    must_read('I', wire("chttc", 'N', 3, "1", "", 'n'));
    ck_assert_int_eq(change.type, EVENT_INSERT);
    ck_assert_ptr_null(change.old_values);
    assert_value(&change.new_values[0], "1");
    assert_value(&change.new_values[1], "");
    ck_assert_int_eq(change.new_values[2].kind, VALUE_NULL);
    must_fail('I', wire("chttcb", 'N', 3, "1", "", 'n', 0), "1 bytes follow its end");
    tear_down();
}
END_TEST

/* A bytea of any length is hex; whatever else has lost that setting. */
START_TEST(test_bytea)
{
    set_up('d');
    must_read('I', wire("chtct", 'N', 3, "1", 'n', "\\x"));
    assert_value(&change.new_values[2], "\\x");
    must_fail('I', wire("chtct", 'N', 3, "1", 'n', ""), "bytea_output=hex");
    must_fail('I', wire("chtct", 'N', 3, "1", 'n', "\\\\x"), "bytea_output=hex");
    tear_down();
}
END_TEST

/* Each kind of row has the tuples that are its own. */
START_TEST(test_tuples)
{
    set_up('d');
    must_fail('I', wire("chccc", 'K', 3, 'n', 'n', 'n'), "unexpected row of kind 0x4b");
    must_fail('D', wire("chccc", 'N', 3, 'n', 'n', 'n'), "unexpected row of kind 0x4e");
    must_fail('U', wire("chtccchtcc", 'K', 3, "1", 'n', 'n', 'O', 3, "1", 'n', 'n'),
              "unexpected row of kind 0x4f");
    must_fail('I', wire("ch", 'N', 2), "a row of 2 columns, but");
    must_fail('I', wire("chcc", 'N', 3, 'n', 'b'),
              "column s: its value is of the unknown kind 0x62");
    must_fail('I', wire("chcccw", 'N', 3, 'n', 'n', 't', -1), "column by: it ends in");
    must_fail('I', wire("chtcc", 'N', 3, "1", 'u', 'n'),
              "column s: an inserted row lacks its value");
    must_fail('I', wire("chtct", 'N', 3, "1", 'n', "a\\000"), "bytea_output=hex");
    tear_down();
}
END_TEST

/* An old key knows its own columns and no other; without one, the update left the key as it was. */
START_TEST(test_old_key)
{
    set_up('d');
    must_read('U', wire("chtccchtct", 'K', 3, "1", 'n', 'n', 'N', 3, "2", 'u', "\\x01"));
    ck_assert_int_eq(change.type, EVENT_UPDATE);
    assert_value(&change.old_values[0], "1");
    ck_assert_int_eq(change.old_values[1].kind, VALUE_ABSENT);
    ck_assert_int_eq(change.old_values[2].kind, VALUE_ABSENT);
    assert_value(&change.new_values[0], "2");
    ck_assert_int_eq(change.new_values[1].kind, VALUE_UNCHANGED);
    assert_value(&change.new_values[2], "\\x01");

    must_read('U', wire("chtcc", 'N', 3, "2", 'n', 'n'));
    assert_value(&change.old_values[0], "2");
    ck_assert_int_eq(change.old_values[1].kind, VALUE_ABSENT);
    ck_assert_int_eq(change.new_values[1].kind, VALUE_NULL);

    must_read('D', wire("chtcc", 'K', 3, "2", 'n', 'n'));
    ck_assert_int_eq(change.type, EVENT_DELETE);
    ck_assert_ptr_null(change.new_values);
    assert_value(&change.old_values[0], "2");
    ck_assert_int_eq(change.old_values[1].kind, VALUE_ABSENT);
    tear_down();
}
END_TEST

/* With REPLICA IDENTITY FULL all old values are known: nulls are values, and what was not sent
 * again is what it was. */
START_TEST(test_old_row)
{
    set_up('f');
    must_read('U', wire("chttcchtct", 'O', 3, "1", "large", 'n', 'N', 3, "2", 'u', "\\x01"));
    assert_value(&change.old_values[1], "large");
    assert_value(&change.new_values[1], "large");
    ck_assert_int_eq(change.old_values[2].kind, VALUE_NULL);
    must_read('D', wire("chttc", 'O', 3, "1", "large", 'n'));
    assert_value(&change.old_values[1], "large");
    ck_assert_int_eq(change.old_values[2].kind, VALUE_NULL);
    /* Such an update has its old row; one without says nothing of it. */
    must_read('U', wire("chtcc", 'N', 3, "2", 'n', 'n'));
    ck_assert_int_eq(change.old_values[0].kind, VALUE_ABSENT);
    tear_down();
}
END_TEST

UNIT_SUITE("decode/pgoutput_row", test_insert, test_bytea, test_tuples, test_old_key, test_old_row)
