#include "decode/wal2json_relation.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

enum { INT4 = 23, TEXT = 25, MISSING = 4711 };

static const struct relation_name t_name = {STR("public"), STR("t")};
static struct relation_cache *cache;
static struct wal2json_message message;
static struct wal2json_draft draft;
static const struct relation *relation;
static uint32_t missing_type;
static struct error error;

/* A list of columns from "id:23 name:25"; the names live as long as TEXT. */
static void set_columns(struct wal2json_columns *columns, const char *text)
{
    struct str rest = str_from(text);

    columns->count = 0;
    while (rest.len > 0) {
        struct str column = str_cut(&rest, ' ');
        struct str name = str_cut(&column, ':');
        int64_t oid;
        ck_assert_int_eq(str_to_int64(column, &oid), 0);
        columns->items[columns->count++] =
            (struct wal2json_column){.name = name, .type_oid = (uint32_t)oid, .index = UINT16_MAX};
    }
}

static int find(char action, const char *columns, const char *identity, const char *pk)
{
    message.action = action;
    message.schema = STR("public");
    message.table = STR("t");
    set_columns(&message.columns, columns);
    set_columns(&message.identity, identity);
    set_columns(&message.pk, pk);
    error_clear(&error);
    return wal2json_relation(cache, &message, &draft, &relation, &missing_type, &error);
}

/* The relation is EXPECTED, written as "id*:23 name:25". */
static void assert_relation(const char *expected)
{
    char text[1024] = "";
    size_t len = 0;

    for (uint16_t i = 0; i < relation->column_count; i++) {
        const struct relation_column *column = &relation->columns[i];
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s%s:%u", i > 0 ? " " : "",
                                STR_ARG(column->name), column->primary_key ? "*" : "",
                                column->type->oid);
    }
    ck_assert_str_eq(text, expected);
    const struct relation *cached;
    relation_cache_resolve(cache, t_name, INT64_MIN, &cached);
    ck_assert_ptr_eq(cached, relation);
}

/* Each column of the message points to its own in the relation. */
static void assert_located(const struct wal2json_columns *columns)
{
    for (uint16_t i = 0; i < columns->count; i++) {
        ck_assert_uint_lt(columns->items[i].index, relation->column_count);
        ck_assert(
            str_equal(relation->columns[columns->items[i].index].name, columns->items[i].name));
    }
}

static void must_find(char action, const char *columns, const char *identity, const char *pk,
                      const char *expected)
{
    ck_assert_msg(find(action, columns, identity, pk) == 0, "%s", error.text);
    assert_relation(expected);
    assert_located(&message.columns);
    assert_located(&message.identity);
}

static void set_up(void)
{
    cache = relation_cache_new();
    ck_assert_ptr_nonnull(cache);
    relation_cache_add_type(cache, INT4, STR("int4"), 0, 0, ',');
    relation_cache_add_type(cache, TEXT, STR("text"), 0, 0, ',');
}

static void tear_down(void)
{
    relation_cache_free(cache);
}

/* Messages that show what is known leave it as it is. */
START_TEST(test_known)
{
    set_up();
    must_find('I', "id:23 body:25 n:23", "", "id:23", "id*:23 body:25 n:23");
    const struct relation *known = relation;
    must_find('I', "id:23 body:25 n:23", "", "id:23", "id*:23 body:25 n:23");
    must_find('U', "id:23 body:25 n:23", "id:23", "id:23", "id*:23 body:25 n:23");
    must_find('U', "id:23 n:23", "id:23", "id:23", "id*:23 body:25 n:23");
    must_find('D', "", "id:23", "id:23", "id*:23 body:25 n:23");
    must_find('T', "", "", "", "id*:23 body:25 n:23");
    ck_assert_ptr_eq(relation, known);
    tear_down();
}
END_TEST

