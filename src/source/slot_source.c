/* The replication slot as a source: setup, session, stream; and the same again after a failure. */
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/lsn.h"
#include "pg/failure.h"
#include "pg/identifier.h"
#include "pg/session.h"
#include "source/capture.h"
#include "source/continuity.h"
#include "source/setup.h"
#include "source/source.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <walpiper/version.h>

#define TICK_S 1.0           /* status updates: also when all else is stuck (trap 9) */
#define CONFIRM_EVERY_MS 100 /* at most so often on progress of the journal */
#define STOP_TIMEOUT_S 10.0  /* for the journal and the server's goodbye */
#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 10000
#define COMMAND_MAX (32 * 1024 * 1024)

enum source_state {
    SOURCE_SETUP,   /* asks and mends on an ordinary connection */
    SOURCE_OPENING, /* the replication session comes up */
    SOURCE_STREAMING,
    SOURCE_WAITING, /* for the next try */
    SOURCE_LOST,    /* the slot is gone while we read it: only a restart makes a new one (trap 6) */
    SOURCE_STOPPING, /* for the journal */
    SOURCE_CLOSING,  /* for the server's goodbye */
    SOURCE_STOPPED,
};

struct source {
    enum source_state state;
    struct source_context context;
    struct loop *loop;
    struct setup setup;
    struct setup_facts facts;
    struct relation_cache *cache;
    struct pg_session *session;
    struct capture capture;
    struct backoff backoff;
    ev_timer timer; /* retry, tick, and the limit of a stop */
    struct loop_hook flush_hook;
    struct loop_wakeup progress;
    struct journal_listener listener;
    uint64_t system_identifier;
    uint64_t created_at;   /* consistent point of a slot made in this session; 0: none was */
    uint64_t confirmed_at; /* clock, of the last status update */
    uint64_t confirmed;    /* LSN of the last status update */
    uint32_t awaited_type; /* the stream is paused until this type is read; 0: none */
    char epoch[9];
    bool started; /* has streamed once in this process */
    bool poked;
    struct error told; /* the last failure in the log: the same one is not told twice */
};

static void try_later(struct source *s, const struct error *why);
static void stop_done(struct source *s);

static const char *const state_names[] = {
    [SOURCE_SETUP] = "setup",     [SOURCE_OPENING] = "opening", [SOURCE_STREAMING] = "streaming",
    [SOURCE_WAITING] = "waiting", [SOURCE_LOST] = "lost",       [SOURCE_STOPPING] = "stopping",
    [SOURCE_CLOSING] = "closing", [SOURCE_STOPPED] = "stopped",
};

static void source_set_state(struct source *s, enum source_state state)
{
    log_debug("source", "%s -> %s", state_names[s->state], state_names[state]);
    s->state = state;
}

static void timer_start(struct source *s, double after, double repeat)
{
    ev_timer_stop(s->loop->ev, &s->timer);
    ev_timer_set(&s->timer, after, repeat);
    ev_timer_start(s->loop->ev, &s->timer);
}

/* --- confirming --------------------------------------------------------------------------------
 */

static void confirm(struct source *s, bool reply)
{
    uint64_t durable = journal_durable_lsn(s->context.journal);
    s->confirmed = durable;
    s->confirmed_at = clock_monotonic_ms();
    pg_session_confirm(s->session, durable, reply);
}

static void tell_journal_health(struct source *s)
{
    struct error err = {0};
    if (journal_failing(s->context.journal, &err))
        health_down(s->context.health, "journal", err.text);
    else
        health_up(s->context.health, "journal");
}

/* The journal has written something, or has begun or ceased to fail. */
static void on_progress(struct loop_wakeup *wakeup)
{
    struct source *s = (struct source *)((char *)wakeup - offsetof(struct source, progress));
    tell_journal_health(s);
    if (s->state == SOURCE_STOPPING) {
        stop_done(s);
        return;
    }
    if (s->state != SOURCE_STREAMING)
        return;
    if (journal_durable_lsn(s->context.journal) > s->confirmed &&
        clock_monotonic_ms() - s->confirmed_at >= CONFIRM_EVERY_MS)
        confirm(s, false);
    if (s->awaited_type == 0)
        pg_session_resume(s->session);
}

