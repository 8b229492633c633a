#include "pg/failure.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int first_line_length(const char *text)
{
    return (int)strcspn(text, "\r\n");
}

int pg_failure_of_connection(struct error *err, const PGconn *pg)
{
    const char *text = pg ? PQerrorMessage(pg) : "out of memory";
    return error_set(err, -ECONNRESET, "%.*s", first_line_length(text), text);
}

/* Of data errors the detail quotes the row ("Failing row contains ..."), which has no place in a
 * log. */
static const char *safe_detail(const PGresult *result, const char *sqlstate)
{
    if (sqlstate && pg_failure_classify(sqlstate) == PG_FAILURE_DATA)
        return NULL;
    return PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
}

int pg_failure_of_result(struct error *err, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = safe_detail(result, sqlstate);
    if (!message)
        message = PQresultErrorMessage(result);
    int code = error_set(err, sqlstate ? -EPROTO : -ECONNRESET, "%.*s%s%.*s",
                         first_line_length(message), message, detail ? "; " : "",
                         detail ? first_line_length(detail) : 0, detail ? detail : "");
    if (err && sqlstate)
        snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate);
    return code;
}

/* Two characters name a class; five a single state that differs from its class. The first match
 * counts. */
static const struct {
    const char *prefix;
    enum pg_failure_class class;
} failure_classes[] = {
    {"08", PG_FAILURE_TRANSIENT},    /* connection exception */
    {"25006", PG_FAILURE_TRANSIENT}, /* read-only: a standby that is to become the primary */
    {"40", PG_FAILURE_TRANSIENT},    /* serialization failure, deadlock */
    {"53", PG_FAILURE_TRANSIENT},    /* insufficient resources */
    {"55P03", PG_FAILURE_TRANSIENT}, /* lock not available */
    {"55006", PG_FAILURE_TRANSIENT}, /* object in use: a slot that is still active */
    {"57", PG_FAILURE_TRANSIENT},    /* operator intervention: shutdown, cancel, starting up */
    {"58", PG_FAILURE_TRANSIENT},    /* system error of the server */
    {"0A", PG_FAILURE_SYSTEMIC},     /* feature not supported */
    {"25", PG_FAILURE_SYSTEMIC},     /* invalid transaction state */
    {"26", PG_FAILURE_SYSTEMIC},     /* unknown prepared statement */
    {"28", PG_FAILURE_SYSTEMIC},     /* authorization */
    {"3D", PG_FAILURE_SYSTEMIC},     /* unknown database */
    {"3F", PG_FAILURE_SYSTEMIC},     /* unknown schema */
    {"42", PG_FAILURE_SYSTEMIC},     /* syntax, unknown object, no permission */
    {"54", PG_FAILURE_SYSTEMIC},     /* program limit exceeded */
    {"55", PG_FAILURE_SYSTEMIC},     /* object not in the state it must be in */
};

enum pg_failure_class pg_failure_classify(const char *sqlstate)
{
    if (sqlstate[0] == '\0')
        return PG_FAILURE_TRANSIENT;
    for (size_t i = 0; i < sizeof(failure_classes) / sizeof(failure_classes[0]); i++)
        if (strncmp(sqlstate, failure_classes[i].prefix, strlen(failure_classes[i].prefix)) == 0)
            return failure_classes[i].class;
    return PG_FAILURE_DATA;
}
