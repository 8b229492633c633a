/* operator/verify.h - the SQL with which a read model is compared with its query: which ids there
 * are, and their rows. Pure: text from a definition. */
#ifndef OPERATOR_VERIFY_H
#define OPERATOR_VERIFY_H

#include "operator/statements.h"

/* Names of the prepared statements, whose parameters are the ids in arrays. */
#define VERIFY_ROWS "walpiper_verify_rows"
#define VERIFY_ORPHANS "walpiper_verify_orphans" /* statement_orphans() */

/* Which ids are meant. */
struct verify_scope {
    bool target, sources; /* of which tables: of both only when these are in one database */
    const char *where;    /* as in statement_page() */
    int64_t sample;       /* so many at most, by chance, of each table and in all; 0: every one */
    /* Of each step's table (statement_next_step()), how many percent of its pages are read for the
     * sample; NULL, and from 100 on: all. Each row is as likely as any other to be on one. */
    const double *percent;
};

/* Asks for that percentage: $1 schema, $2 table, $3 sample. Twice as many pages as ids and some
 * more, so that what is near to each other is hardly ever taken together; and as many more as it
 * takes where not every page has a row. */
extern const char verify_percent_sql[];

/* Appends the query for them, each once and in order: a text for each of an id's columns, and,
 * where it can be told, whether it is an orphan. */
int verify_ids(struct buffer *out, const struct config_operator *op, const struct id_types *types,
               const struct verify_scope *scope);

/* Appends the query for the target's rows of the ids: which id, from 1, a text that another version
 * of the row does not have, then the columns; ordered by the first and what they have. */
int verify_rows(struct buffer *out, const struct config_operator *op, const struct id_types *types);

#endif
