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
/* Of an attempt to connect, all that libpq says, of each address in turn; code -ECONNRESET, or
 * -EPERM when it is about certificates. True when the last word was the server's. */
bool pg_failure_of_connecting(struct error *err, const PGconn *pg);
/* VERBOSE is libpq's message of the same refusal in PQERRORS_VERBOSE: takes the SQLSTATE from it.
 */
void pg_failure_add_sqlstate(struct error *err, const char *verbose);
/* What a human must mend to connect as USER: the code that says so, and how. */
void pg_failure_add_mend(struct error *err, const char *user);

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
