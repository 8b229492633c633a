#include "base/clock.h"
#include "base/log.h"
#include "base/planted_bug.h"
#include "source/slot_source.h"
#include <errno.h>

#define CONFIRM_EVERY_MS 100 /* at most so often on progress of the journal */
#define ROOM_S 1.0           /* how often a full disk is tried again */
#define QUIET_MS 5000        /* after so long the server is asked for a sign of life */
#define UNSEEN_TELL_MS 3000  /* so long a commit is waited for without a word */
#define SETTLED_TICKS 5      /* a stream that lasts so long is well, whatever ended the last one */

/* --- confirming ------------------------------------------------------------------------------ */

void slot_confirm(struct source *s, bool reply)
{
    uint64_t durable = journal_durable_lsn(s->context.journal);
    if (planted_bug(PLANTED_CONFIRM_BEFORE_SYNC) && s->capture.marked > durable)
        durable = s->capture.marked;
    /* Not before it is known to be of the server's history. */
    const struct resent *resent = &s->capture.resent;
    if (resent->at < resent->until && resent->at < durable)
        durable = resent->at;
    s->confirmed = durable;
    s->confirmed_at = clock_monotonic_ms();
    pg_session_confirm(s->session, durable, reply);
}

/* At once, or when the last status update is CONFIRM_EVERY_MS ago. */
static void confirm_progress(struct source *s)
{
    uint64_t since = clock_monotonic_ms() - s->confirmed_at;
    if (journal_durable_lsn(s->context.journal) <= s->confirmed || ev_is_active(&s->confirm_due))
        return;
    if (since >= CONFIRM_EVERY_MS) {
        slot_confirm(s, false);
        return;
    }
    ev_timer_set(&s->confirm_due, (double)(CONFIRM_EVERY_MS - since) / 1000., 0.);
    ev_timer_start(s->loop->ev, &s->confirm_due);
}

void slot_on_confirm_due(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct source *s = timer->data;
    (void)ev;
    (void)events;
    if (s->state == SOURCE_STREAMING)
        slot_confirm(s, false);
}

static void tell_journal_health(struct source *s)
{
    struct error err = {0};
    if (journal_failing(s->context.journal, &err))
        health_down(s->context.health, "journal", err.text);
    else
        health_up(s->context.health, "journal");
}

/* With another list of tables the same transaction would count its changes otherwise: the new
 * stream begins between two transactions, when all of the old one is on disk. */
static bool restart_is_due(struct source *s)
{
    if (!s->restart_wanted || s->capture.in_transaction)
        return false;
    if (journal_idle(s->context.journal))
        slot_begin_again(s);
    else
        capture_finish(&s->capture);
    return true;
}

/* The journal has written something, or has begun or ceased to fail. */
void slot_on_progress(struct loop_wakeup *wakeup)
{
    struct source *s = (struct source *)((char *)wakeup - offsetof(struct source, progress));
    tell_journal_health(s);
    if (s->state == SOURCE_STOPPING) {
        slot_stop_step(s);
        return;
    }
    if (s->state != SOURCE_STREAMING)
        return;
    confirm_progress(s);
    if (!restart_is_due(s) && !s->awaiting)
        pg_session_resume(s->session);
}

void slot_on_journal(struct journal_listener *listener)
{
    struct source *s = (struct source *)((char *)listener - offsetof(struct source, listener));
    loop_wake(s->loop, &s->progress);
}

void slot_flush_journal(struct loop_hook *hook)
{
    struct source *s = (struct source *)((char *)hook - offsetof(struct source, flush_hook));
    journal_flush(s->context.journal);
    slot_report(s);
}

/* --- trouble that comes again ---------------------------------------------------------------- */

static void tell_streaming(struct source *s)
{
    health_up(s->context.health, "capture");
    log_info("source", "slot %s: streaming %zu tables with %s, epoch %s",
             s->context.config->slot.name, s->facts.table_count, s->capture.ops->plugin, s->epoch);
    if (s->plugin == &wal2json_decoder)
        inexact_tell(&s->facts.inexact, s->context.config->slot.name);
}

