/* The replication slot as a source: setup, session, stream; and the same again after a failure. */
#include "source/slot_source.h"
#include "base/clock.h"
#include "base/log.h"
#include "source/catalog.h"
#include <errno.h>
#include <stdlib.h>

#define STOP_TIMEOUT_S 10.0 /* for the journal and the server's goodbye */
#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 10000
#define STANDBY_MS                                                                                 \
    400 /* and up to as much again: how often a standby looks whether the slot is free */

static void try_later(struct source *s, const struct error *why);

static const char *const state_names[] = {
    [SOURCE_SETUP] = "setup",     [SOURCE_OPENING] = "opening", [SOURCE_STREAMING] = "streaming",
    [SOURCE_WAITING] = "waiting", [SOURCE_LOST] = "lost",       [SOURCE_STOPPING] = "stopping",
    [SOURCE_CLOSING] = "closing", [SOURCE_STOPPED] = "stopped",
};

const char *slot_state_name(enum source_state state)
{
    return state_names[state];
}

void slot_set_state(struct source *s, enum source_state state)
{
    log_debug("source", "%s -> %s", state_names[s->state], state_names[state]);
    s->state = state;
}

void slot_timer(struct source *s, double after, double repeat)
{
    ev_timer_stop(s->loop->ev, &s->timer);
    ev_timer_set(&s->timer, after, repeat);
    ev_timer_start(s->loop->ev, &s->timer);
}

/* --- setup ----------------------------------------------------------------------------------- */

static const struct decoder_ops *const plugins[] = {&wal2json_decoder, &pgoutput_decoder};

static const struct decoder_ops *find_plugin(const char *name)
{
    for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++)
        if (strcmp(plugins[i]->plugin, name) == 0)
            return plugins[i];
    return NULL;
}

/* An existing slot has its plugin; for a new one the configuration says it, and with "auto"
 * wal2json is the first choice where it can do what the publication wants. */
static int choose_plugin(struct source *s, struct error *err)
{
    const struct setup_facts *f = &s->facts;
    const struct config *config = s->context.config;
    const char *wanted = config_plugin_name(config->slot.plugin);
    if (f->slot_exists && wanted && strcmp(wanted, f->slot_plugin) != 0)
        return error_set(
            err, -EINVAL,
            "slot %s uses the plugin %s, slot.plugin says %s: say auto, or choose another "
            "slot.name",
            config->slot.name, f->slot_plugin, wanted);
    if (!wanted)
        wanted = f->filtered[0] || f->partitioned[0] ? "pgoutput" : "wal2json";
    s->plugin = find_plugin(f->slot_exists ? f->slot_plugin : wanted);
    if (!s->plugin)
        return error_set(
            err, -EINVAL,
            "slot %s uses the plugin \"%s\", walpiper reads wal2json and pgoutput: choose "
            "another slot.name, or drop it with SELECT pg_drop_replication_slot('%s')",
            config->slot.name, f->slot_plugin, config->slot.name);
    if (s->plugin == &wal2json_decoder && f->filtered[0])
        return error_set(
            err, -EINVAL,
            "publication %s has a row filter or a column list on %s, which wal2json does "
            "not know: publish the whole table, or set slot.plugin: pgoutput with a new "
            "slot.name",
            config->publication, f->filtered);
    return 0;
}

/* What the catalog says of the slot, if it keeps us from reading it. */
static int check_slot(const struct source *s, struct error *err)
{
    const struct setup_facts *f = &s->facts;
    const char *name = s->context.config->slot.name;
    if (!f->slot_exists)
        return 0; /* whether one may be made depends on the cluster, which the session tells */
    if (!s->context.config->slot.durable)
        return error_set(err, -EINVAL,
                         "slot %s exists, but slot.durable is false: choose another slot.name",
                         name);
    if (strcmp(f->slot_database, f->database) != 0)
        return error_set(err, -EINVAL,
                         "slot %s belongs to database %s, not %s: choose another "
                         "slot.name",
                         name, f->slot_database, f->database);
    if (f->slot_active)
        return error_set(err, -EBUSY, "slot %s is being read by process %s: waiting for it", name,
                         f->slot_holder);
    return slot_decision(s) == SLOT_GIVE_UP ? slot_refuse_loss(s, err) : 0;
}

static void on_setup_done(void *owner, const struct error *err)
{
    struct source *s = owner;
    struct error why = err ? *err : (struct error){0};
    if (!why.code && check_slot(s, &why) == 0)
        choose_plugin(s, &why);
    if (why.code) {
        try_later(s, &why);
        return;
    }
    slot_set_state(s, SOURCE_OPENING);
    if (slot_open(s, &why) < 0)
        try_later(s, &why);
}

static void begin_setup(struct source *s)
{
    struct error err = {0};
    slot_set_state(s, SOURCE_SETUP);
    slot_timer(s, SLOT_TICK_S, SLOT_TICK_S);
    s->setup.facts = &s->facts;
    s->setup.keep_publication = s->started;
    s->setup.xid = 0;
    s->setup.on_done = on_setup_done;
    if (setup_start(&s->setup, &err) < 0)
        try_later(s, &err);
}

