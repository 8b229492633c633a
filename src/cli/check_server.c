/* The server and the role. */
#include "cli/check_parts.h"
#include "pg/connect.h"
#include "source/params.h"
#include "source/setup.h"
#include <stdlib.h>

static const char sql[] =
    "SELECT current_setting('server_version_num'), current_setting('server_version'),"
    " current_setting('wal_level'), current_setting('server_encoding'), current_database(),"
    " current_user, pg_is_in_recovery(), r.rolsuper OR r.rolreplication,"
    " has_database_privilege(current_database(), 'CREATE'),"
    " current_setting('max_wal_senders'), (SELECT count(*) FROM pg_stat_replication),"
    " current_setting('max_replication_slots'), (SELECT count(*) FROM pg_replication_slots)"
    " FROM pg_roles r WHERE r.rolname = current_user";

enum {
    VERSION_NUMBER,
    VERSION,
    WAL_LEVEL,
    ENCODING,
    DATABASE,
    ROLE,
    STANDBY,
    REPLICATION,
    CREATE,
    SENDERS,
    SENDERS_USED,
    SLOTS,
    SLOTS_USED,
};

static void check_wal(struct check *c)
{
    const struct server *s = &c->server;
    const char *level = server_cell(s, 0, WAL_LEVEL), *encoding = server_cell(s, 0, ENCODING);

    c->can_decode = strcmp(level, "logical") == 0 && !server_true(s, 0, STANDBY);
    if (strcmp(level, "logical") != 0)
        finding(c->findings, FINDING_ERROR, "server",
                "ALTER SYSTEM SET wal_level = logical, then restart the server",
                "wal_level is %s, logical decoding needs logical", level);
    if (strcmp(encoding, "UTF8") != 0)
        finding(c->findings, FINDING_ERROR, "database",
                "make a database WITH ENCODING 'UTF8' and load the dump there",
                "%s is encoded as %s, JSON needs UTF8", c->database, encoding);
    if (server_true(s, 0, STANDBY))
        finding(c->findings, FINDING_ERROR, "server", "let database point to the primary",
                "is a standby, where no publication can be made");
}

static void check_free(struct check *c)
{
    const struct server *s = &c->server;
    int64_t senders = server_number(s, 0, SENDERS);
    char mend[CHECK_MEND_MAX];

    c->slots_max = server_number(s, 0, SLOTS);
    c->free_slots = c->slots_max - server_number(s, 0, SLOTS_USED);
    snprintf(mend, sizeof(mend), "ALTER SYSTEM SET max_wal_senders = %ld, then restart the server",
             (long)senders + CHECK_MORE);
    if (server_number(s, 0, SENDERS_USED) >= senders)
        finding(c->findings, FINDING_WARNING, "server", mend,
                "all %ld of max_wal_senders are in use", (long)senders);
}

/* By trying it: some providers grant the right by other means than the attribute. Who reads the
 * slot already may have taken the last connection. */
bool check_role(struct check *c)
{
    const struct pg_params params = params_of(c->config);
    char mend[CHECK_MEND_MAX];
    struct error err = {0};
    PGconn *pg;

    snprintf(mend, sizeof(mend), "ALTER ROLE %s REPLICATION", c->role.text);
    int rc = pg_connect_wait(&pg, &params, true, &err);
    if (rc == 0)
        PQfinish(pg);
    /* Here the SQL is known that mends it: not the general words. */
    if (rc < 0 && !c->has_attribute)
        err.text[strcspn(err.text, ";")] = '\0';
    if (rc < 0)
        finding_of_error(c->findings, c->slot_active ? FINDING_WARNING : FINDING_ERROR, "role",
                         c->has_attribute ? "look at pg_hba.conf and max_wal_senders" : mend, &err);
    else
        finding(c->findings, FINDING_OK, "role", NULL, "%s may replicate", c->role.text);
    c->can_decode = c->can_decode && rc == 0;
    return true;
}

/* Who may not ask for it reads a journal of which it is only not known whether it is of this
 * cluster. */
static void check_system(struct check *c)
{
    struct error err = {0};
    if (server_query(&c->server, "SELECT system_identifier FROM pg_control_system()", 0, NULL,
                     &err) == 0)
        c->system_identifier = strtoull(server_cell(&c->server, 0, 0), NULL, 10);
}

bool check_server(struct check *c)
{
    if (!check_ask(c, "server", sql, 0, NULL))
        return false;
    const struct server *s = &c->server;
    bool old = server_number(s, 0, VERSION_NUMBER) < SETUP_OLDEST_SERVER;

    c->has_attribute = server_true(s, 0, REPLICATION);
    snprintf(c->database, sizeof(c->database), "%s", server_cell(s, 0, DATABASE));
    c->database_sql = sql_name(c->database);
    c->role = sql_name(server_cell(s, 0, ROLE));
    c->may_create = server_true(s, 0, CREATE);
    finding(c->findings, old ? FINDING_ERROR : FINDING_OK, "server",
            old ? "upgrade it to 15 or later" : NULL, "PostgreSQL %s, database %s",
            server_cell(s, 0, VERSION), c->database);
    if (old)
        return false;
    check_wal(c);
    check_free(c);
    check_system(c);
    return true;
}
