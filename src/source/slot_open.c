#include "base/log.h"
#include "base/lsn.h"
#include "pg/identifier.h"
#include "source/continuity.h"
#include "source/slot_source.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <walpiper/version.h>

/* --- opening --------------------------------------------------------------------------------- */

/* What wal2json needs to give whole, unambiguous values (traps 13, 20). */
static const char session_settings[] =
    "SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = 'UTC';"
    " SET bytea_output = hex; SET extra_float_digits = 3; SET wal_sender_timeout = '30s'";

static const char stream_options[] =
    " (\"format-version\" '2', \"include-transaction\" 'true', \"include-xids\" 'true',"
    " \"include-timestamp\" 'true', \"include-lsn\" 'true', \"include-type-oids\" 'true',"
    " \"include-pk\" 'true', \"include-types\" 'false', \"include-default\" 'false',"
    " \"add-tables\" ";

static int begin_epoch(struct source *s, enum continuity continuity, uint64_t start)
{
    struct journal_identity identity = {.system_identifier = s->system_identifier};
    struct error err = {0};
    snprintf(identity.database, sizeof(identity.database), "%s", s->facts.database);
    snprintf(identity.slot, sizeof(identity.slot), "%s", s->context.config->slot.name);
    int rc = journal_begin_epoch(s->context.journal, &identity, start, &err);
    if (rc < 0) {
        slot_session_failed(s, &err);
        return rc;
    }
    journal_epoch(s->context.journal, s->epoch);
    log_write(continuity == CONTINUITY_NEW_JOURNAL ? LOG_INFO : LOG_WARN, "source",
              "%s: epoch %s begins", continuity_story(continuity), s->epoch);
    return 0;
}

static void start_stream(struct source *s)
{
    struct journal *journal = s->context.journal;
    struct journal_identity identity;
    journal_identity(journal, &identity);
    const struct continuity_slot slot = {
        .system_identifier = s->system_identifier,
        .database = s->facts.database,
        .name = s->context.config->slot.name,
        .made_now = s->created_at != 0,
        .confirmed = s->created_at ? s->created_at : s->facts.slot_confirmed,
    };
    enum continuity continuity = continuity_of(&identity, journal_durable_lsn(journal), &slot);
    if (continuity != CONTINUITY_KEPT && begin_epoch(s, continuity, slot.confirmed) < 0)
        return;
    journal_epoch(journal, s->epoch);
    capture_restart(&s->capture,
                    &(struct event_origin){str_from(s->epoch), str_from(s->facts.database),
                                           STR(WALPIPER_VERSION)});
    char lsn[LSN_TEXT_MAX];
    struct buffer command;
    buffer_init(&command, SLOT_COMMAND_MAX);
    buffer_printf(&command, "START_REPLICATION SLOT \"%s\" LOGICAL %s", slot.name,
                  lsn_format(journal_durable_lsn(journal), lsn));
    buffer_append_str(&command, STR(stream_options));
    pg_literal(&command, str_from(s->facts.add_tables.data));
    buffer_append_str(&command, STR(")"));
    buffer_append_char(&command, '\0');
    if (command.failed)
        slot_session_failed(s, &(struct error){.code = -ENOMEM, .text = "no memory for a command"});
    else
        pg_session_stream(s->session, command.data);
    buffer_release(&command);
}

static void on_slot_created(void *owner, const PGresult *result)
{
    struct source *s = owner;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return;
    lsn_parse(str_from(PQgetvalue(result, 0, 1)), &s->created_at);
}

void slot_add_mend(struct error *err, const char *slot)
{
    struct error cause = *err;
    bool forbidden =
        strstr(cause.text, "output_plugin_libraries") || strcmp(cause.sqlstate, "42501") == 0;
    if (strcmp(cause.sqlstate, "58P01") == 0)
        error_set(err, -EINVAL,
                  "slot %s: %s; install the server's wal2json (Debian: postgresql-15-wal2json)",
                  slot, cause.text);
    else if (forbidden && strstr(cause.text, "plugin"))
        error_set(err, -EINVAL,
                  "slot %s: %s; run ALTER SYSTEM SET output_plugin_libraries = pgoutput, "
                  "test_decoding, wal2json (three names, not one string) and SELECT "
                  "pg_reload_conf()",
                  slot, cause.text);
    else
        error_set(err, cause.code, "slot %s: %s", slot, cause.text);
    memcpy(err->sqlstate, cause.sqlstate, sizeof(err->sqlstate));
}

static void on_create_done(void *owner, const struct error *err)
{
    struct source *s = owner;
    if (!err && s->created_at) {
        log_info("source", "slot %s: created with wal2json", s->context.config->slot.name);
        start_stream(s);
        return;
    }
    struct error why = err ? *err : (struct error){.code = -EPROTO, .text = "no answer"};
    slot_add_mend(&why, s->context.config->slot.name);
    slot_session_failed(s, &why);
}

static void on_identified(void *owner, const PGresult *result)
{
    struct source *s = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        s->system_identifier = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
}

static void on_identify_done(void *owner, const struct error *err)
{
    struct source *s = owner;
    const struct config *config = s->context.config;
    if (err) {
        slot_session_failed(s, err);
        return;
    }
    if (s->facts.slot_exists) {
        start_stream(s);
        return;
    }
    char command[256];
    snprintf(command, sizeof(command),
             "CREATE_REPLICATION_SLOT \"%s\"%s LOGICAL wal2json NOEXPORT_SNAPSHOT",
             config->slot.name, config->slot.durable ? "" : " TEMPORARY");
    pg_session_command(s->session, command, on_slot_created, on_create_done);
}

static void on_settings_done(void *owner, const struct error *err)
{
    struct source *s = owner;
    if (err)
        slot_session_failed(s, err);
    else
        pg_session_command(s->session, "IDENTIFY_SYSTEM", on_identified, on_identify_done);
}

static void on_session_ready(void *owner)
{
    struct source *s = owner;
    pg_session_command(s->session, session_settings, NULL, on_settings_done);
}

static void on_session_closed(void *owner, const struct error *why)
{
    struct source *s = owner;
    if (s->state == SOURCE_CLOSING || s->state == SOURCE_STOPPING) {
        slot_stop_step(s);
        return;
    }
    struct error err = *why;
    slot_add_mend(&err, s->context.config->slot.name);
    slot_session_failed(s, &err);
}

static const struct pg_session_events session_events = {
    .on_ready = on_session_ready,
    .on_streaming = slot_on_streaming,
    .on_message = slot_on_message,
    .on_keepalive = slot_on_keepalive,
    .on_closed = on_session_closed,
};

int slot_open(struct source *s, struct error *err)
{
    s->created_at = 0;
    return pg_session_start(&s->session, s->loop, s->context.params, &session_events, s, err);
}