/* --- failure --------------------------------------------------------------------------------- */

static bool needs_a_human(const struct error *why)
{
    return why->code == -EPERM || why->code == -EINVAL || why->code == -ENOENT;
}

/* Waiting for somebody else's slot. Without one it waits for a new one, whoever makes that. */
static bool stands_by(const struct source *s, const struct error *why)
{
    return why->code == -EBUSY || (why->code == -EIDRM && s->stood_by && !s->started);
}

/* The slot is gone, or has an event that journal.on_large_event does not let pass. */
static bool is_final(const struct source *s, const struct error *why)
{
    return why->code == -EMSGSIZE || (why->code == -EIDRM && !stands_by(s, why));
}

static void tell(struct source *s, const struct error *why)
{
    health_down(s->context.health, "capture", why->text);
    if (strcmp(s->told.text, why->text) != 0)
        log_write(s->started || needs_a_human(why) || is_final(s, why) ? LOG_ERROR : LOG_WARN,
                  "source", "%s", why->text);
    s->told = *why;
}

static void close_session(struct source *s)
{
    watch_stop(&s->watch);
    liveness_stop(&s->liveness);
    pg_session_close(s->session);
    s->session = NULL;
    setup_cancel(&s->setup);
    ev_timer_stop(s->loop->ev, &s->again);
    ev_timer_stop(s->loop->ev, &s->confirm_due);
    s->awaiting = false;
    s->unseen_told = false;
    s->restart_wanted = false;
}

void slot_begin_again(struct source *s)
{
    close_session(s);
    begin_setup(s);
}

void slot_begin_other_history(struct source *s)
{
    s->other_history = true;
    slot_begin_again(s);
}

static void try_later(struct source *s, const struct error *why)
{
    if (s->state >= SOURCE_STOPPING)
        return;
    tell(s, why);
    if (is_final(s, why)) {
        slot_stay_lost(s);
        return;
    }
    s->stood_by = s->stood_by || why->code == -EBUSY;
    slot_set_state(s, SOURCE_WAITING);
    if (needs_a_human(why) && !s->started && !s->announced) {
        s->context.on_refused(s->context.owner, why);
        return;
    }
    uint32_t wait = stands_by(s, why) ? STANDBY_MS + random_u32() % STANDBY_MS
                                      : backoff_next(&s->backoff, random_u32());
    log_debug("source", "next try in %u ms", wait);
    slot_timer(s, wait / 1000., 0.);
}

/* What the server says of a slot that it has dropped or given up, and of some other things. */
static bool may_be_final(const struct error *why)
{
    return strcmp(why->sqlstate, "42704") == 0 || strcmp(why->sqlstate, "55000") == 0;
}

/* A connection that was lost is first taken for an accident. */
static bool may_happen_again(const struct source *s, const struct error *why)
{
    bool lost = why->code == -ECONNRESET || why->code == -ETIMEDOUT || why->code == -EPROTO;
    return s->state == SOURCE_STREAMING && (!lost || s->backoff.attempts > 0);
}

void slot_session_failed(struct source *s, const struct error *why)
{
    if (may_happen_again(s, why))
        slot_expect_again(s);
    if (may_be_final(why) && !s->looked_up && s->state < SOURCE_STOPPING) {
        s->looked_up = true;
        log_debug("source", "%s; looks at the slot", why->text);
        slot_begin_again(s);
        return;
    }
    close_session(s);
    try_later(s, why);
}

void slot_announce(struct source *s)
{
    if (s->announced)
        return;
    s->announced = true;
    s->context.on_started(s->context.owner);
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
    case SOURCE_SETUP:
    case SOURCE_OPENING:
    case SOURCE_STREAMING:
        slot_tick(s);
        break;
    case SOURCE_LOST:
        slot_await_drop(s);
        break;
    case SOURCE_STOPPING:
    case SOURCE_CLOSING:
        log_warn("source", "the %s did not finish within %.0f s",
                 s->state == SOURCE_STOPPING ? "journal" : "server", STOP_TIMEOUT_S);
        slot_set_state(s, SOURCE_CLOSING);
        slot_stop_step(s);
        break;
    default:
        break;
    }
}

/* --- life ------------------------------------------------------------------------------------ */

static void slot_source_free(struct source *s)
{
    if (!s)
        return;
    ev_timer_stop(s->loop->ev, &s->timer);
    close_session(s);
    watch_release(&s->watch);
    journal_unlisten(s->context.journal, &s->listener);
    loop_wakeup_stop(s->loop, &s->progress);
    loop_hook_remove(s->loop, &s->flush_hook);
    capture_release(&s->capture);
    relation_cache_free(s->cache);
    column_rules_release(&s->rules);
    buffer_release(&s->facts.wal2json_tables);
    buffer_release(&s->facts.shape);
    buffer_release(&s->facts.marked);
    free(s);
}