static void on_journal_progress(struct journal_listener *listener)
{
    struct source *s = (struct source *)((char *)listener - offsetof(struct source, listener));
    loop_wake(s->loop, &s->progress);
}

static void flush_journal(struct loop_hook *hook)
{
    struct source *s = (struct source *)((char *)hook - offsetof(struct source, flush_hook));
    journal_flush(s->context.journal);
}

/* --- streaming ---------------------------------------------------------------------------------
 */

static void session_failed(struct source *s, const struct error *why)
{
    pg_session_close(s->session);
    s->session = NULL;
    setup_cancel(&s->setup);
    s->awaited_type = 0;
    try_later(s, why);
}

static void on_type_read(void *owner, const struct error *err)
{
    struct source *s = owner;
    if (err) {
        session_failed(s, err);
        return;
    }
    /* A type that was dropped since: its values are text. */
    if (!relation_cache_type(s->cache, s->awaited_type))
        relation_cache_add_type(s->cache, s->awaited_type, STR("unknown"), 0, 0, ',');
    s->awaited_type = 0;
    pg_session_resume(s->session);
}

static enum pg_flow await_type(struct source *s, uint32_t type)
{
    struct error err = {0};
    s->awaited_type = type;
    s->setup.facts = NULL;
    s->setup.on_done = on_type_read;
    if (setup_start(&s->setup, &err) < 0)
        session_failed(s, &err);
    return PG_FLOW_PAUSE;
}

static enum pg_flow on_message(void *owner, struct str message, uint64_t lsn)
{
    struct source *s = owner;
    struct error err = {0};
    uint32_t missing_type;
    if (s->state != SOURCE_STREAMING)
        return PG_FLOW_PAUSE;
    int rc = capture_message(&s->capture, message, lsn, &missing_type, &err);
    if (rc == 0)
        return PG_FLOW_ON;
    if (rc == -EAGAIN)
        return PG_FLOW_PAUSE;
    if (rc == -ENOENT)
        return await_type(s, missing_type);
    session_failed(s, &err);
    return PG_FLOW_PAUSE;
}

static void on_keepalive(void *owner, uint64_t lsn, bool reply_requested)
{
    struct source *s = owner;
    capture_keepalive(&s->capture, lsn);
    if (s->poked)
        capture_mark_idle(&s->capture);
    s->poked = false;
    if (reply_requested)
        confirm(s, false);
}

static void on_streaming(void *owner)
{
    struct source *s = owner;
    source_set_state(s, SOURCE_STREAMING);
    backoff_reset(&s->backoff);
    error_clear(&s->told);
    health_up(s->context.health, "capture");
    log_info("source", "slot %s: streaming %zu tables with %s, epoch %s",
             s->context.config->slot.name, s->facts.table_count, s->capture.ops->plugin, s->epoch);
    timer_start(s, TICK_S, TICK_S);
    if (!s->started) {
        s->started = true;
        s->context.on_started(s->context.owner);
    }
    confirm(s, true);
}

/* --- opening -----------------------------------------------------------------------------------
 */

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
        session_failed(s, &err);
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
    buffer_init(&command, COMMAND_MAX);
    buffer_printf(&command, "START_REPLICATION SLOT \"%s\" LOGICAL %s", slot.name,
                  lsn_format(journal_durable_lsn(journal), lsn));
    buffer_append_str(&command, STR(stream_options));
    pg_literal(&command, str_from(s->facts.add_tables.data));
    buffer_append_str(&command, STR(")"));
    buffer_append_char(&command, '\0');
    if (command.failed)
        session_failed(s, &(struct error){.code = -ENOMEM, .text = "no memory for a command"});
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

/* The server says what it does not allow, not how to allow it. */
static void add_plugin_mend(struct error *err, const char *slot)
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
    add_plugin_mend(&why, s->context.config->slot.name);
    session_failed(s, &why);
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
        session_failed(s, err);
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
        session_failed(s, err);
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
        stop_done(s);
        return;
    }
    struct error err = *why;
    add_plugin_mend(&err, s->context.config->slot.name);
    session_failed(s, &err);
}

