#include "source/catalog.h"
#include "unit.h"
#include <errno.h>
#include <stdio.h>

START_TEST(wal2json_names_are_escaped_as_its_parser_wants)
{
    struct buffer out;
    buffer_init(&out, 1000);
    catalog_wal2json_name(&out, STR("a b,c.d*e'f\\g\"H"));
    ck_assert(str_equal(buffer_str(&out), STR("a\\ b\\,c\\.d\\*e\\'f\\\\g\"H")));
    buffer_release(&out);
}
END_TEST

START_TEST(array_elements_are_quoted_and_separated)
{
    struct buffer out;
    buffer_init(&out, 1000);
    buffer_append_char(&out, '{');
    catalog_array_element(&out, STR("public"));
    catalog_array_element(&out, STR("we\"ird\\"));
    catalog_array_element(&out, STR("{"));
    catalog_array_element(&out, STR("x"));
    buffer_append_char(&out, '}');
    ck_assert_msg(str_equal(buffer_str(&out), STR("{\"public\",\"we\\\"ird\\\\\",\"{\",\"x\"}")),
                  "%.*s", STR_ARG(buffer_str(&out)));
    buffer_release(&out);
}
END_TEST

/* --- answers about a table ------------------------------------------------------------------- */

enum { INT4 = 23 };

static const struct relation_name asked = {STR("s"), STR("asked")};

static PGresult *result_of(int columns)
{
    static char name[] = "c";
    PGresAttDesc attributes[16] = {0};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

    ck_assert_ptr_nonnull(result);
    for (int i = 0; i < columns; i++)
        attributes[i].name = name;
    ck_assert(PQsetResultAttrs(result, columns, attributes));
    return result;
}

/* A row of cells that are separated by spaces; - is NULL. */
static void add_row(PGresult *result, const char *text)
{
    struct str rest = str_from(text);

    int row = PQntuples(result);
    for (int column = 0; rest.len > 0; column++) {
        char cell[64];
        struct str word = str_cut(&rest, ' ');
        snprintf(cell, sizeof(cell), "%.*s", STR_ARG(word));
        bool null = strcmp(cell, "-") == 0;
        ck_assert(PQsetvalue(result, row, column, null ? NULL : cell, null ? -1 : (int)word.len));
    }
}

static struct relation_cache *asking_cache(void)
{
    struct relation_cache *cache = relation_cache_new();

    ck_assert_ptr_nonnull(cache);
    relation_cache_set_catalog(cache);
    relation_cache_add_type(cache, INT4, STR("int4"), 0, 0, ',');
    return cache;
}

/* The catalog answers with ROW, or with nothing; what the name stands for then. */
static enum relation_role answer(struct relation_cache *cache, const char *row)
{
    struct error err = {0};
    const struct relation *relation;
    PGresult *result = result_of(11);

    ck_assert(relation_cache_ask(cache, asked));
    if (row)
        add_row(result, row);
    ck_assert_int_eq(catalog_read_relation(cache, result, relation_cache_asked(cache), &err), 0);
    ck_assert_uint_eq(relation_cache_asked(cache).table.len, 0);
    PQclear(result);
    return relation_cache_resolve(cache, asked, 0, &relation);
}

START_TEST(an_answer_says_what_a_name_stands_for)
{
    static const struct {
        const char *row;
        enum relation_role role;
    } rows[] = {
        /* schema table column type key published identity oid unlisted full since */
        {NULL, RELATION_UNPUBLISHED},
        {"s asked id 23 t t t 7 t f 5", RELATION_PUBLISHED},   /* of a schema, or of all */
        {"s root id 23 t t t 8 t f 5", RELATION_PARTITION},    /* of such a root */
        {"s asked id 23 t t t 7 f f 5", RELATION_UNPUBLISHED}, /* added since: the next stream */
        {"s root id 23 t t t 8 f f 5", RELATION_UNPUBLISHED},
        {"s asked id 23 t t t 99 f f 5", RELATION_PUBLISHED}, /* known, by another name */
        {"s root id 23 t t t 99 f f 5", RELATION_PARTITION},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct relation_cache *cache = asking_cache();
        PGresult *known = result_of(11);
        struct error err = {0};
        size_t count;
        add_row(known, "s known id 23 t t t 99 f f 5");
        ck_assert_int_eq(catalog_read_relations(cache, known, &count, &err), 0);
        ck_assert_uint_eq(count, 1);
        ck_assert_msg(answer(cache, rows[i].row) == rows[i].role, "row %zu", i);
        PQclear(known);
        relation_cache_free(cache);
    }
}
END_TEST

/* What was published when its messages were written stays so. */
START_TEST(a_known_table_that_is_gone_stays_known)
{
    struct relation_cache *cache = asking_cache();
    const struct relation_cache_row row = {.name = asked, .oid = 7};
    uint32_t missing;

    ck_assert_int_eq(relation_cache_put_row(cache, &row, &missing), 0);
    ck_assert_int_eq(answer(cache, NULL), RELATION_PUBLISHED);
    relation_cache_free(cache);
}
END_TEST

START_TEST(columns_that_the_publication_leaves_out_are_no_columns)
{
    struct relation_cache *cache = asking_cache();
    PGresult *result = result_of(11);
    struct error err = {0};
    size_t count;

    add_row(result, "s t id 23 t t t 7 f f 5");
    add_row(result, "s t generated 23 f f f 7 f f 5");
    add_row(result, "s t v 23 f t f 7 f f 5");
    ck_assert_int_eq(catalog_read_relations(cache, result, &count, &err), 0);
    const struct relation *t = relation_cache_find(cache, STR("s"), STR("t"));
    ck_assert_uint_eq(t->column_count, 2);
    ck_assert(relation_cache_leaves_out(t, STR("generated")));
    ck_assert(!relation_cache_hides_old(t, 0) && relation_cache_hides_old(t, 1));
    PQclear(result);
    relation_cache_free(cache);
}
END_TEST

START_TEST(a_type_that_is_not_there_yet_is_tried_again)
{
    struct relation_cache *cache = asking_cache();
    PGresult *result = result_of(11);
    struct error err = {0};
    size_t count;

    add_row(result, "s t id 4711 t t t 7 f f 5");
    ck_assert_int_eq(catalog_read_relations(cache, result, &count, &err), -EAGAIN);
    ck_assert_ptr_nonnull(strstr(err.text, "s.t"));
    PQclear(result);
    relation_cache_free(cache);
}
END_TEST

START_TEST(lists_for_wal2json_have_patterns_for_null)
{
    PGresult *result = result_of(2);
    struct buffer list;

    buffer_init(&list, 1000);
    add_row(result, "- -");
    add_row(result, "s* -");
    add_row(result, "s t.*");
    ck_assert_int_eq(catalog_read_list(result, &list), 0);
    ck_assert_str_eq(list.data, "*.*,s\\*.*,s.t\\.\\*");
    PQclear(result);
    buffer_release(&list);
}
END_TEST

UNIT_SUITE("source/catalog", wal2json_names_are_escaped_as_its_parser_wants,
           array_elements_are_quoted_and_separated, an_answer_says_what_a_name_stands_for,
           a_known_table_that_is_gone_stays_known,
           columns_that_the_publication_leaves_out_are_no_columns,
           a_type_that_is_not_there_yet_is_tried_again, lists_for_wal2json_have_patterns_for_null)