static int init_capture(struct source *s)
{
    s->cache = relation_cache_new();
    if (!s->cache || columns_rules(&s->rules, s->context.config) < 0) {
        relation_cache_free(s->cache);
        return -ENOMEM;
    }
    relation_cache_set_rules(s->cache, &s->rules);
    relation_cache_set_catalog(s->cache);
    capture_init(&s->capture, s->cache, s->context.journal, s->context.config);
    s->capture.commits = s->context.commits;
    buffer_init(&s->facts.wal2json_tables, SLOT_COMMAND_MAX / 2);
    buffer_init(&s->facts.shape, CATALOG_SHAPE_MAX);
    buffer_init(&s->facts.marked, SETUP_MARKED_MAX);
    return 0;
}

/* What asks the server beside the stream. */
static void init_questions(struct source *s)
{
    const struct config *config = s->context.config;
    s->setup = (struct setup){.loop = s->loop,
                              .config = config,
                              .params = s->context.params,
                              .cache = s->cache,
                              .owner = s};
    s->watch = (struct watch){.loop = s->loop,
                              .params = s->context.params,
                              .publication = config->publication,
                              .owner = s,
                              .slot = config->slot.name,
                              .on_look = slot_on_look,
                              .on_changed = slot_on_publication};
    watch_init(&s->watch);
    s->liveness = (struct liveness){
        .loop = s->loop, .slot = config->slot.name, .on_waits = slot_on_waits, .owner = s};
}

static void init_timers(struct source *s)
{
    s->backoff = (struct backoff){RETRY_MIN_MS, RETRY_MAX_MS, 2., 0};
    ev_timer_init(&s->again, slot_on_again, 0., 0.);
    s->again.data = s;
    ev_timer_init(&s->confirm_due, slot_on_confirm_due, 0., 0.);
    s->confirm_due.data = s;
    ev_timer_init(&s->timer, on_timer, 0., 0.);
    s->timer.data = s;
}

static void follow_journal(struct source *s)
{
    s->flush_hook = (struct loop_hook){.order = LOOP_ORDER_JOURNAL, .run = slot_flush_journal};
    loop_hook_add(s->loop, &s->flush_hook);
    s->progress.on_wake = slot_on_progress;
    loop_wakeup_start(s->loop, &s->progress);
    s->listener.on_durable = slot_on_journal;
    journal_listen(s->context.journal, &s->listener);
}

static int slot_source_start(struct source **ret_source, const struct source_context *context,
                             struct error *err)
{
    struct source *s = calloc(1, sizeof(*s));
    if (s) {
        s->context = *context;
        s->loop = context->loop;
    }
    if (!s || init_capture(s) < 0) {
        free(s);
        return error_set(err, -ENOMEM, "no memory for the source");
    }
    init_questions(s);
    init_timers(s);
    follow_journal(s);
    health_down(context->health, "capture", "not connected yet");
    s->state = SOURCE_WAITING;
    slot_timer(s, 0., 0.); /* from the loop: a refusal must find the source in place */
    *ret_source = s;
    return 0;
}

static void slot_source_poke(struct source *s)
{
    if (s->state != SOURCE_STREAMING)
        return;
    s->poked = true;
    slot_confirm(s, true);
}

static void slot_source_look(struct source *s)
{
    if (s->state == SOURCE_STREAMING)
        watch_look_now(&s->watch);
}

void slot_stop_step(struct source *s)
{
    if (s->state == SOURCE_STOPPING && !journal_idle(s->context.journal))
        return;
    if (s->state == SOURCE_STOPPING) {
        slot_set_state(s, SOURCE_CLOSING);
        if (s->session) {
            slot_confirm(s, false);
            if (pg_session_end(s->session) == 0)
                return;
        }
    }
    if (s->state != SOURCE_CLOSING)
        return;
    ev_timer_stop(s->loop->ev, &s->timer);
    pg_session_close(s->session);
    s->session = NULL;
    slot_set_state(s, SOURCE_STOPPED);
    s->context.on_stopped(s->context.owner);
}

static void slot_source_stop(struct source *s)
{
    if (s->state >= SOURCE_STOPPING)
        return;
    setup_cancel(&s->setup);
    watch_stop(&s->watch);
    liveness_stop(&s->liveness);
    if (s->state == SOURCE_STREAMING)
        capture_finish(&s->capture);
    slot_set_state(s, SOURCE_STOPPING);
    journal_flush(s->context.journal);
    slot_timer(s, STOP_TIMEOUT_S, STOP_TIMEOUT_S);
    loop_wake(s->loop, &s->progress);
}

const struct source_ops slot_source = {
    .name = "slot",
    .start = slot_source_start,
    .poke = slot_source_poke,
    .look = slot_source_look,
    .stop = slot_source_stop,
    .free = slot_source_free,
};
