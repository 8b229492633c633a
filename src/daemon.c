/* The only file that wires rooms together. Start: journal, then what reads it, then the source.
 * Stop: listeners and streams, operators, source, each when the one before has ended; so that
 * nothing downstream misses its upstream. A second signal ends all of it at once.
 */
#include "daemon.h"
#include "admin/admin.h"
#include "api/rate.h"
#include "auth/auth.h"
#include "base/commits.h"
#include "base/health.h"
#include "base/log.h"
#include "base/lsn.h"
#include "base/marked.h"
#include "journal/journal.h"
#include "loop/loop.h"
#include "operator/leftover.h"
#include "operator/operators.h"
#include "serving.h"
#include "source/params.h"
#include "source/source.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <walpiper/version.h>

/* Memory of the journal: what live readers find without the disk, and what may wait for the disk.
 */
#define RING_BYTES ((size_t)8 << 20)
#define BATCH_BYTES ((size_t)4 << 20)
#define AHEAD_BYTES ((size_t)12 << 20)

/* For the transactions that operators have under way when a stop begins. */
#define OPERATORS_STOP_SECONDS 10.

struct daemon {
    const struct config *config;
    struct pg_params params;
    struct pg_params *targets; /* one an operator: where its target is */
    struct loop loop;
    struct health *health;
    struct marked *marked;
    struct commits *commits;
    struct auth *auth; /* in mode jwt, else NULL */
    struct journal *journal;
    struct source *source;
    struct operators *operators;
    struct leftover *leftover;      /* of operators that are not configured any more */
    struct api_context api_context; /* borrowed by every serving loop */
    struct places *clients;         /* NULL: no limit for each */
    struct places *consumers;       /* the same */
    struct rate *publish_rate;      /* the same */
    struct serving **serving;
    unsigned serving_count;
    struct admin *admin; /* NULL: it is turned off */
    struct source_counters source_counters;
    struct operator_counters *operator_counters; /* one an operator */
    struct serving_counters *serving_counters;   /* one a serving loop */
    struct progress progress;                    /* of operators, and of looks at the server */
    struct wal_clock wal_clock;
    struct awaiting_context awaiting_context; /* borrowed by every serving loop, and the admin */
    struct loop_wakeup poke, look;            /* from other threads */
    struct loop_wakeup served;                /* a serving thread has ended */
    ev_signal on_term, on_int, on_hup;
    ev_timer operators_deadline;
    bool stopping;
    bool serving_over; /* all of its threads have ended */
    bool signalled;
    int exit_code;
};

/* --- stopping -------------------------------------------------------------------------------- */

static void on_source_stopped(void *owner)
{
    struct daemon *d = owner;
    loop_stop(&d->loop);
}

static void on_operators_stopped(void *owner)
{
    struct daemon *d = owner;
    ev_timer_stop(d->loop.ev, &d->operators_deadline);
    if (d->source)
        slot_source.stop(d->source);
    else
        loop_stop(&d->loop);
}

/* What is cut off is rolled back by the server and done again after the next start. */
static void on_operators_deadline(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct daemon *d = timer->data;
    (void)ev;
    (void)events;
    log_warn("daemon", "operators did not finish within %.0f s: their transactions are cut off",
             OPERATORS_STOP_SECONDS);
    operators_free(d->operators);
    d->operators = NULL;
    on_operators_stopped(d);
}

static void stop_operators(struct daemon *d)
{
    leftover_free(d->leftover);
    d->leftover = NULL;
    if (!d->operators) {
        on_operators_stopped(d);
        return;
    }
    ev_timer_start(d->loop.ev, &d->operators_deadline);
    operators_stop(d->operators, on_operators_stopped, d);
}

/* Until the last stream has ended, events go on to those that are left. */
static void look_at_serving(struct daemon *d)
{
    if (!d->stopping || d->serving_over)
        return;
    for (unsigned i = 0; i < d->serving_count; i++)
        if (!serving_ended(d->serving[i]))
            return;
    d->serving_over = true;
    stop_operators(d);
}

static void on_served(struct loop_wakeup *wakeup)
{
    look_at_serving((struct daemon *)((char *)wakeup - offsetof(struct daemon, served)));
}

static void on_serving_ended(void *owner)
{
    struct daemon *d = owner;
    loop_wake(&d->loop, &d->served);
}

static void daemon_stop(struct daemon *d)
{
    if (d->stopping)
        return;
    d->stopping = true;
    for (unsigned i = 0; i < d->serving_count; i++)
        serving_drain(d->serving[i]);
    look_at_serving(d);
}

/* What is cut off goes on after the next start: clients by their last id, operators by what the
 * server rolls back, the slot by what it was last told. */
