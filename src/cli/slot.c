#include "cli/slot.h"
#include "cli/server.h"
#include "config/config.h"
#include "journal/peek.h"
#include "source/drop_marker.h"
#include <errno.h>

const char cli_slot_help[] =
    "drop: gives the configured slot up. It is dropped, so that the server keeps no WAL for it any "
    "longer,\n"
    "and the journal is told that this was on purpose: the service makes a new slot and begins a "
    "new epoch,\n"
    "within seconds when it runs, else at its next start. Changes that were not captured yet are "
    "lost,\n"
    "subscribers get a reset, and operators compute every row anew. Also for a slot that is gone "
    "already,\n"
    "when health says so. Refused while a process reads the slot. Run it where the journal is.\n"
    "\n";

/* What is there of the slot to be dropped. */
struct slot_remains {
    bool on_server;
    bool has_journal; /* on this machine */
    bool in_journal;  /* an epoch of this slot, or nobody but the running service knows */
    char epoch[9];    /* of the journal; empty: none, or not known */
};

static int refuse_reader(const char *slot, const char *pid, struct error *err)
{
    return error_set(err, -EBUSY,
                     "slot %s: process %s of the server reads it; stop that walpiper first, or run "
                     "SELECT pg_terminate_backend(%s)",
                     slot, pid, pid);
}

/* Only a slot that this configuration would use: a name may be another one's by mistake. */
static int find_slot(struct server *server, const char *slot, bool *ret_exists, struct error *err)
{
    static const char sql[] =
        "SELECT active_pid, slot_type = 'logical', database = current_database(), database"
        " FROM pg_replication_slots WHERE slot_name = $1";
    int rc = server_query(server, sql, 1, &slot, err);
    if (rc < 0)
        return rc;
    *ret_exists = server_rows(server) > 0;
    if (!*ret_exists)
        return 0;
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

/* Before anything is dropped: a journal that cannot be told is a reason not to begin. */
static int find_journal(const struct config *config, struct slot_remains *remains,
                        struct error *err)
{
    struct journal_peek peek;
    int rc = journal_peek(config->journal.path, &peek, err);
    remains->has_journal = rc != -ENOENT;
    remains->in_journal = rc == -EBUSY;
    if (rc == -ENOENT || rc == -EBUSY)
        return 0;
    if (rc < 0)
        return rc;
    remains->in_journal =
        peek.identity.epoch[0] != '\0' && strcmp(peek.identity.slot, config->slot.name) == 0;
    if (remains->in_journal)
        memcpy(remains->epoch, peek.identity.epoch, sizeof(remains->epoch));
    return 0;
}

static int drop_slot(struct server *server, const char *slot, struct error *err)
{
    int rc = server_query(server, "SELECT pg_drop_replication_slot($1)", 1, &slot, err);
    /* Somebody has begun to read it just now: the server's words name the process. */
    if (rc < 0 && strcmp(err->sqlstate, "55006") == 0)
        return error_set(err, -EBUSY, "slot %s: %s; stop that walpiper first", slot, err->text);
    if (rc < 0 && strcmp(err->sqlstate, "42501") == 0)
        return error_set(err, -EPERM, "slot %s: %s; run ALTER ROLE %s REPLICATION", slot, err->text,
                         sql_name(PQuser(server->pg)).text);
    return rc < 0 ? error_prefix(err, "slot %s", slot) : 0;
}

static int refuse_nothing(const struct config *config, const struct slot_remains *remains,
                          struct error *err)
{
    const char *slot = config->slot.name;
    if (remains->has_journal)
        return error_set(err, -ENOENT,
                         "slot %s: does not exist on this server, and journal %s is not of it; "
                         "there is nothing to drop, or correct slot.name",
                         slot, config->journal.path);
    return error_set(err, -ENOENT,
                     "slot %s: does not exist on this server, and there is no journal %s on this "
                     "machine; run it where the service has its journal, or correct slot.name",
                     slot, config->journal.path);
}

static int leave_marker(const struct config *config, const char *epoch, struct error *err)
{
    struct drop_marker marker = {0};
    snprintf(marker.slot, sizeof(marker.slot), "%s", config->slot.name);
    snprintf(marker.epoch, sizeof(marker.epoch), "%s", epoch);
    drop_marker_date(&marker);
    int rc = drop_marker_write(config->journal.path, &marker, err);
    return rc < 0 ? error_prefix(err, "slot %s is gone, but the service is not told",
                                 config->slot.name)
                  : 0;
}

/* A service that runs may have made a new slot since we looked. A marker without an epoch would
 * then wait for the next loss, which is not the one that it is about. */
static int withdraw_late_marker(const struct config *config, struct server *server,
                                struct error *err)
{
    const char *slot = config->slot.name;
    int rc = server_query(server, "SELECT FROM pg_replication_slots WHERE slot_name = $1", 1, &slot,
                          err);
    if (rc == 0 && server_rows(server) > 0)
        rc = drop_marker_remove(config->journal.path, err);
    return rc;
}

static int give_up_slot(const struct config *config, struct server *server,
                        struct slot_remains *remains, struct error *err)
{
    const char *slot = config->slot.name;
    int rc = server_open(server, config, err);
    if (rc == 0)
        rc = find_slot(server, slot, &remains->on_server, err);
    if (rc == 0)
        rc = find_journal(config, remains, err);
    if (rc == 0 && !remains->on_server && !remains->in_journal)
        rc = refuse_nothing(config, remains, err);
    if (rc == 0 && remains->on_server)
        rc = drop_slot(server, slot, err);
    if (rc == 0 && remains->in_journal)
        rc = leave_marker(config, remains->epoch, err);
    if (rc == 0 && remains->in_journal && !remains->epoch[0])
        rc = withdraw_late_marker(config, server, err);
    return rc;
}

static void tell_done(const struct config *config, const struct slot_remains *remains)
{
    const char *slot = config->slot.name, *journal = config->journal.path;
    printf("slot %s: %s; ", slot, remains->on_server ? "dropped" : "does not exist any more");
    if (remains->in_journal)
        printf("a running service, else the next start, makes a new one and begins a new epoch "
               "(journal %s)\n",
               journal);
    else if (remains->has_journal)
        printf("journal %s has nothing of it: the next start makes a new one\n", journal);
    else
        printf("there is no journal %s on this machine: run this again where the service has its "
               "journal, or it stays DOWN and asks for it\n",
               journal);
}

enum cli_exit cli_slot(const struct cli_options *options)
{
    struct config config = {0};
    struct server server = {0};
    struct slot_remains remains = {0};
    struct error err = {0};

    if (config_load(&config, options->config_file, &err) < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    int rc = give_up_slot(&config, &server, &remains, &err);
    if (rc == 0)
        tell_done(&config, &remains);
    server_close(&server);
    config_release(&config);
    return rc == 0 ? CLI_DONE : cli_fail(CLI_FAILED, "%s", err.text);
}