void slot_expect_again(struct source *s)
{
    uint64_t durable = journal_durable_lsn(s->context.journal);
    uint64_t reached = s->capture.marked > durable ? s->capture.marked : durable;
    if (s->awaited_mark <= reached)
        s->awaited_mark = reached + 1;
}

static void settle(struct source *s)
{
    if (s->awaited_mark != 0)
        tell_streaming(s);
    s->awaited_mark = 0;
    s->looked_up = false;
    backoff_reset(&s->backoff);
    error_clear(&s->told);
}

/* Only what was taken whole proves that the trouble is past: a keepalive may stand at any record of
 * a transaction that is not sent yet. */
static void settle_if_past(struct source *s, uint64_t marked_before)
{
    if (s->awaited_mark != 0 && s->capture.marked > marked_before &&
        s->capture.marked >= s->awaited_mark)
        settle(s);
}

/* --- streaming ------------------------------------------------------------------------------- */

static void on_answer(void *owner, const struct error *err)
{
    struct source *s = owner;
    if (err) {
        slot_session_failed(s, err);
        return;
    }
    /* A type that was dropped since: its values are text. */
    if (s->awaited_type != 0 && !relation_cache_type(s->cache, s->awaited_type))
        relation_cache_add_type(s->cache, s->awaited_type, STR("unknown"), 0, 0, ',');
    if (s->unseen_told && s->awaited_mark == 0)
        health_up(s->context.health, "capture");
    s->unseen_told = false;
    s->awaiting = false;
    pg_session_resume(s->session);
}

/* What the decoder lacks: a type, or, 0, an answer about a relation. */
static enum pg_flow await_catalog(struct source *s, uint32_t type)
{
    struct error err = {0};
    s->awaiting = true;
    s->awaited_type = type;
    s->setup.facts = NULL;
    s->setup.xid = s->capture.xid;
    s->setup.on_done = on_answer;
    if (setup_start(&s->setup, &err) < 0)
        slot_session_failed(s, &err);
    return PG_FLOW_PAUSE;
}

void slot_on_publication(void *owner)
{
    struct source *s = owner;
    log_info("source", "publication %s: its tables have changed, the stream starts anew",
             s->context.config->publication);
    s->restart_wanted = true;
    restart_is_due(s);
}

/* The server keeps what the spool has no room for: the same message is tried until it has. */
static enum pg_flow await_room(struct source *s, const struct error *why)
{
    health_down(s->context.health, "capture", why->text);
    if (!s->spool_full)
        log_error("source", "%s", why->text);
    s->spool_full = true;
    ev_timer_stop(s->loop->ev, &s->again);
    ev_timer_set(&s->again, ROOM_S, 0.);
    ev_timer_start(s->loop->ev, &s->again);
    return PG_FLOW_PAUSE;
}

static void tell_room(struct source *s)
{
    s->spool_full = false;
    ev_timer_set(&s->again, 0., 0.);
    health_up(s->context.health, "capture");
    log_info("source", "there is room for the transaction: goes on");
}

enum pg_flow slot_on_message(void *owner, struct str message, uint64_t lsn)
{
    struct source *s = owner;
    struct error err = {0};
    uint32_t missing_type;
    if (s->state != SOURCE_STREAMING || restart_is_due(s))
        return PG_FLOW_PAUSE;
    uint64_t marked = s->capture.marked;
    int rc = capture_message(&s->capture, message, lsn, &missing_type, &err);
    if (rc == 0)
        settle_if_past(s, marked);
    if (rc == -ENOSPC)
        return await_room(s, &err);
    if (s->spool_full)
        tell_room(s);
    if (rc == 0)
        return PG_FLOW_ON;
    if (rc == -EAGAIN)
        return PG_FLOW_PAUSE;
    if (rc == -EINPROGRESS)
        ev_timer_start(s->loop->ev, &s->again);
    if (rc == -EINPROGRESS)
        return PG_FLOW_PAUSE;
    if (rc == -ENOENT)
        return await_catalog(s, missing_type);
    if (rc == -ESTALE) {
        slot_begin_other_history(s);
        return PG_FLOW_PAUSE;
    }
    slot_session_failed(s, &err);
    return PG_FLOW_PAUSE;
}