static void cut_off(struct daemon *d)
{
    for (unsigned i = 0; i < d->serving_count; i++)
        serving_cut(d->serving[i]);
    loop_stop(&d->loop);
}

static void on_stop_signal(struct ev_loop *ev, ev_signal *signal, int events)
{
    struct daemon *d = signal->data;
    (void)ev;
    (void)events;
    const char *name = signal->signum == SIGINT ? "SIGINT" : "SIGTERM";
    if (d->signalled) {
        log_warn("daemon", "%s again: ending at once", name);
        cut_off(d);
        return;
    }
    d->signalled = true;
    log_info("daemon", "%s: stopping", name);
    daemon_stop(d);
}

static void on_hangup(struct ev_loop *ev, ev_signal *signal, int events)
{
    const struct daemon *d = signal->data;
    const char *file = d->config->auth.jwt.jwks_file;
    struct error err = {0};
    (void)ev;
    (void)events;
    if (!d->auth || !file)
        log_info("daemon", "SIGHUP: nothing to reload, a changed configuration needs a restart");
    else if (auth_reload(d->auth, &err) == 0)
        log_info("auth", "SIGHUP: %s is read anew", file);
    else
        log_error("auth", "SIGHUP: %s; the keys that were read before stay", err.text);
}

/* --- what the rooms tell --------------------------------------------------------------------- */

static void on_refused(void *owner, const struct error *why)
{
    struct daemon *d = owner;
    (void)why; /* the source has logged it */
    d->exit_code = 1;
    daemon_stop(d);
}

static int start_operators(struct daemon *d, struct error *err)
{
    const struct operators_context context = {
        .config = d->config,
        .journal = d->journal,
        .health = d->health,
        .params = &d->params,
        .targets = d->targets,
        .reader = &d->source_counters.reader,
        .counters = d->operator_counters,
        .progress = &d->progress,
    };
    return operators_start(&d->operators, &d->loop, &context, err);
}

/* Operators need the journal's epoch, which the first stream settles. Without a slot they apply
 * what the journal still has for them. */
static void on_started(void *owner)
{
    struct daemon *d = owner;
    struct error err = {0};
    d->leftover = leftover_new(&d->loop, d->config, &d->params, d->targets);
    if (!d->leftover)
        log_warn("daemon", "no memory to look for what former operators left behind");
    if (d->config->operator_count > 0 && start_operators(d, &err) < 0) {
        log_error("daemon", "%s", err.text);
        d->exit_code = 1;
        daemon_stop(d);
    }
}

static void on_poke(struct loop_wakeup *wakeup)
{
    struct daemon *d = (struct daemon *)((char *)wakeup - offsetof(struct daemon, poke));
    if (d->source)
        slot_source.poke(d->source);
}

static void poke(void *owner)
{
    struct daemon *d = owner;
    loop_wake(&d->loop, &d->poke);
}

static void on_look(struct loop_wakeup *wakeup)
{
    struct daemon *d = (struct daemon *)((char *)wakeup - offsetof(struct daemon, look));
    if (d->source)
        slot_source.look(d->source);
}

static void look(void *owner)
{
    struct daemon *d = owner;
    loop_wake(&d->loop, &d->look);
}

/* --- starting -------------------------------------------------------------------------------- */

static void watch_signal(struct daemon *d, ev_signal *signal, int number,
                         void (*callback)(struct ev_loop *, ev_signal *, int))
{
    ev_signal_init(signal, callback, number);
    signal->data = d;
    ev_signal_start(d->loop.ev, signal);
}

/* An operator that was taken out of the configuration must not keep records for ever. */
static int keep_operators_holds(struct daemon *d, struct error *err)
{
    if (operators_keep_holds(d->config, d->journal) < 0)
        return error_set(err, -ENOMEM, "no memory for the operators");
    return 0;
}

/* Only operators hold. On the journal's thread. */
static void on_given_up(const struct journal_given_up *what)
{
    char room[300], lsn[LSN_TEXT_MAX];
    snprintf(room, sizeof(room), "operator %s", what->name);
    log_warn(room,
             "is given up: it stands at %s, %" PRIu64 " s behind, and the journal has grown to "
             "%" PRIu64 " MB for it, more than journal.retention and journal.max_hold allow; it "
             "computes every id anew once it runs: mend what keeps it, or raise journal.max_hold",
             lsn_format(what->position.lsn, lsn), what->behind_us / 1000000,
             what->journal_bytes >> 20);
}

