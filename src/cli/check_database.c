/* The database of an operator's target, where it is another than that of the sources. */
#include "cli/check_parts.h"
#include "operator/catalog_check.h"
#include "source/setup.h"

static const char sql[] =
    "SELECT current_setting('server_version_num'), current_setting('server_version'),"
    " current_database(), current_user, pg_is_in_recovery(),"
    " has_database_privilege(current_database(), 'CREATE')";

enum { VERSION_NUMBER, VERSION, DATABASE, ROLE, STANDBY, CREATE };

static void judge(const struct check *c, const struct check *there, const char *object)
{
    const struct server *s = &there->server;
    const char *version = server_cell(s, 0, VERSION);
    bool old = server_number(s, 0, VERSION_NUMBER) < SETUP_OLDEST_SERVER;

    finding(c->findings, old ? FINDING_ERROR : FINDING_OK, object,
            old ? "upgrade it to 15 or later" : NULL, "its target is in database %s, PostgreSQL %s",
            there->database, version);
    if (server_true(s, 0, STANDBY))
        finding(c->findings, FINDING_ERROR, object, "let its database point to the primary",
                "database %s is on a standby, where nothing can be written", there->database);
}

static bool learn_place(struct check *c, const char *object)
{
    if (c->place[0] != '\0')
        return true;
    if (!check_ask(c, object, catalog_place_sql, 0, NULL))
        return false;
    snprintf(c->place, sizeof(c->place), "%s", server_cell(&c->server, 0, 0));
    return true;
}

bool check_target_database(struct check *c, const struct config_operator *op, const char *object,
                           struct check *there)
{
    struct error err = {0};

    *there = *c;
    there->place[0] = '\0';
    if (server_open_target(&there->server, c->config, op, &err) < 0) {
        finding_of_error(c->findings, FINDING_ERROR, object, NULL, &err);
        return false;
    }
    if (!check_settings(there, object) || !check_ask(there, object, sql, 0, NULL))
        return false;
    const struct server *s = &there->server;
    snprintf(there->database, sizeof(there->database), "%s", server_cell(s, 0, DATABASE));
    there->database_sql = sql_name(there->database);
    there->role = sql_name(server_cell(s, 0, ROLE));
    there->may_create = server_true(s, 0, CREATE);
    judge(c, there, object);
    if (!learn_place(c, object) || !learn_place(there, object))
        return false;
    if (strcmp(there->place, c->place) == 0)
        finding(c->findings, FINDING_ERROR, object, "remove database from the operator",
                "its database is that of the sources, where circles of operators would not be "
                "found");
    return true;
}
