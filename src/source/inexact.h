/* source/inexact.h - the columns of published tables whose values wal2json cannot tell in full:
 * float4, float8 and numeric, whose NaN and Infinity it gives as null. Arrays of them, and domains
 * over them, it gives as text, which is whole. Told once at start, and again when there are others.
 * Reads PGresults, asks nothing itself. */
#ifndef SOURCE_INEXACT_H
#define SOURCE_INEXACT_H

#include <libpq-fe.h>

#define INEXACT_SHOWN_MAX 8
#define INEXACT_TEXT_MAX 1700 /* so many columns, each of three names of 63 bytes, and a number */

struct inexact {
    char columns[INEXACT_TEXT_MAX]; /* "public.t.n, public.t.f and 3 more"; empty when all are fine
                                     */
    char told[INEXACT_TEXT_MAX];    /* the same, as the log has it already */
};

/* RESULT is that of catalog_relations_sql. */
void inexact_read(struct inexact *inexact, const PGresult *result);

/* SLOT decodes with wal2json: says in the log what that means for the columns, unless it is said.
 */
void inexact_tell(struct inexact *inexact, const char *slot);

#endif