static int open_journal(struct daemon *d, struct error *err)
{
    const struct journal_options options = {
        .path = d->config->journal.path,
        .retention_bytes = d->config->journal.retention_bytes,
        .retention_age_us = d->config->journal.retention_age_us,
        .max_held = d->config->journal.max_hold,
        .on_given_up = on_given_up,
        .ring_bytes = RING_BYTES,
        .batch_bytes = BATCH_BYTES,
        .ahead_bytes = AHEAD_BYTES,
    };
    int rc = journal_open(&d->journal, &options, err);
    return rc < 0 ? rc : keep_operators_holds(d, err);
}

/* What all serving loops share. */
static int make_limits(struct daemon *d, struct error *err)
{
    unsigned connections = d->config->http.max_connections_per_client;
    unsigned streams = d->config->http.max_connections_per_consumer;
    unsigned publish_rate = d->config->http.publish_rate;
    if (connections > 0)
        d->clients = places_new(connections);
    if (streams > 0)
        d->consumers = places_new(streams);
    if (publish_rate > 0)
        d->publish_rate = rate_new(publish_rate);
    if ((connections > 0 && !d->clients) || (streams > 0 && !d->consumers) ||
        (publish_rate > 0 && !d->publish_rate))
        return error_set(err, -ENOMEM, "no memory for the limits of clients");
    return 0;
}

static struct awaiting_context awaiting_context_of(struct daemon *d)
{
    return (struct awaiting_context){
        .config = d->config,
        .journal = d->journal,
        .operators = d->operator_counters,
        .progress = &d->progress,
        .wal_clock = &d->wal_clock,
        .poke = poke,
        .look = look,
        .owner = d,
    };
}

static int start_serving(struct daemon *d, struct error *err)
{
    int status = make_limits(d, err);
    if (status < 0)
        return status;
    d->awaiting_context = awaiting_context_of(d);
    d->api_context = (struct api_context){
        .config = d->config,
        .journal = d->journal,
        .health = d->health,
        .marked = d->marked,
        .commits = d->commits,
        .auth = d->auth,
        .consumers = d->consumers,
        .publish_rate = d->publish_rate,
        .pg = &d->params,
        .awaiting = &d->awaiting_context,
        .poke = poke,
        .poke_owner = d,
    };
    d->serving = calloc(d->config->http.threads, sizeof(struct serving *));
    d->serving_counters = calloc(d->config->http.threads, sizeof(*d->serving_counters));
    if (!d->serving || !d->serving_counters)
        return error_set(err, -ENOMEM, "no memory for serving loops");
    for (unsigned i = 0; i < d->config->http.threads; i++) {
        const struct serving_options options = {
            .context = &d->api_context,
            .index = i,
            .clients = d->clients,
            .on_ended = on_serving_ended,
            .owner = d,
        };
        int rc = serving_start(&d->serving[i], &options, err);
        if (rc < 0)
            return rc;
        d->serving_counters[i] = serving_counters(d->serving[i]);
        d->serving_count++;
    }
    for (size_t i = 0; i < d->config->http.listen_count; i++)
        log_info("http", "listening on %s, %u threads", d->config->http.listen[i].text,
                 d->config->http.threads);
    return 0;
}

static int start_admin(struct daemon *d, struct error *err)
{
    const struct admin_context context = {
        .config = d->config,
        .journal = d->journal,
        .health = d->health,
        .source = &d->source_counters,
        .operators = d->operator_counters,
        .wal_clock = &d->wal_clock,
        .awaiting = &d->awaiting_context,
        .params = &d->params,
        .targets = d->targets,
        .serving = d->serving_counters,
        .serving_count = d->serving_count,
    };
    if (!d->config->admin.listen)
        return 0;
    int rc = admin_start(&d->admin, &context, err);
    if (rc == 0)
        log_info("admin", "listening on %s", d->config->admin.listen);
    return rc;
}

static int start_source(struct daemon *d, struct error *err)
{
    const struct source_context context = {
        .loop = &d->loop,
        .config = d->config,
        .params = &d->params,
        .journal = d->journal,
        .health = d->health,
        .marked = d->marked,
        .commits = d->commits,
        .counters = &d->source_counters,
        .wal_clock = &d->wal_clock,
        .progress = &d->progress,
        .on_refused = on_refused,
        .on_started = on_started,
        .on_stopped = on_source_stopped,
        .owner = d,
    };
    return slot_source.start(&d->source, &context, err);
}

