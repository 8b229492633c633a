/* pg/result.h - cells of a result as libpq lends them. Pure. */
#ifndef PG_RESULT_H
#define PG_RESULT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <walpiper/str.h>

/* The rows of a query came, and there are any. */
static inline bool pg_has_rows(const PGresult *result)
{
    return PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0;
}

/* Lives as long as RESULT; empty for NULL. */
static inline struct str pg_cell(const PGresult *result, int row, int column)
{
    return (struct str){PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)};
}

/* A boolean; NULL is false. */
static inline bool pg_true(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

#endif