/* Without knowledge the message is all there is. */
START_TEST(test_unknown)
{
    static const struct {
        char action;
        const char *columns, *identity, *pk, *expected;
    } rows[] = {
        {'I', "id:23 b:25", "", "id:23", "id*:23 b:25"},
        {'U', "id:23 b:25", "id:23", "id:23", "id*:23 b:25"},
        {'U', "id:23", "id:23 b:25", "", "id:23 b:25"},
        {'U', "n:23", "k:25", "k:25", "n:23 k*:25"},
        {'D', "", "id:23 b:25", "b:25", "id:23 b*:25"},
        {'T', "", "", "", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set_up();
        must_find(rows[i].action, rows[i].columns, rows[i].identity, rows[i].pk, rows[i].expected);
        tear_down();
    }
}
END_TEST

/* An insert carries every column, so it tells everything: columns that came, went, changed name,
 * type, order or key. */
START_TEST(test_insert_replaces)
{
    static const char *const rows[][3] = {
        {"id:23 body:25 x:23", "id:23", "id*:23 body:25 x:23"},
        {"id:23", "id:23", "id*:23"},
        {"id:23 text:25", "id:23", "id*:23 text:25"},
        {"id:23 body:23", "id:23", "id*:23 body:23"},
        {"body:25 id:23", "id:23", "body:25 id*:23"},
        {"id:23 body:25", "", "id:23 body:25"},
        {"id:23 body:25", "body:25", "id:23 body*:25"},
        {"id:23 body:25", "id:23 body:25", "id*:23 body*:25"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set_up();
        must_find('I', "id:23 body:25", "", "id:23", "id*:23 body:25");
        must_find('I', rows[i][0], "", rows[i][1], rows[i][2]);
        tear_down();
    }
}
END_TEST

/* An update leaves out large values, so what it lacks may still be there: all but what is always
 * sent. */
START_TEST(test_update_replaces)
{
    static const char *const rows[][3] = {
        {"id:23 body:25 n:23 x:25", "id:23", "id*:23 body:25 n:23 x:25"},
        {"id:23 n:23 x:25", "id:23", "id*:23 body:25 n:23 x:25"},
        {"id:23 body:25", "id:23", "id*:23 body:25"},
        {"id:23", "id:23", "id*:23 body:25"},
        {"id:23 n:25", "id:23", "id*:23 body:25 n:25"},
        {"id:23 n:23", "", "id:23 body:25 n:23"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set_up();
        must_find('I', "id:23 body:25 n:23", "", "id:23", "id*:23 body:25 n:23");
        must_find('U', rows[i][0], rows[i][1], rows[i][1], rows[i][2]);
        tear_down();
    }
}
END_TEST

/* A delete shows its identity only. */
START_TEST(test_delete_replaces)
{
    set_up();
    must_find('I', "id:23 body:25 n:23", "", "id:23", "id*:23 body:25 n:23");
    must_find('D', "", "key:25", "key:25", "id:23 body:25 n:23 key*:25");
    must_find('D', "", "n:25", "key:25", "id:23 body:25 n:25 key*:25");
    tear_down();
}
END_TEST

/* A missing type is named and leaves the cache alone; with the type there it works. */
START_TEST(test_missing_type)
{
    set_up();
    must_find('I', "id:23", "", "id:23", "id*:23");
    const struct relation *known = relation;
    ck_assert_int_eq(find('I', "id:23 x:4711", "", "id:23"), -ENOENT);
    ck_assert_uint_eq(missing_type, MISSING);
    ck_assert_ptr_nonnull(strstr(error.text, "4711"));
    ck_assert_ptr_eq(relation_cache_find(cache, STR("public"), STR("t")), known);
    relation_cache_add_type(cache, MISSING, STR("x"), 0, 0, ',');
    must_find('I', "id:23 x:4711", "", "id:23", "id*:23 x:4711");
    tear_down();
}
END_TEST

/* A message that says two things of one column is refused. */
START_TEST(test_contradiction)
{
    set_up();
    ck_assert_int_eq(find('I', "id:23 id:23", "", ""), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(error.text, "twice or with two types"));
    ck_assert_int_eq(find('U', "id:23", "id:25", ""), -EBADMSG);
    ck_assert_int_eq(find('I', "id:23", "", "key:23"), -EBADMSG);
    tear_down();
}
END_TEST

/* Columns that messages keep renaming do not pile up without end. */
START_TEST(test_bounded)
{
    char text[64];
    int r = 0;

    set_up();
    for (int i = 0; r == 0 && i <= WAL2JSON_COLUMNS_MAX; i++) {
        relation_cache_collect(cache);
        snprintf(text, sizeof(text), "c%d:25", i);
        r = find('U', text, "", "");
        ck_assert_int_eq(r, i < WAL2JSON_COLUMNS_MAX ? 0 : -EBADMSG);
    }
    ck_assert_ptr_nonnull(strstr(error.text, "more than 1600 columns"));
    tear_down();
}
END_TEST

/* What the publication leaves out is taken out of the message, also when the table is altered. */
START_TEST(test_left_out)
{
    set_up();
    must_find('I', "id:23", "", "id:23", "id*:23");
    ck_assert_int_eq(relation_cache_leave_out(cache, STR("public"), STR("t"), STR("g")), 0);
    const struct relation *before = relation;
    must_find('I', "id:23 g:4711", "", "id:23 g:4711", "id*:23");
    ck_assert_ptr_eq(relation, before);
    ck_assert_uint_eq(message.columns.count, 1);
    ck_assert_uint_eq(message.pk.count, 1);
    must_find('U', "g:23 id:23", "id:23 g:23", "id:23", "id*:23");
    ck_assert_uint_eq(message.identity.count, 1);
    must_find('I', "g:23 id:23 more:25", "", "id:23", "id*:23 more:25");
    must_find('D', "", "g:23 id:23", "id:23", "id*:23 more:25");
    tear_down();
}
END_TEST

/* --- with a catalog that answers -------------------------------------------------------------- */

static void say(struct relation_name name, const char *columns, bool full, int64_t since)
{
    static struct wal2json_columns list;
    struct relation_cache_column items[8] = {0};

    set_columns(&list, columns);
    for (uint16_t i = 0; i < list.count; i++)
        items[i] = (struct relation_cache_column){list.items[i].name, list.items[i].type_oid,
                                                  i == 0, i > 1};
    ck_assert_int_eq(
        relation_cache_put_row(
            cache,
            &(struct relation_cache_row){
                .name = name, .full = full, .since = since, .columns = items, .count = list.count},
            &missing_type),
        0);
}

/* The message is not decoded before the catalog was asked about it. */
static void must_ask(char action, const char *columns, const char *identity, const char *pk)
{
    relation_cache_collect(cache);
    relation = NULL;
    missing_type = MISSING;
    ck_assert_int_eq(find(action, columns, identity, pk), -ENOENT);
    ck_assert_uint_eq(missing_type, 0);
    ck_assert_ptr_null(relation);
    ck_assert(relation_name_equal(relation_cache_asked(cache), t_name));
}

static void answer(void)
{
    relation_cache_answered(cache);
    relation_cache_collect(cache);
}

static void set_up_catalog(void)
{
    set_up();
    relation_cache_set_catalog(cache);
    message.timestamp = 1000;
}

/* The catalog is asked when a message differs, once; what it says counts when the message shows it,
 * and else the message counts, with what was known before. */
START_TEST(test_asks)
{
    set_up_catalog();
    say(t_name, "id:23 body:25 n:23", false, 0);
    must_find('U', "id:23 n:23", "id:23", "id:23", "id*:23 body:25 n:23");
    must_ask('U', "id:23 text:25 n:23", "id:23", "id:23");
    say(t_name, "id:23 text:25 n:23", false, 2000);
    answer();
    must_find('U', "id:23 text:25 n:23", "id:23", "id:23", "id*:23 text:25 n:23");

    must_ask('U', "id:23 more:25 n:23", "id:23", "id:23");
    say(t_name, "id:23 even:25 later:23", false, 2000);
    answer();
    must_find('U', "id:23 more:25 n:23", "id:23", "id:23", "id*:23 text:25 more:25 n:23");
    relation_cache_collect(cache);
    must_find('I', "id:23 even:25 later:23", "", "id:23", "id*:23 even:25 later:23");
    must_ask('I', "id:23", "", "id:23");
    tear_down();
}
END_TEST

/* An answer counts for the next decode() and no other. */
START_TEST(test_asks_anew)
{
    set_up_catalog();
    say(t_name, "id:23", false, 0);
    must_ask('I', "id:23 a:25", "", "id:23");
    answer();
    must_find('I', "id:23 a:25", "", "id:23", "id*:23 a:25");
    must_ask('I', "id:23 b:25", "", "id:23");
    must_ask('I', "id:23 b:25", "", "id:23");
    answer();
    relation_cache_collect(cache);
    must_ask('I', "id:23 b:25", "", "id:23");
    tear_down();
}
END_TEST

/* The catalog counts for transactions of its time and later, although a message does not show it.
 */
START_TEST(test_catalog_of_later)
{
    set_up_catalog();
    say(t_name, "id:23 body:25", false, 0);
    say(t_name, "id:23", false, 1001);
    must_find('U', "id:23", "id:23", "id:23", "id*:23 body:25");
    message.timestamp = 1001;
    ck_assert_int_eq(find('U', "id:23", "id:23", "id:23"), 0);
    assert_relation("id*:23");
    tear_down();
}
END_TEST

/* With REPLICA IDENTITY FULL a message shows every column. */
START_TEST(test_full_identity)
{
    set_up_catalog();
    say(t_name, "id:23 body:25 n:23", true, 0);
    must_find('U', "id:23 n:23", "id:23 body:25 n:23", "id:23", "id*:23 body:25 n:23");
    must_find('D', "", "id:23 body:25 n:23", "id:23", "id*:23 body:25 n:23");
    must_ask('D', "", "id:23 n:23", "id:23");
    must_ask('U', "id:23 n:23", "id:23 n:23", "id:23");
    answer();
    must_find('U', "id:23 n:23", "id:23 n:23", "id:23", "id*:23 n:23");
    /* It was not full then: this is the key. */
    say(t_name, "id:23 body:25 n:23", true, 0);
    must_find('U', "id:23 n:23", "id:23", "id:23", "id*:23 body:25 n:23");
    tear_down();
}
END_TEST

/* A table that is not published is passed over, once the catalog has said so. */
START_TEST(test_unpublished)
{
    set_up_catalog();
    must_ask('I', "id:23", "", "id:23");
    ck_assert_int_eq(relation_cache_pass_over(cache, t_name), 0);
    answer();
    for (const char *action = "IUDT"; *action != '\0'; action++) {
        ck_assert_int_eq(find(*action, "id:23", "", "id:23"), 0);
        ck_assert_ptr_null(relation);
    }
    relation_cache_begin_reading(cache);
    must_ask('I', "id:23", "", "id:23");
    tear_down();
}
END_TEST

/* Rows of a partition are those of its root, in the root's order, with the old values that its
 * identity tells; its own primary key and its TRUNCATE are no matter of the root. */
START_TEST(test_partition)
{
    const struct relation_name root = {STR("public"), STR("root")};

    set_up_catalog();
    say(root, "id:23 k:23 body:25", false, 0);
    ck_assert_int_eq(relation_cache_add_partition(cache, t_name, root), 0);
    ck_assert_int_eq(find('I', "body:25 id:23 k:23", "", "k:23"), 0);
    ck_assert(str_equal(relation->table, root.table));
    ck_assert_uint_eq(message.columns.items[0].index, 2);
    ck_assert_int_eq(find('U', "id:23 k:23", "body:25 k:23 id:23", "id:23"), 0);
    ck_assert_uint_eq(message.identity.count, 2);
    ck_assert_uint_eq(message.identity.items[0].index, 1);
    ck_assert_int_eq(find('T', "", "", ""), 0);
    ck_assert_ptr_null(relation);

    must_ask('I', "new:25 k:23 id:23", "", "id:23");
    answer();
    ck_assert_int_eq(find('I', "new:25 k:23 id:23", "", "id:23"), 0);
    ck_assert(str_equal(relation->table, root.table));
    ck_assert_uint_eq(relation->column_count, 3);
    ck_assert(str_equal(relation->columns[0].name, STR("id")) && relation->columns[0].primary_key);
    ck_assert(str_equal(relation->columns[2].name, STR("new")));
    assert_located(&message.columns);
    tear_down();
}
END_TEST

UNIT_SUITE("decode/wal2json_relation", test_known, test_unknown, test_insert_replaces,
           test_update_replaces, test_delete_replaces, test_missing_type, test_contradiction,
           test_bounded, test_left_out, test_asks, test_asks_anew, test_catalog_of_later,
           test_full_identity, test_unpublished, test_partition)