static int daemon_start(struct daemon *d, struct error *err)
{
    d->health = health_new();
    d->marked = marked_new();
    d->commits = commits_new();
    d->operator_counters = calloc(d->config->operator_count + 1, sizeof(*d->operator_counters));
    d->targets = calloc(d->config->operator_count + 1, sizeof(*d->targets));
    if (!d->health || !d->marked || !d->commits || !d->operator_counters || !d->targets ||
        loop_init(&d->loop) < 0)
        return error_set(err, -ENOMEM, "no memory to start");
    for (size_t i = 0; i < d->config->operator_count; i++)
        d->targets[i] = params_of_operator(d->config, &d->config->operators[i]);
    d->poke.on_wake = on_poke;
    d->look.on_wake = on_look;
    d->served.on_wake = on_served;
    loop_wakeup_start(&d->loop, &d->poke);
    loop_wakeup_start(&d->loop, &d->look);
    loop_wakeup_start(&d->loop, &d->served);
    ev_timer_init(&d->operators_deadline, on_operators_deadline, OPERATORS_STOP_SECONDS, 0.);
    d->operators_deadline.data = d;
    watch_signal(d, &d->on_term, SIGTERM, on_stop_signal);
    watch_signal(d, &d->on_int, SIGINT, on_stop_signal);
    watch_signal(d, &d->on_hup, SIGHUP, on_hangup);
    int rc = d->config->auth.mode == CONFIG_AUTH_JWT ? auth_new(&d->auth, d->config, err) : 0;
    if (rc == 0)
        rc = open_journal(d, err);
    /* The source first, though it does nothing before the loop runs: until it streams, health says
     * so, and whoever waits for UP before writing must not hear it too early. */
    if (rc == 0)
        rc = start_source(d, err);
    if (rc == 0)
        rc = start_serving(d, err);
    if (rc == 0)
        rc = start_admin(d, err);
    return rc;
}

static uint64_t sum(const struct daemon *d, size_t counter)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < d->serving_count; i++)
        total += counter_read_at(d->serving_counters[i].http, counter);
    return total;
}

/* How the clients fared: one line at the end. */
static void log_served(const struct daemon *d)
{
    char closed[400] = "";
    for (size_t why = 0, len = 0; why < HTTP_CLOSE_COUNT && len < sizeof(closed); why++)
        len += (size_t)snprintf(closed + len, sizeof(closed) - len, "%s%s %" PRIu64,
                                why > 0 ? ", " : "", http_close_name((enum http_close)why),
                                sum(d, offsetof(struct http_counters, closed[why])));
    log_info("http",
             "%" PRIu64 " connections; refused %" PRIu64 " by max_connections, %" PRIu64
             " by max_connections_per_client, %" PRIu64 " by max_connections_per_consumer, %" PRIu64
             " by the machine; %" PRIu64 " streams, closed: %s",
             sum(d, offsetof(struct http_counters, connections)),
             sum(d, offsetof(struct http_counters, refused_server)),
             sum(d, offsetof(struct http_counters, refused_client)),
             sum(d, offsetof(struct http_counters, refused_consumer)),
             sum(d, offsetof(struct http_counters, refused_machine)),
             sum(d, offsetof(struct http_counters, streams)), closed);
}

static void daemon_release(struct daemon *d)
{
    admin_stop(d->admin);
    for (unsigned i = 0; i < d->serving_count; i++)
        serving_cut(d->serving[i]);
    if (d->serving_count > 0)
        log_served(d);
    for (unsigned i = 0; i < d->serving_count; i++)
        serving_join(d->serving[i]);
    free(d->serving);
    free(d->serving_counters);
    places_free(d->clients);
    places_free(d->consumers);
    rate_free(d->publish_rate);
    leftover_free(d->leftover);
    if (d->operators)
        operators_free(d->operators);
    if (d->source)
        slot_source.free(d->source);
    free(d->operator_counters);
    free(d->targets);
    if (d->loop.ev) {
        ev_signal_stop(d->loop.ev, &d->on_term);
        ev_signal_stop(d->loop.ev, &d->on_int);
        ev_signal_stop(d->loop.ev, &d->on_hup);
        ev_timer_stop(d->loop.ev, &d->operators_deadline);
        loop_wakeup_stop(&d->loop, &d->poke);
        loop_wakeup_stop(&d->loop, &d->look);
        loop_wakeup_stop(&d->loop, &d->served);
        loop_release(&d->loop);
    }
    if (d->journal)
        journal_close(d->journal);
    auth_free(d->auth);
    health_free(d->health);
    marked_free(d->marked);
    commits_free(d->commits);
}

int daemon_run(const struct config *config)
{
    struct daemon d = {.config = config};
    struct error err = {0};
    d.params = params_of(config);
    log_configure(config->log.level, config->log.format);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* an error of write(2), which is told */
    log_info("daemon", "walpiper %s starts, configuration %s", WALPIPER_VERSION, config->file);
    if (daemon_start(&d, &err) == 0) {
        loop_run(&d.loop);
    } else {
        log_error("daemon", "%s", err.text);
        d.exit_code = 1;
    }
    daemon_release(&d);
    if (d.exit_code == 0)
        log_info("daemon", "stopped");
    return d.exit_code;
}
