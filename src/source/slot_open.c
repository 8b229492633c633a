#include "base/log.h"
#include "base/lsn.h"
#include "pg/identifier.h"
#include "source/slot_source.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <walpiper/version.h>

/* --- the commands ---------------------------------------------------------------------------- */

/* What makes the text of values whole and unambiguous (trap 20). */
#define SESSION_SETTINGS                                                                           \
    "SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = 'UTC';"                     \
    " SET bytea_output = hex; SET extra_float_digits = 3"

/* The low timeout frees the slot soon after we are killed, stopped or cut off, for a standby that
 * waits for it (trap 5); our status updates come once a second, whatever happens downstream. Only a
 * message of hundreds of megabytes keeps us from them for longer: once one has, the server must be
 * as patient, or such a transaction would never come to its end. */
#define SENDER_TIMEOUT_MS 3500
#define SLOWEST_TIMES 3

/* Types and defaults stay off: with them quoted names give invalid JSON (trap 13). */
static void wal2json_options(struct buffer *out, const struct source *s)
{
    buffer_append_str(
        out,
        STR(" (\"format-version\" '2', \"include-transaction\" 'true', \"include-xids\" 'true',"
            " \"include-timestamp\" 'true', \"include-lsn\" 'true', \"include-type-oids\" 'true',"
            " \"include-pk\" 'true', \"include-types\" 'false', \"include-default\" 'false',"
            " \"actions\" "));
    pg_literal(out, str_from(s->facts.actions));
    buffer_append_str(out, STR(", "));
    pg_identifier(out, str_from(s->facts.wal2json_option));
    buffer_append_char(out, ' ');
    pg_literal(out, str_from(s->facts.wal2json_tables.data));
    buffer_append_char(out, ')');
}

/* publication_names is a list of identifiers inside a literal. */
static void pgoutput_options(struct buffer *out, const struct source *s)
{
    struct buffer name;
    buffer_init(&name, 256);
    pg_identifier(&name, str_from(s->context.config->publication));
    buffer_append_str(out, STR(" (proto_version '1', messages 'true', publication_names "));
    pg_literal(out, buffer_str(&name));
    buffer_append_char(out, ')');
    buffer_release(&name);
}

/* --- streaming ------------------------------------------------------------------------------- */

static int begin_epoch(struct source *s, enum continuity continuity, uint64_t start)
{
    struct journal_identity identity = {.system_identifier = s->system_identifier,
                                        .timeline = s->timeline};
    struct error err = {0};
    snprintf(identity.database, sizeof(identity.database), "%s", s->facts.database);
    snprintf(identity.slot, sizeof(identity.slot), "%s", s->context.config->slot.name);
    int rc = journal_begin_epoch(s->context.journal, &identity, start, &err);
    if (rc < 0) {
        slot_session_failed(s, &err);
        return rc;
    }
    s->awaited_mark = 0; /* it was one of the other epoch */
    commits_forget(s->context.commits);
    s->other_history = false;
    journal_epoch(s->context.journal, s->epoch);
    log_write(continuity == CONTINUITY_NEW_JOURNAL ? LOG_INFO : LOG_WARN, "source",
              "%s: epoch %s begins", continuity_story(continuity), s->epoch);
    return 0;
}

/* The same WAL goes on under another number: nothing is lost. */
static int follow_timeline(struct source *s, uint32_t before)
{
    struct error err = {0};
    if (before == s->timeline || s->timeline == 0)
        return 0;
    int rc = journal_set_timeline(s->context.journal, s->timeline, &err);
    if (rc < 0) {
        slot_session_failed(s, &err);
        return rc;
    }
    log_info("source",
             "the server goes on as timeline %u, which left timeline %u after the end of "
             "the journal",
             s->timeline, before);
    return 0;
}

/* The journal and the slot belong together from here on, or the session has failed. */
static int settle_epoch(struct source *s)
{
    struct journal *journal = s->context.journal;
    struct journal_identity identity;
    struct position oldest;
    struct position newest;
    journal_identity(journal, &identity);
    journal_bounds(journal, &oldest, &newest);
    const struct continuity_end end = {journal_durable_lsn(journal), newest.lsn,
                                       journal_given_lsn(journal)};
    const struct continuity_slot slot = {
        .system_identifier = s->system_identifier,
        .database = s->facts.database,
        .name = s->context.config->slot.name,
        .made_anew = s->created_at != 0 || slot_was_dropped(s, true),
        .confirmed = s->created_at ? s->created_at : s->facts.slot_confirmed,
        .server_end = s->server_end,
        .timeline = s->timeline,
        .shared = s->shared,
        .other_history = s->other_history,
    };
    enum continuity continuity = continuity_of(&identity, &end, &slot);
    if (continuity == CONTINUITY_KEPT && s->server_end != 0)
        journal_bound_given(journal, s->server_end);
    return continuity == CONTINUITY_KEPT ? follow_timeline(s, identity.timeline)
                                         : begin_epoch(s, continuity, slot.confirmed);
}

