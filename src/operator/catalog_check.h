/* operator/catalog_check.h - what the catalog must say of an operator's target and sources before
 * it may run. Pure but for reading a PGresult. */
#ifndef OPERATOR_CATALOG_CHECK_H
#define OPERATOR_CATALOG_CHECK_H

#include "base/error.h"
#include "operator/statements.h"
#include <libpq-fe.h>

/* Asks for one relation: $1 schema, $2 table, $3 columns (catalog_check_names()). One row a column
 * (one without a name when there are no columns), none when there is no such table. Of a
 * partitioned table the identities of the leaves count: the log has their rows. */
extern const char catalog_check_sql[];

/* Names of 63 bytes, all of them escaped. */
#define CATALOG_NAMES_MAX (CONFIG_ID_COLUMNS_MAX * 160)
int catalog_check_names(struct buffer *out, const struct config_names *columns);

/* Each 0, or -EINVAL with the mend in ERR. */
int catalog_check_target(const struct config_operator *op, const PGresult *rows,
                         struct id_types *ret_types, struct error *err);
int catalog_check_source(const struct config_operator *op, size_t index, const PGresult *rows,
                         struct error *err);
/* Of a source with keys: the type of the column whose value is $1. */
int catalog_check_key(const struct config_operator_source *source, const PGresult *rows,
                      struct id_types *ret_type, struct error *err);
/* What the query of keys gives, as it was prepared. */
int catalog_check_keys(const struct config_operator *op, const PGresult *description,
                       struct error *err);

/* Asks for a text that is the same for two connections exactly when they lead to the same database
 * of the same running server. */
extern const char catalog_place_sql[];

/* Asks for the functions $1.$2: may the role execute one of them? */
extern const char catalog_function_sql[];
int catalog_check_function(const struct config_operator *op, const PGresult *row,
                           struct error *err);

#endif
