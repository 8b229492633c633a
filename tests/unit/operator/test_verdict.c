#include "operator/verdict.h"
#include "unit.h"

#define COLUMNS 4 /* the id's number, the row's version, id, v */

/* Rows of COLUMNS texts; NULL is NULL. */
static PGresult *rows_of(int count, const char *const rows[][COLUMNS])
{
    static char names[COLUMNS][8] = {"nr", "version", "id", "v"};
    PGresAttDesc descriptions[COLUMNS] = {0};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    for (int i = 0; i < COLUMNS; i++)
        descriptions[i].name = names[i];
    PQsetResultAttrs(result, COLUMNS, descriptions);
    for (int row = 0; row < count; row++)
        for (int i = 0; i < COLUMNS; i++) {
            const char *value = rows[row][i];
            char copy[64];
            snprintf(copy, sizeof(copy), "%s", value ? value : "");
            PQsetvalue(result, row, i, value ? copy : NULL, value ? (int)strlen(copy) : -1);
        }
    return result;
}

#define ROWS(...)                                                                                  \
    rows_of(sizeof((const char *const[][COLUMNS]){__VA_ARGS__}) / sizeof(const char *[COLUMNS]),   \
            (const char *const[][COLUMNS]){__VA_ARGS__})

/* Takes both. */
static void judge(struct verdict *verdicts, size_t count, PGresult *before, PGresult *after)
{
    ck_assert_int_eq(verdict_judge(verdicts, count, before, after), 0);
    PQclear(before);
    PQclear(after);
}

START_TEST(test_each_id_is_judged_by_its_own_rows)
{
    struct verdict v[5] = {0};
    judge(v, 5, ROWS({"1", "a", "1", "x"}, {"3", "b", "3", NULL}, {"4", "c", "4", "y"}),
          ROWS({"1", "z", "1", "x"}, {"2", "z", "2", "new"}, {"3", "z", "3", ""}));
    ck_assert_int_eq(v[0].kind, VERDICT_RIGHT); /* another version of the same row is the same */
    ck_assert_uint_eq(v[0].column_count, 0);
    ck_assert_int_eq(v[1].kind, VERDICT_MISSING);
    ck_assert_uint_eq(v[1].column_count, 2);
    ck_assert_str_eq(v[1].columns[1].name, "v");
    ck_assert_ptr_null(v[1].columns[1].is);
    ck_assert_str_eq(v[1].columns[1].should, "new");
    ck_assert_int_eq(v[2].kind, VERDICT_DIFFERS); /* NULL is not empty */
    ck_assert_uint_eq(v[2].column_count, 1);
    ck_assert_ptr_null(v[2].columns[0].is);
    ck_assert_str_eq(v[2].columns[0].should, "");
    ck_assert_int_eq(v[3].kind, VERDICT_SUPERFLUOUS);
    ck_assert_str_eq(v[3].columns[1].is, "y");
    ck_assert_ptr_null(v[3].columns[1].should);
    ck_assert_int_eq(v[4].kind, VERDICT_RIGHT);
    ck_assert(v[0].there && !v[1].there && v[3].there && !v[4].there);
    for (size_t i = 0; i < 5; i++)
        verdict_release(&v[i]);
}
END_TEST

START_TEST(test_where_an_id_has_several_rows_the_one_too_many_or_too_few_is_told)
{
    struct verdict v[3] = {0};
    judge(v, 3,
          ROWS({"1", "a", "1", "x"}, {"1", "b", "1", "y"}, {"2", "c", "2", "x"},
               {"3", "d", "3", "x"}, {"3", "e", "3", "y"}),
          ROWS({"1", "a", "1", "x"}, {"2", "c", "2", "x"}, {"2", "f", "2", "z"},
               {"3", "d", "3", "x"}, {"3", "e", "3", "q"}));
    ck_assert_int_eq(v[0].kind, VERDICT_SUPERFLUOUS);
    ck_assert_str_eq(v[0].columns[1].is, "y");
    ck_assert_int_eq(v[1].kind, VERDICT_MISSING);
    ck_assert_str_eq(v[1].columns[1].should, "z");
    ck_assert_int_eq(v[2].kind, VERDICT_DIFFERS);
    ck_assert_str_eq(v[2].columns[0].is, "y");
    ck_assert_str_eq(v[2].columns[0].should, "q");
    for (size_t i = 0; i < 3; i++)
        verdict_release(&v[i]);
}
END_TEST

/* A look at id 1: its row as it IS, in a version, and as it should be. */
static struct verdict look(const char *version, const char *is, const char *should)
{
    struct verdict v = {0};
    PGresult *none = ROWS({"9", "", "", ""});
    judge(&v, 1, is ? ROWS({"1", version, "1", is}) : PQcopyResult(none, PG_COPYRES_TUPLES),
          should ? ROWS({"1", "z", "1", should}) : PQcopyResult(none, PG_COPYRES_TUPLES));
    PQclear(none);
    return v;
}

static bool same(struct verdict a, struct verdict b)
{
    bool result = verdict_same(&a, &b);
    verdict_release(&a);
    verdict_release(&b);
    return result;
}

START_TEST(test_the_same_is_wrong_only_when_nothing_has_moved)
{
    ck_assert(same(look("a", "x", "y"), look("a", "x", "y")));
    ck_assert(!same(look("a", "x", "y"), look("b", "x", "y"))); /* it was written meanwhile */
    ck_assert(!same(look("a", "x", "y"), look("a", "x", "q"))); /* the sources have changed */
    ck_assert(!same(look("a", "x", "y"), look("a", "x", NULL)));
    ck_assert(same(look("a", NULL, "y"), look("a", NULL, "y")));
    ck_assert(!same(look("a", NULL, "y"), look("a", NULL, "q")));
}
END_TEST

START_TEST(test_a_failure_is_the_same_with_the_same_words_and_a_lock_never_is)
{
    struct verdict a = look("a", "x", "y"), b = look("a", "x", "y");
    ck_assert_int_eq(verdict_fail(&a, true, "division by zero"), 0);
    ck_assert_uint_eq(a.column_count, 0);
    ck_assert(!verdict_same(&a, &b));
    ck_assert_int_eq(verdict_fail(&b, true, "division by zero"), 0);
    ck_assert(verdict_same(&a, &b));
    ck_assert_int_eq(verdict_fail(&b, true, "out of range"), 0);
    ck_assert(!verdict_same(&a, &b));
    ck_assert_int_eq(verdict_fail(&a, false, "lock timeout"), 0);
    ck_assert_int_eq(verdict_fail(&b, false, "lock timeout"), 0);
    ck_assert(!verdict_same(&a, &b));
    verdict_release(&a);
    verdict_release(&b);
}
END_TEST

UNIT_SUITE("operator/verdict", test_each_id_is_judged_by_its_own_rows,
           test_where_an_id_has_several_rows_the_one_too_many_or_too_few_is_told,
           test_the_same_is_wrong_only_when_nothing_has_moved,
           test_a_failure_is_the_same_with_the_same_words_and_a_lock_never_is)
