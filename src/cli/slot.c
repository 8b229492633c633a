#include "cli/slot.h"
#include "cli/server.h"
#include "config/config.h"
#include <errno.h>

const char cli_slot_help[] =
    "drop: drops the configured slot, so that the server keeps no WAL for it any longer. Refused "
    "while a\n"
    "process reads the slot. Changes that were not captured yet are lost: the next start makes a "
    "new slot\n"
    "and begins a new epoch, and subscribers that come back get a reset.\n"
    "\n";

static int refuse_reader(const char *slot, const char *pid, struct error *err)
{
    return error_set(err, -EBUSY,
                     "slot %s: process %s of the server reads it; stop that walpiper first, or run "
                     "SELECT pg_terminate_backend(%s)",
                     slot, pid, pid);
}

/* Only a slot that this configuration would use: a name may be another one's by mistake. */
static int find_slot(struct server *server, const char *slot, struct error *err)
{
    static const char sql[] =
        "SELECT active_pid, slot_type = 'logical', database = current_database(), database"
        " FROM pg_replication_slots WHERE slot_name = $1";
    int rc = server_query(server, sql, 1, &slot, err);
    if (rc < 0)
        return rc;
    if (server_rows(server) == 0)
        return error_set(err, -ENOENT,
                         "slot %s: does not exist on this server; there is nothing to drop, or "
                         "correct slot.name",
                         slot);
    if (!server_true(server, 0, 1))
        return error_set(err, -EINVAL, "slot %s: is of a standby server; correct slot.name", slot);
    if (!server_true(server, 0, 2))
        return error_set(err, -EINVAL,
                         "slot %s: belongs to database %s; correct slot.name or database", slot,
                         server_cell(server, 0, 3));
    if (!server_null(server, 0, 0))
        return refuse_reader(slot, server_cell(server, 0, 0), err);
    return 0;
}

static int drop_slot(const struct config *config, struct server *server, struct error *err)
{
    const char *slot = config->slot.name;
    int rc = server_open(server, config, err);
    if (rc == 0)
        rc = find_slot(server, slot, err);
    if (rc < 0)
        return rc;
    rc = server_query(server, "SELECT pg_drop_replication_slot($1)", 1, &slot, err);
    /* Somebody has begun to read it just now: the server's words name the process. */
    if (rc < 0 && strcmp(err->sqlstate, "55006") == 0)
        return error_set(err, -EBUSY, "slot %s: %s; stop that walpiper first", slot, err->text);
    if (rc < 0 && strcmp(err->sqlstate, "42501") == 0)
        return error_set(err, -EPERM, "slot %s: %s; run ALTER ROLE %s REPLICATION", slot, err->text,
                         sql_name(PQuser(server->pg)).text);
    return rc < 0 ? error_prefix(err, "slot %s", slot) : 0;
}

enum cli_exit cli_slot(const struct cli_options *options)
{
    struct config config = {0};
    struct server server = {0};
    struct error err = {0};

    if (config_load(&config, options->config_file, &err) < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    int rc = drop_slot(&config, &server, &err);
    if (rc == 0)
        printf("slot %s: dropped; the next start makes a new one, and with it begins a new epoch\n",
               config.slot.name);
    server_close(&server);
    config_release(&config);
    return rc == 0 ? CLI_DONE : cli_fail(CLI_FAILED, "%s", err.text);
}