static const struct pg_session_events session_events = {
    .on_ready = on_session_ready,
    .on_streaming = on_streaming,
    .on_message = on_message,
    .on_keepalive = on_keepalive,
    .on_closed = on_session_closed,
};

/* --- setup -------------------------------------------------------------------------------------
 */

/* What the catalog says of the slot, if it keeps us from reading it. */
static int check_slot(const struct source *s, struct error *err)
{
    const struct setup_facts *f = &s->facts;
    const char *name = s->context.config->slot.name;
    if (!f->slot_exists)
        return s->started && s->context.config->slot.durable
                   ? error_set(
                         err, -ENODATA,
                         "slot %s was dropped while it was read: restart walpiper to make a new "
                         "one (a new epoch begins)",
                         name)
                   : 0;
    if (!s->context.config->slot.durable)
        return error_set(err, -EINVAL,
                         "slot %s exists, but slot.durable is false: choose another slot.name",
                         name);
    if (strcmp(f->slot_plugin, s->capture.ops->plugin) != 0)
        return error_set(
            err, -EINVAL,
            "slot %s uses the plugin \"%s\", which is not available yet: choose another "
            "slot.name, or drop it with SELECT pg_drop_replication_slot('%s')",
            name, f->slot_plugin, name);
    if (strcmp(f->slot_database, f->database) != 0)
        return error_set(err, -EINVAL,
                         "slot %s belongs to database %s, not %s: choose another "
                         "slot.name",
                         name, f->slot_database, f->database);
    if (strcmp(f->slot_status, "lost") == 0)
        return error_set(
            err, -ENODATA,
            "slot %s is lost, the server removed WAL that it needs: drop it with SELECT "
            "pg_drop_replication_slot('%s') and restart walpiper (a new epoch begins); "
            "max_slot_wal_keep_size says how much the server keeps",
            name, name);
    if (f->slot_active)
        return error_set(err, -EBUSY, "slot %s is being read by process %s: waiting for it", name,
                         f->slot_holder);
    return 0;
}

static void on_setup_done(void *owner, const struct error *err)
{
    struct source *s = owner;
    struct error why = err ? *err : (struct error){0};
    if (!why.code)
        check_slot(s, &why);
    if (why.code) {
        try_later(s, &why);
        return;
    }
    source_set_state(s, SOURCE_OPENING);
    s->created_at = 0;
    if (pg_session_start(&s->session, s->loop, s->context.params, &session_events, s, &why) < 0)
        try_later(s, &why);
}

static void begin_setup(struct source *s)
{
    struct error err = {0};
    source_set_state(s, SOURCE_SETUP);
    s->setup.facts = &s->facts;
    s->setup.on_done = on_setup_done;
    if (setup_start(&s->setup, &err) < 0)
        try_later(s, &err);
}

/* --- failure -----------------------------------------------------------------------------------
 */

static bool needs_a_human(const struct error *why)
{
    return why->code == -EPERM || why->code == -EINVAL || why->code == -ENOENT ||
           why->code == -ENODATA;
}

static void tell(struct source *s, const struct error *why)
{
    health_down(s->context.health, "capture", why->text);
    if (strcmp(s->told.text, why->text) != 0)
        log_write(s->started || needs_a_human(why) ? LOG_ERROR : LOG_WARN, "source", "%s",
                  why->text);
    s->told = *why;
}

static void try_later(struct source *s, const struct error *why)
{
    if (s->state >= SOURCE_STOPPING)
        return;
    tell(s, why);
    if (why->code == -ENODATA && s->started) {
        source_set_state(s, SOURCE_LOST);
        ev_timer_stop(s->loop->ev, &s->timer);
        return;
    }
    source_set_state(s, SOURCE_WAITING);
    if (needs_a_human(why) && !s->started) {
        s->context.on_refused(s->context.owner, why);
        return;
    }
    uint32_t wait = backoff_next(&s->backoff, random_u32());
    log_debug("source", "next try in %u ms", wait);
    timer_start(s, wait / 1000., 0.);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct source *s = timer->data;
    (void)ev;
    (void)events;
    switch (s->state) {
    case SOURCE_WAITING:
        begin_setup(s);
        break;
    case SOURCE_STREAMING:
        capture_mark_idle(&s->capture);
        confirm(s, clock_monotonic_ms() - pg_session_last_heard(s->session) > 5000);
        break;
    case SOURCE_STOPPING:
    case SOURCE_CLOSING:
        log_warn("source", "the %s did not finish within %.0f s",
                 s->state == SOURCE_STOPPING ? "journal" : "server", STOP_TIMEOUT_S);
        source_set_state(s, SOURCE_CLOSING);
        stop_done(s);
        break;
    default:
        break;
    }
}