static void start_stream(struct source *s)
{
    struct journal *journal = s->context.journal;
    if (settle_epoch(s) < 0)
        return;
    slot_forget_drop(s);
    journal_epoch(journal, s->epoch);
    const struct event_origin origin = {.epoch = str_from(s->epoch),
                                        .database = str_from(s->facts.database),
                                        .version = STR(WALPIPER_VERSION)};
    if (capture_restart(&s->capture, s->plugin, &origin) < 0) {
        slot_session_failed(s, &(struct error){.code = -ENOMEM, .text = "no memory for a decoder"});
        return;
    }
    char lsn[LSN_TEXT_MAX];
    uint64_t from = resent_start(journal, s->created_at ? 0 : s->facts.slot_confirmed);
    resent_begin(&s->capture.resent, journal, from);
    struct buffer command;
    buffer_init(&command, SLOT_COMMAND_MAX);
    buffer_printf(&command, "START_REPLICATION SLOT \"%s\" LOGICAL %s",
                  s->context.config->slot.name, lsn_format(from, lsn));
    if (s->plugin == &pgoutput_decoder)
        pgoutput_options(&command, s);
    else
        wal2json_options(&command, s);
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

/* --- making ---------------------------------------------------------------------------------- */

/* Not installed, or since 15.19 not listed in output_plugin_libraries (trap 1). */
static bool plugin_is_missing(const struct error *err)
{
    return strcmp(err->sqlstate, "58P01") == 0;
}

static bool plugin_is_forbidden(const struct error *err)
{
    return strcmp(err->sqlstate, "42501") == 0 && strstr(err->text, "plugin");
}

/* What is decoded is looked up in the catalog of its time. A slot that is gone cannot be what is
 * missing: it is held by its stream. */
static bool publication_is_missing(const struct source *s, const struct error *err)
{
    return s->state == SOURCE_STREAMING && s->plugin == &pgoutput_decoder &&
           strcmp(err->sqlstate, "42704") == 0;
}

/* The server says what it does not allow, not how to allow it. */
static void add_mend(const struct source *s, struct error *err)
{
    const char *slot = s->context.config->slot.name;
    const struct error cause = *err;
    if (plugin_is_missing(&cause))
        error_set(err, -EINVAL,
                  "slot %s: %s; install the server's wal2json (Debian: postgresql-15-wal2json)",
                  slot, cause.text);
    else if (plugin_is_forbidden(&cause))
        error_set(err, -EINVAL,
                  "slot %s: %s; run ALTER SYSTEM SET output_plugin_libraries = pgoutput, "
                  "test_decoding, wal2json (three names, not one string) and SELECT "
                  "pg_reload_conf()",
                  slot, cause.text);
    else if (publication_is_missing(s, &cause))
        error_set(err, -EINVAL,
                  "slot %s: %s, or did not when what comes next was written; where it was dropped "
                  "and made anew, run walpiper slot drop, which begins a new epoch",
                  slot, cause.text);
    else
        error_set(err, cause.code, "slot %s: %s", slot, cause.text);
    memcpy(err->sqlstate, cause.sqlstate, sizeof(err->sqlstate));
}

static void on_create_done(void *owner, const struct error *err);

static void create_slot(struct source *s)
{
    const struct config *config = s->context.config;
    char command[256];
    snprintf(command, sizeof(command),
             "CREATE_REPLICATION_SLOT \"%s\"%s LOGICAL %s NOEXPORT_SNAPSHOT", config->slot.name,
             config->slot.durable ? "" : " TEMPORARY", s->plugin->plugin);
    pg_session_command(s->session, command, on_slot_created, on_create_done);
}

/* With slot.plugin auto, pgoutput is always there where wal2json is not. */
static bool fall_back(struct source *s, const struct error *err)
{
    if (s->context.config->slot.plugin != CONFIG_PLUGIN_AUTO || s->plugin != &wal2json_decoder ||
        !err || (!plugin_is_missing(err) && !plugin_is_forbidden(err)))
        return false;
    log_info("source", "slot %s: %s; takes pgoutput", s->context.config->slot.name, err->text);
    s->plugin = &pgoutput_decoder;
    create_slot(s);
    return true;
}

static void on_create_done(void *owner, const struct error *err)
{
    struct source *s = owner;
    if (!err && s->created_at) {
        log_info("source", "slot %s: created with %s", s->context.config->slot.name,
                 s->plugin->plugin);
        start_stream(s);
        return;
    }
    if (fall_back(s, err))
        return;
    struct error why = err ? *err : (struct error){.code = -EPROTO, .text = "no answer"};
    add_mend(s, &why);
    slot_session_failed(s, &why);
}

static void on_drop_done(void *owner, const struct error *err)
{
    struct source *s = owner;
    if (!err) {
        log_info("source", "slot %s: was lost, is dropped to be made anew",
                 s->context.config->slot.name);
        create_slot(s);
        return;
    }
    struct error why = *err;
    error_prefix(&why, "slot %s is lost and cannot be dropped", s->context.config->slot.name);
    slot_session_failed(s, &why);
}

static void replace_slot(struct source *s)
{
    char command[128];
    snprintf(command, sizeof(command), "DROP_REPLICATION_SLOT \"%s\"",
             s->context.config->slot.name);
    pg_session_command(s->session, command, NULL, on_drop_done);
}

/* The slot as it is, a new one, or none: then the session ends. */
static void settle_slot(struct source *s)
{
    struct error why = {0};
    switch (slot_decision(s)) {
    case SLOT_READ:
        start_stream(s);
        break;
    case SLOT_MAKE:
        if (slot_bind_drop(s, &why) < 0)
            slot_session_failed(s, &why);
        else
            create_slot(s);
        break;
    case SLOT_REPLACE:
        replace_slot(s);
        break;
    case SLOT_GIVE_UP:
        slot_refuse_loss(s, &why);
        slot_session_failed(s, &why);
        break;
    }
}

/* --- opening --------------------------------------------------------------------------------- */

static void on_identified(void *owner, const PGresult *result)
{
    struct source *s = owner;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return;
    s->system_identifier = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    s->timeline = (uint32_t)strtoul(PQgetvalue(result, 0, 1), NULL, 10);
    lsn_parse(str_from(PQgetvalue(result, 0, 2)), &s->server_end);
}

static void on_history(void *owner, const PGresult *result)
{
    struct source *s = owner;
    struct journal_identity identity;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return;
    journal_identity(s->context.journal, &identity);
    s->shared =
        continuity_shared((struct str){PQgetvalue(result, 0, 1), (size_t)PQgetlength(result, 0, 1)},
                          identity.timeline);
}

/* A server that has no file about its own timeline knows of none before it. */
static void on_history_done(void *owner, const struct error *err)
{
    struct source *s = owner;
    if (err && strcmp(err->sqlstate, "58P01") != 0)
        slot_session_failed(s, err);
    else
        settle_slot(s);
}

static void on_identify_done(void *owner, const struct error *err)
{
    struct source *s = owner;
    struct journal_identity identity;
    char command[64];
    if (err) {
        slot_session_failed(s, err);
        return;
    }
    journal_identity(s->context.journal, &identity);
    /* The first timeline has no history. */
    if (identity.timeline == 0 || identity.timeline == s->timeline || s->timeline <= 1) {
        settle_slot(s);
        return;
    }
    snprintf(command, sizeof(command), "TIMELINE_HISTORY %u", s->timeline);
    pg_session_command(s->session, command, on_history, on_history_done);
}

static void on_settings_done(void *owner, const struct error *err)
{
    struct source *s = owner;
    if (err)
        slot_session_failed(s, err);
    else
        pg_session_command(s->session, "IDENTIFY_SYSTEM", on_identified, on_identify_done);
}

/* Which the protocol tells too, but not through a pooler. */
static void on_pid(void *owner, const PGresult *result)
{
    const struct source *s = owner;
    int64_t pid = 0;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && s->context.counters &&
        str_to_int64(str_from(PQgetvalue(result, 0, 0)), &pid) == 0)
        counter_set(&s->context.counters->reader, (uint64_t)pid);
}

static void on_session_ready(void *owner)
{
    struct source *s = owner;
    char command[sizeof(SESSION_SETTINGS) + 100];
    snprintf(command, sizeof(command),
             SESSION_SETTINGS "; SET wal_sender_timeout = '%llums'; SELECT pg_backend_pid()",
             SENDER_TIMEOUT_MS + SLOWEST_TIMES * (unsigned long long)s->capture.slowest_ms);
    pg_session_command(s->session, command, on_pid, on_settings_done);
}

static void on_session_closed(void *owner, const struct error *why)
{
    struct source *s = owner;
    if (s->state == SOURCE_CLOSING || s->state == SOURCE_STOPPING) {
        slot_stop_step(s);
        return;
    }
    struct error err = *why;
    add_mend(s, &err);
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
    s->shared = 0;
    s->server_end = 0;
    return pg_session_start(&s->session, s->loop, s->context.params, &session_events, s, err);
}
