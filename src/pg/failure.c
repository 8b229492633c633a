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

/* --- connecting ------------------------------------------------------------------------------ */

/* A line for each address; those that begin with a tab ask whether the server is running. */
static void append_lines(char *out, size_t size, const char *text)
{
    size_t len = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (*line == '\t' || *line == '\n')
            continue;
        int written = snprintf(out + len, size - len, "%s%.*s", len ? "; " : "",
                               first_line_length(line), line);
        if (written < 0 || (size_t)written >= size - len)
            return;
        len += (size_t)written;
    }
}

bool pg_failure_of_connecting(struct error *err, const PGconn *pg)
{
    char lines[ERROR_TEXT_MAX] = "out of memory";
    const char *text = pg ? PQerrorMessage(pg) : "";
    append_lines(lines, sizeof(lines), text);
    /* The server writes its severity, in its language, and two blanks; libpq's words have none. */
    bool refused = strstr(text, ":  ");
    bool certificate = !refused && (strstr(text, "certificate") || strstr(text, "private key"));
    error_set(err, certificate ? -EPERM : -ECONNRESET, "%s%s", lines,
              certificate ? "; mend the server's certificate, or sslmode, sslrootcert, sslcert and "
                            "sslkey of database.url"
                          : "");
    if (pg &&
        PQconnectionNeedsPassword(pg)) /* none at all is a wrong one, which libpq says itself */
        snprintf(err->sqlstate, sizeof(err->sqlstate), "28P01");
    return refused;
}

void pg_failure_add_sqlstate(struct error *err, const char *verbose)
{
    static const char symbols[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const char *at = strstr(verbose, ":  "); at; at = strstr(at + 3, ":  "))
        if (strspn(at + 3, symbols) == 5 && at[8] == ':')
            snprintf(err->sqlstate, sizeof(err->sqlstate), "%.5s", at + 3);
}

static const struct {
    const char *sqlstate;
    const char *mend;
    int code;
    bool of_role; /* the mend ends with its name */
} connecting_mends[] = {
    {"28P01", "set database.password, or the line in ~/.pgpass, to that of role ", -EPERM, true},
    {"28000", "correct database.username, or let pg_hba.conf accept role ", -EPERM, true},
    {"42501", "grant it; for replication: ALTER ROLE ... REPLICATION of role ", -EPERM, true},
    {"3D000", "create it, or correct database.database", -ENOENT, false},
};

void pg_failure_add_mend(struct error *err, const char *user)
{
    const struct error cause = *err;
    for (size_t i = 0; i < sizeof(connecting_mends) / sizeof(connecting_mends[0]); i++) {
        if (strcmp(cause.sqlstate, connecting_mends[i].sqlstate) != 0)
            continue;
        error_set(err, connecting_mends[i].code, "%s; %s%s", cause.text, connecting_mends[i].mend,
                  user && connecting_mends[i].of_role ? user : "");
        memcpy(err->sqlstate, cause.sqlstate, sizeof(err->sqlstate));
    }
}

/* --- results --------------------------------------------------------------------------------- */

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
    {"2F003", PG_FAILURE_SYSTEMIC},  /* a foreign server without the password that it wants */
    {"3D", PG_FAILURE_SYSTEMIC},     /* unknown database */
    {"3F", PG_FAILURE_SYSTEMIC},     /* unknown schema */
    {"42", PG_FAILURE_SYSTEMIC},     /* syntax, unknown object, no permission */
    {"54", PG_FAILURE_SYSTEMIC},     /* program limit exceeded */
    {"55", PG_FAILURE_SYSTEMIC},     /* object not in the state it must be in */
    {"HV", PG_FAILURE_SYSTEMIC},     /* a foreign server, or how it is set up */
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
