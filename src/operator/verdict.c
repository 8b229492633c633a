#include "operator/verdict.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER, VERSION, FIRST_COLUMN };

static void forget(struct verdict *v)
{
    for (size_t i = 0; i < v->column_count; i++) {
        free(v->columns[i].name);
        free(v->columns[i].is);
        free(v->columns[i].should);
    }
    free(v->columns);
    free(v->version);
    free(v->why);
    v->columns = NULL;
    v->version = v->why = NULL;
    v->column_count = 0;
}

void verdict_release(struct verdict *v)
{
    forget(v);
    free(v->text);
    *v = (struct verdict){0};
}

const char *verdict_name(enum verdict_kind kind)
{
    static const char *const names[] = {"right", "missing", "superfluous", "differs",
                                        "fails", "parked",  "undecided"};
    return names[kind];
}

/* --- one id ----------------------------------------------------------------------------------- */

/* A row of a result; row -1: none. */
struct row {
    const PGresult *rows;
    int row;
};

static const char *value_of(struct row row, int column)
{
    if (row.row < 0 || PQgetisnull(row.rows, row.row, column))
        return NULL;
    return PQgetvalue(row.rows, row.row, column);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static int copy(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return text && !*to ? -ENOMEM : 0;
}

static int add_column(struct verdict *v, const char *name, const char *is, const char *should)
{
    struct verdict_column *column = &v->columns[v->column_count++];
    int rc = copy(&column->name, name);
    if (rc == 0)
        rc = copy(&column->is, is);
    return rc == 0 ? copy(&column->should, should) : rc;
}

/* Those that differ; when one of the two is not there, all. */
static int take_columns(struct verdict *v, struct row is, struct row should)
{
    const PGresult *rows = is.row >= 0 ? is.rows : should.rows;
    bool whole = is.row < 0 || should.row < 0;
    int rc = 0;
    v->columns = calloc((size_t)PQnfields(rows), sizeof(*v->columns));
    if (!v->columns)
        return -ENOMEM;
    for (int i = FIRST_COLUMN; i < PQnfields(rows) && rc == 0; i++)
        if (whole || !same_text(value_of(is, i), value_of(should, i)))
            rc = add_column(v, PQfname(rows, i), value_of(is, i), value_of(should, i));
    return rc;
}

static bool same_rows(struct row a, struct row b)
{
    for (int i = FIRST_COLUMN; i < PQnfields(a.rows); i++)
        if (!same_text(value_of(a, i), value_of(b, i)))
            return false;
    return true;
}

static int set(struct verdict *v, enum verdict_kind kind, struct row is, struct row should)
{
    v->kind = kind;
    int rc = take_columns(v, is, should);
    return rc == 0 ? copy(&v->version, value_of(is, VERSION)) : rc;
}

/* The rows of one id in a result: from ROW on, COUNT of them. */
struct span {
    const PGresult *rows;
    int row, count;
};

/* Usually there is one row at most. Where there are more, the first pair that differs is told, or
 * the first of those that one side has more. */
static int judge(struct verdict *v, struct span before, struct span after)
{
    int common = before.count < after.count ? before.count : after.count;
    for (int i = 0; before.count == after.count && i < common; i++) {
        struct row is = {before.rows, before.row + i}, should = {after.rows, after.row + i};
        if (!same_rows(is, should))
            return set(v, VERDICT_DIFFERS, is, should);
    }
    struct row none = {NULL, -1};
    if (before.count > after.count)
        return set(v, VERDICT_SUPERFLUOUS, (struct row){before.rows, before.row + common}, none);
    if (before.count < after.count)
        return set(v, VERDICT_MISSING, none, (struct row){after.rows, after.row + common});
    v->kind = VERDICT_RIGHT;
    return 0;
}

/* --- many ------------------------------------------------------------------------------------- */

/* The rows of the id of this number, which begin at ROW if there are any. */
static struct span span_of(const PGresult *rows, int row, size_t number)
{
    struct span span = {rows, row, 0};
    while (row + span.count < PQntuples(rows) &&
           strtoull(PQgetvalue(rows, row + span.count, NUMBER), NULL, 10) == number)
        span.count++;
    return span;
}

int verdict_judge(struct verdict *verdicts, size_t count, const PGresult *before,
                  const PGresult *after)
{
    int row_before = 0, row_after = 0, rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct span is = span_of(before, row_before, i + 1);
        struct span should = span_of(after, row_after, i + 1);
        forget(&verdicts[i]);
        verdicts[i].there = is.count > 0;
        rc = judge(&verdicts[i], is, should);
        row_before += is.count;
        row_after += should.count;
    }
    return rc;
}

int verdict_fail(struct verdict *v, bool data, const char *why)
{
    forget(v);
    v->kind = data ? VERDICT_FAILS : VERDICT_UNDECIDED;
    return copy(&v->why, why);
}

bool verdict_same(const struct verdict *a, const struct verdict *b)
{
    if (a->kind != b->kind || a->kind == VERDICT_UNDECIDED || a->column_count != b->column_count ||
        !same_text(a->version, b->version) || !same_text(a->why, b->why))
        return false;
    for (size_t i = 0; i < a->column_count; i++)
        if (!same_text(a->columns[i].name, b->columns[i].name) ||
            !same_text(a->columns[i].is, b->columns[i].is) ||
            !same_text(a->columns[i].should, b->columns[i].should))
            return false;
    return true;
}