/* --- life --------------------------------------------------------------------------------------
 */

static void slot_source_free(struct source *s)
{
    if (!s)
        return;
    ev_timer_stop(s->loop->ev, &s->timer);
    setup_cancel(&s->setup);
    pg_session_close(s->session);
    journal_unlisten(s->context.journal, &s->listener);
    loop_wakeup_stop(s->loop, &s->progress);
    loop_hook_remove(s->loop, &s->flush_hook);
    capture_release(&s->capture);
    relation_cache_free(s->cache);
    buffer_release(&s->facts.add_tables);
    free(s);
}

static int slot_source_start(struct source **ret_source, const struct source_context *context,
                             struct error *err)
{
    struct source *s = calloc(1, sizeof(*s));
    if (!s)
        return error_set(err, -ENOMEM, "no memory for the source");
    s->context = *context;
    s->loop = context->loop;
    s->cache = relation_cache_new();
    if (!s->cache || capture_init(&s->capture, &wal2json_decoder, s->cache, context->journal,
                                  context->config) < 0) {
        relation_cache_free(s->cache);
        free(s);
        return error_set(err, -ENOMEM, "no memory for the decoder");
    }
    s->setup = (struct setup){.loop = s->loop,
                              .config = context->config,
                              .params = context->params,
                              .cache = s->cache,
                              .owner = s};
    buffer_init(&s->facts.add_tables, COMMAND_MAX / 2);
    s->backoff = (struct backoff){RETRY_MIN_MS, RETRY_MAX_MS, 2., 0};
    ev_timer_init(&s->timer, on_timer, 0., 0.);
    s->timer.data = s;
    s->flush_hook = (struct loop_hook){.order = LOOP_ORDER_JOURNAL, .run = flush_journal};
    loop_hook_add(s->loop, &s->flush_hook);
    s->progress.on_wake = on_progress;
    loop_wakeup_start(s->loop, &s->progress);
    s->listener.on_progress = on_journal_progress;
    journal_listen(context->journal, &s->listener);
    health_down(context->health, "capture", "not connected yet");
    s->state = SOURCE_WAITING;
    timer_start(s, 0., 0.); /* from the loop: a refusal must find the source in place */
    *ret_source = s;
    return 0;
}

static void slot_source_poke(struct source *s)
{
    if (s->state != SOURCE_STREAMING)
        return;
    s->poked = true;
    confirm(s, true);
}

/* One step further towards the end, as often as something has happened. */
static void stop_done(struct source *s)
{
    if (s->state == SOURCE_STOPPING && !journal_idle(s->context.journal))
        return;
    if (s->state == SOURCE_STOPPING) {
        source_set_state(s, SOURCE_CLOSING);
        if (s->session) {
            confirm(s, false);
            if (pg_session_end(s->session) == 0)
                return;
        }
    }
    if (s->state != SOURCE_CLOSING)
        return;
    ev_timer_stop(s->loop->ev, &s->timer);
    pg_session_close(s->session);
    s->session = NULL;
    source_set_state(s, SOURCE_STOPPED);
    s->context.on_stopped(s->context.owner);
}

static void slot_source_stop(struct source *s)
{
    if (s->state >= SOURCE_STOPPING)
        return;
    setup_cancel(&s->setup);
    if (s->state == SOURCE_STREAMING)
        capture_mark_idle(&s->capture);
    source_set_state(s, SOURCE_STOPPING);
    journal_flush(s->context.journal);
    timer_start(s, STOP_TIMEOUT_S, STOP_TIMEOUT_S);
    loop_wake(s->loop, &s->progress);
}

const struct source_ops slot_source = {
    .name = "slot",
    .start = slot_source_start,
    .poke = slot_source_poke,
    .stop = slot_source_stop,
    .free = slot_source_free,
};
