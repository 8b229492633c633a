/* operator/verdict.h - what is wrong with the row of an id: the target's rows as they are, compared
 * with those that the operator's statements make of them. Pure but for reading PGresults. */
#ifndef OPERATOR_VERDICT_H
#define OPERATOR_VERDICT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

enum verdict_kind {
    VERDICT_RIGHT,
    VERDICT_MISSING,     /* a row should be there */
    VERDICT_SUPERFLUOUS, /* a row is there that should not be */
    VERDICT_DIFFERS,     /* columns have other values */
    VERDICT_FAILS,       /* the statements fail for this id */
    VERDICT_PARKED,      /* not right, as is known: it is parked */
    VERDICT_UNDECIDED,   /* it is locked, or changes all the time */
};

/* A column that is not as it should be; of a row that is missing or superfluous each. */
struct verdict_column {
    char *name, *is, *should; /* owned; NULL: SQL NULL, or no row */
};

/* An id and what was found. Zeroed with TEXT set it is one that nothing is known of. */
struct verdict {
    char *text; /* owned, as all of it */
    bool orphan;
    bool there; /* it has a row */
    enum verdict_kind kind;
    struct verdict_column *columns;
    size_t column_count;
    char *version;    /* of the row that is there; NULL: none is */
    char *why;        /* of those that fail, and are undecided */
    unsigned repeats; /* looks that found the same, one after the other */
};

void verdict_release(struct verdict *verdict);    /* safe on a zeroed one */
const char *verdict_name(enum verdict_kind kind); /* a literal: "missing" */

/* Judges COUNT ids by their rows BEFORE and AFTER the statements, as verify_rows() gives them for
 * the ids in this order. 0 or -ENOMEM. */
int verdict_judge(struct verdict *verdicts, size_t count, const PGresult *before,
                  const PGresult *after);

/* The statements have failed: for DATA, or because something was in the way. 0 or -ENOMEM. */
int verdict_fail(struct verdict *verdict, bool data, const char *why);

/* The same is wrong, and the row was not written between the two. What was in the way may be gone
 * the next time, and is never the same. */
bool verdict_same(const struct verdict *a, const struct verdict *b);

#endif
