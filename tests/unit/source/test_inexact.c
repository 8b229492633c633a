#include "source/inexact.h"
#include "unit.h"

#define FIELDS 6

static PGresult *result;

static void setup(void)
{
    static char name[] = "field";
    PGresAttDesc fields[FIELDS] = {0};

    for (int i = 0; i < FIELDS; i++)
        fields[i].name = name;
    result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    ck_assert_int_eq(PQsetResultAttrs(result, FIELDS, fields), 1);
}

static void add(const char *table, const char *column, const char *type, const char *published)
{
    const char *const values[FIELDS] = {"public", table, column, type, "f", published};
    int row = PQntuples(result);

    for (int i = 0; i < FIELDS; i++)
        ck_assert_int_eq(PQsetvalue(result, row, i, strdupa(values[i]), (int)strlen(values[i])), 1);
}

START_TEST(only_published_columns_of_the_three_types_are_named)
{
    struct inexact inexact = {.columns = "before"};

    setup();
    inexact_read(&inexact, result);
    ck_assert_str_eq(inexact.columns, "");
    add("t", "i", "23", "t");
    add("t", "f4", "700", "t");
    add("t", "made", "701", "f");
    add("t", "a", "1231", "t");
    add("u", "f8", "701", "t");
    add("u", "n", "1700", "t");
    add("u", "domain", "17000", "t");
    inexact_read(&inexact, result);
    ck_assert_str_eq(inexact.columns, "public.t.f4, public.u.f8, public.u.n");
    PQclear(result);
}
END_TEST

START_TEST(of_many_columns_the_first_are_named_and_the_others_counted)
{
    struct inexact inexact;
    static const char end[] = "xx and 1000 more";
    char name[64];

    setup();
    memset(name, 'x', sizeof(name) - 1);
    name[63] = '\0';
    for (int n = 0; n < INEXACT_SHOWN_MAX; n++)
        add(name, name, "701", "t");
    inexact_read(&inexact, result);
    ck_assert_ptr_null(strstr(inexact.columns, "more"));
    for (int n = 0; n < 1000; n++)
        add(name, name, "701", "t");
    inexact_read(&inexact, result);
    ck_assert_str_eq(inexact.columns + strlen(inexact.columns) - strlen(end), end);
    PQclear(result);
}
END_TEST

UNIT_SUITE("source/inexact", only_published_columns_of_the_three_types_are_named,
           of_many_columns_the_first_are_named_and_the_others_counted)
