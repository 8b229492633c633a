/* operator/catalog_check.h - what the catalog must say of an operator's target and sources before
 * it may run. Pure but for reading a PGresult. */
#ifndef OPERATOR_CATALOG_CHECK_H
#define OPERATOR_CATALOG_CHECK_H

#include "base/error.h"
#include "config/config.h"
#include <libpq-fe.h>

/* Asks for one relation: $1 schema, $2 table, $3 column. One row (oid, has the column, the column
 * is in the replica identity), or none when there is no such table. Of a partitioned table the
 * identities of the leaves count: the log has their rows. */
extern const char catalog_check_sql[];

/* 0, or -EINVAL with the mend in ERR. */
int catalog_check_target(const struct config_operator *op, const PGresult *row, struct error *err);
int catalog_check_source(const struct config_operator *op, size_t index, const PGresult *row,
                         struct error *err);

#endif
