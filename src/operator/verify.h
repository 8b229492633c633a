/* operator/verify.h - the SQL with which a read model is compared with its query: which ids there
 * are, and their rows. Pure: text from a definition. */
#ifndef OPERATOR_VERIFY_H
#define OPERATOR_VERIFY_H

#include "operator/statements.h"

/* Names of the prepared statements, whose parameters are the ids in arrays. */
#define VERIFY_ROWS "walpiper_verify_rows"
#define VERIFY_ORPHANS "walpiper_verify_orphans"

/* Appends the query for the ids of target and sources, each once and in order: a text for each of
 * its columns, and whether it is an orphan. WHERE as in statement_page(). SAMPLE: so many at most,
 * by chance, 0: all; each relation gives as many, and of these so many remain. */
int verify_ids(struct buffer *out, const struct config_operator *op, const struct id_types *types,
               const char *where, int64_t sample);

/* Appends the query whether the ids are orphans, a row for each, in their order. */
int verify_orphans(struct buffer *out, const struct config_operator *op,
                   const struct id_types *types);

/* Appends the query for the target's rows of the ids: which id, from 1, a text that another version
 * of the row does not have, then the columns; ordered by the first and what they have. */
int verify_rows(struct buffer *out, const struct config_operator *op, const struct id_types *types);

#endif
