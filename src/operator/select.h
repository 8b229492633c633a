/* operator/select.h - the form `select:`: from the SELECT of one row by its id, and what the
 * catalog says of the target, to one MERGE for many ids. Its rows are written where they differ,
 * byte for byte, and an id of which the SELECT gives none loses its row. Pure but for reading a
 * PGresult. */
#ifndef OPERATOR_SELECT_H
#define OPERATOR_SELECT_H

#include "base/error.h"
#include "operator/statements.h"
#include <libpq-fe.h>

#define SELECT_MERGE_MAX (4 << 20) /* bytes of a query file and names and types of 1600 columns */

struct select_column {
    char name[64];
    char type[300]; /* of the target's column, as SQL has it */
    bool is_id;
};

struct select {
    struct select_column *columns; /* owned */
    size_t count;
};

void select_release(struct select *select); /* safe on a zeroed one */

/* Takes the names of the columns from the DESCRIPTION of the prepared SELECT. 0, -ENOMEM, or
 * -EINVAL: it gives no rows, lacks an id, or gives a column twice. */
int select_read(struct select *ret_select, const struct config_operator *op,
                const PGresult *description, struct error *err);

/* Asks for the columns of the target: $1 schema, $2 table. */
extern const char select_target_sql[];

/* Compares with what they are. 0, or -EINVAL: a column is not there or cannot be written. */
int select_check(struct select *select, const struct config_operator *op, const PGresult *rows,
                 struct error *err);

/* Appends the MERGE; its parameters are arrays, one for each column of the id. */
int select_merge(struct buffer *out, const struct select *select, const struct config_operator *op,
                 const struct id_types *types);

#endif