void slot_on_again(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct source *s = timer->data;
    (void)ev;
    (void)events;
    if (s->state == SOURCE_STREAMING)
        pg_session_resume(s->session);
}

void slot_on_keepalive(void *owner, uint64_t lsn, bool reply_requested)
{
    struct source *s = owner;
    if (planted_bug(PLANTED_CONFIRM_KEEPALIVE))
        pg_session_confirm(s->session, lsn, false);
    if (s->state != SOURCE_STREAMING)
        return;
    if (capture_keepalive(&s->capture, lsn, s->poked) < 0) {
        slot_begin_other_history(s);
        return;
    }
    s->poked = false;
    if (reply_requested)
        slot_confirm(s, false);
}

void slot_on_streaming(void *owner)
{
    struct source *s = owner;
    slot_set_state(s, SOURCE_STREAMING);
    s->ticks = 0;
    s->streams++;
    if (s->awaited_mark == 0)
        tell_streaming(s);
    marked_replace(s->context.marked, &s->facts.marked);
    watch_start(&s->watch, buffer_str(&s->facts.shape));
    s->started = true;
    slot_announce(s);
    slot_confirm(s, true);
}

/* --- signs of life --------------------------------------------------------------------------- */

/* The connection that is to say something now. While the setup is under way, nothing else is. */
static bool peer_of(const struct source *s, struct liveness_peer *ret_peer)
{
    if (s->setup.conn)
        *ret_peer = (struct liveness_peer){.what = "the connection that prepares the stream",
                                           .params = s->context.params,
                                           .pid = pg_conn_pid(s->setup.conn),
                                           .heard_at = pg_conn_silent_since(s->setup.conn),
                                           .place = pg_conn_place(s->setup.conn)};
    else if (s->session)
        *ret_peer = (struct liveness_peer){.what = "the replication session",
                                           .params = s->context.params,
                                           .pid = pg_session_pid(s->session),
                                           .streaming = s->state == SOURCE_STREAMING,
                                           .heard_at = pg_session_last_heard(s->session),
                                           .place = pg_session_place(s->session)};
    return s->setup.conn || s->session;
}

/* What is asked of the catalog waits for its transaction. */
static void tell_unseen(struct source *s)
{
    struct error why = {0};
    if (s->unseen_told || setup_unseen_ms(&s->setup) < UNSEEN_TELL_MS)
        return;
    error_set(&why, -EAGAIN,
              "slot %s: transaction %u is in the log, but other sessions do not see it yet: waits, "
              "to read what it has altered; does a synchronous standby lag?",
              s->context.config->slot.name, s->setup.xid);
    health_down(s->context.health, "capture", why.text);
    log_warn("source", "%s", why.text);
    s->unseen_told = true;
}

void slot_on_waits(void *owner, const struct liveness_peer *peer, bool refuses, const char *story)
{
    const struct source *s = owner;
    log_write(refuses ? LOG_WARN : LOG_INFO, "source",
              "slot %s: the server says nothing on %s, and %s; waits for it",
              s->context.config->slot.name, peer->what, story);
}

void slot_tick(struct source *s)
{
    struct liveness_peer peer;
    struct error why = {0};
    if (s->state == SOURCE_STREAMING && ++s->ticks >= SETTLED_TICKS && !s->spool_full &&
        !s->unseen_told)
        settle(s);
    if (s->state == SOURCE_STREAMING)
        slot_confirm(s, clock_monotonic_ms() - pg_session_last_heard(s->session) > QUIET_MS);
    tell_unseen(s);
    if (!peer_of(s, &peer) || !liveness_look(&s->liveness, &peer, &why))
        return;
    error_prefix(&why, "slot %s", s->context.config->slot.name);
    slot_session_failed(s, &why);
}
