/* config/rules_database.c - how to reach the database of the sources, and those of operators that
 * have their target in another one. */
#include "config/rules_operator.h"
#include <errno.h>
#include <stdlib.h>

static bool is_said(const char *text)
{
    return text && *text;
}

static int check_port(struct rules *r, const struct node *place, const char *port)
{
    uint64_t number = 0;

    return is_said(port) ? rules_number(r, place, port, (const uint64_t[2]){1, 65535}, &number) : 0;
}

/* --- of the sources
 * --------------------------------------------------------------------------------- */

static const char *const no_variables[] = {NULL};

/* Said in the file, else left to libpq when one of VARIABLES says it, else the default. */
static int connection_field(struct rules *r, char **from, const char *const *variables,
                            const char *fallback, char **to)
{
    if (is_said(*from)) {
        *to = rules_take(from);
        return 0;
    }
    for (; *variables; variables++) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): read at start, before there are threads */
        const char *value = getenv(*variables);
        if (is_said(value))
            return 0;
    }
    *to = str_dup(str_from(fallback));
    return *to ? 0 : rules_no_memory(r);
}

/* One field, the variables that libpq reads for it, and its default. */
struct field {
    const char *variables[4];
    const char *fallback;
};

static int connection_fields(struct rules *r, struct raw_database *from, bool environment,
                             struct config_database *to)
{
    static const struct field fields[] = {
        {{"PGHOST", "PGHOSTADDR", "PGSERVICE"}, "localhost"},
        {{"PGPORT", "PGSERVICE"}, "5432"},
        {{"PGDATABASE", "PGSERVICE"}, "postgres"},
        {{"PGUSER", "PGSERVICE"}, "postgres"},
    };
    char **const texts[] = {&from->hostname, &from->port, &from->database, &from->username};
    char **const into[] = {&to->hostname, &to->port, &to->database, &to->username};

    if (is_said(from->url)) {
        to->url = rules_take(&from->url);
        return 0;
    }
    if (is_said(from->password))
        to->password = rules_take(&from->password);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const char *const *variables = environment ? fields[i].variables : no_variables;
        int code = connection_field(r, texts[i], variables, fields[i].fallback, into[i]);
        if (code < 0)
            return code;
    }
    return 0;
}

int rules_database(struct rules *r)
{
    struct raw_database *from = &r->raw->database;

    int code = check_port(r, node_at(r->tree, "database.port"), from->port);
    return code < 0 ? code : connection_fields(r, from, true, &r->config->database);
}

/* --- of an operator's target
 * ------------------------------------------------------------------------ */

/* Another database, or another role, of the server that has the sources. A password is its role's.
 */
static int on_same_server(struct rules *r, struct raw_database *from, struct config_database *to)
{
    const struct config_database *sources = &r->config->database;
    const char *password = is_said(from->username) ? NULL : sources->password;
    char *none = NULL;
    const struct {
        char **said;
        const char *of_sources;
        char **to;
    } fields[] = {
        {&none, sources->url, &to->url},
        {&none, sources->hostname, &to->hostname},
        {&none, sources->port, &to->port},
        {&from->database, sources->database, &to->database},
        {&from->username, sources->username, &to->username},
        {&from->password, password, &to->password},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (is_said(*fields[i].said))
            *fields[i].to = rules_take(fields[i].said);
        else if (fields[i].of_sources && !(*fields[i].to = str_dup(str_from(fields[i].of_sources))))
            return rules_no_memory(r);
    }
    return 0;
}

/* What is said of the sources' server, in the file or in the environment, is not meant for another
 * one. */
int operator_database(struct reading *o)
{
    struct raw_database *from = &o->from->database;
    const struct node *place =
        node_child(node_at(o->r->tree, "operators[%zu]", o->index), "database");
    bool elsewhere = is_said(from->url) || is_said(from->hostname) || is_said(from->port);

    if (!place)
        return 0;
    if (!elsewhere && !is_said(from->database) && !is_said(from->username))
        return node_fail(o->r->tree, place, o->r->err,
                         "names no other database; write url, or database and what differs, or "
                         "remove it");
    int code = check_port(o->r, PLACE(o, "database.port"), from->port);
    if (code < 0)
        return code;
    o->to->database = calloc(1, sizeof(*o->to->database));
    if (!o->to->database)
        return rules_no_memory(o->r);
    return elsewhere ? connection_fields(o->r, from, false, o->to->database)
                     : on_same_server(o->r, from, o->to->database);
}
