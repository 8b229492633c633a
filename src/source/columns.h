/* source/columns.h - what the configuration says of single columns of marked tables: lists of them
 * are made into rules for the decoders, and all, those of topics too, are compared with the
 * catalog, for the service and for `walpiper check`. Asks nothing itself. */
#ifndef SOURCE_COLUMNS_H
#define SOURCE_COLUMNS_H

#include "base/buffer.h"
#include "config/config.h"
#include "decode/column_rules.h"
#include <libpq-fe.h>

/* Borrows the names of CONFIG. 0 or -ENOMEM. */
int columns_rules(struct column_rules *ret_rules, const struct config *config);

#define COLUMNS_ARRAYS 5

/* $1 to $5 are the arrays of columns_arrays(), $6 the publication. One row a problem. */
extern const char columns_sql[];
/* Fills ARRAYS, which the caller has zeroed and releases, with array literals that end in NUL.
 * *RET_COUNT: columns in them. 0 or -ENOMEM. */
int columns_arrays(struct buffer arrays[COLUMNS_ARRAYS], const struct config *config,
                   size_t *ret_count);

struct columns_problem {
    bool warning;               /* else the service does not start */
    const char *schema, *table; /* borrowed from the result */
    char cause[256];            /* "exclude names column x, which does not exist" */
    char mend[320];
};

void columns_problem_read(struct columns_problem *ret_problem, const PGresult *result, int row,
                          const char *publication);

#endif
