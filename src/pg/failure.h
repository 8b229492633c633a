/* pg/failure.h - what the server or libpq says of a failure, as a struct error, and the classes of
 * SQLSTATE that decide what to do about it (PostgreSQL documentation, appendix A). Pure but for
 * reading the PGconn and PGresult. */
#ifndef PG_FAILURE_H
#define PG_FAILURE_H

#include "base/error.h"
#include <libpq-fe.h>
#include <stdbool.h>

/* The first line of what libpq says of the connection; code -ECONNRESET. */
int pg_failure_of_connection(struct error *err, const PGconn *pg);
/* Message, detail (unless it may quote a row) and SQLSTATE of a failed result; code -EPROTO, or
 * -ECONNRESET without SQLSTATE.
 */
int pg_failure_of_result(struct error *err, const PGresult *result);

enum pg_failure_class {
    PG_FAILURE_TRANSIENT, /* the same statement may succeed later: connection, deadlock, resources
                           */
    PG_FAILURE_SYSTEMIC,  /* it fails whatever the data: missing object, no permission, bad SQL */
    PG_FAILURE_DATA,      /* these values fail: constraint, overflow, bad text */
};

/* An empty SQLSTATE is a lost connection: transient. */
enum pg_failure_class pg_failure_classify(const char *sqlstate);

#endif
