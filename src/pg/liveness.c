#include "pg/liveness.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "pg/result.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define SILENCE_MS 10000  /* then the question is asked */
#define QUESTION_MS 12000 /* for its answer, connecting included: much to do makes slow */
#define GRACE_MS 3000     /* for the sign of life of a server that has just begun to wait */
#define AT_WORK_MS 10000  /* then a server that was at work is asked again */

/* Waiting for the client. Before the stream a walsender may wait for WAL on its own account (while
 * a slot is made), and owes nothing meanwhile. */
static bool waits_for_us(const struct liveness_facts *f, bool streaming)
{
    if (streaming)
        return str_equal(str_from(f->wait_type), STR("Client")) ||
               str_equal(str_from(f->wait_type), STR("Activity"));
    return str_equal(str_from(f->wait_event), STR("ClientRead")) ||
           str_equal(str_from(f->wait_event), STR("ClientWrite"));
}

enum liveness_verdict liveness_judge(const struct liveness_facts *f, bool streaming)
{
    if (!f->found || (streaming && !f->has_slot))
        return LIVENESS_GONE;
    return waits_for_us(f, streaming) ? LIVENESS_WAITING : LIVENESS_AT_WORK;
}

/* --- the question ---------------------------------------------------------------------------- */

static const char question_sql[] =
    "SELECT EXISTS (SELECT FROM pg_replication_slots s WHERE s.slot_name = $2"
    " AND s.active_pid = a.pid), coalesce(a.wait_event_type, ''), coalesce(a.wait_event, '')"
    " FROM pg_stat_activity a WHERE a.pid = $1";

static void on_process(void *owner, const PGresult *result)
{
    struct liveness *l = owner;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return;
    struct liveness_facts facts = {.found = PQntuples(result) > 0};
    if (facts.found) {
        facts.has_slot = pg_true(result, 0, 0);
        facts.wait_type = PQgetvalue(result, 0, 1);
        facts.wait_event = PQgetvalue(result, 0, 2);
    }
    l->verdict = liveness_judge(&facts, l->peer.streaming);
    log_debug("server", "process %d %s %s", l->peer.pid,
              facts.found ? "is there, waiting for" : "is gone",
              facts.found ? facts.wait_event : "");
}

static void take_answer(struct liveness *l, const struct error *failure)
{
    pg_conn_close(l->conn);
    l->conn = NULL;
    l->answered = true;
    l->since = clock_monotonic_ms();
    if (failure)
        l->failure = *failure;
}

static void on_answered(void *owner, const struct error *err)
{
    take_answer(owner, err);
}

static void on_ready(void *owner)
{
    struct liveness *l = owner;
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", l->peer.pid);
    const char *values[] = {pid, l->slot};
    pg_conn_send(l->conn, &(struct pg_statement){.sql = question_sql,
                                                 .values = values,
                                                 .parameter_count = 2,
                                                 .on_result = on_process});
    pg_conn_sync(l->conn, on_answered);
}

static void on_closed(void *owner, const struct error *why)
{
    take_answer(owner, why);
}

static void ask(struct liveness *l)
{
    static const struct pg_conn_events events = {.on_ready = on_ready, .on_closed = on_closed};
    struct pg_params params = *l->peer.params;
    struct error err = {0};
    params.place = l->peer.place;
    error_clear(&l->failure);
    l->answered = false;
    l->since = clock_monotonic_ms();
    if (pg_conn_start(&l->conn, l->loop, &params, &events, l, &err) < 0)
        take_answer(l, &err);
}

/* --- looking --------------------------------------------------------------------------------- */

static bool is_dead(struct liveness *l, struct error *ret_why, const char *how)
{
    uint64_t silent_s = (clock_monotonic_ms() - l->peer.heard_at) / 1000;
    error_set(ret_why, -ETIMEDOUT,
              "the server has said nothing for %" PRIu64 " s on %s, and %s; it is taken for dead, "
              "a new connection is made",
              silent_s, l->peer.what, how);
    liveness_stop(l);
    return true;
}

static void tell_once(struct liveness *l, bool refuses, const char *story)
{
    if (!l->told)
        l->on_waits(l->owner, &l->peer, refuses, story);
    l->told = true;
}

/* A refusal is no answer, but a sign that the server is there; it would refuse a new session too,
 * so that nothing is gained by giving this one up. */
static bool weigh_failure(struct liveness *l, uint64_t age, struct error *ret_why)
{
    struct error how = l->failure;
    if (how.sqlstate[0] == '\0') {
        error_prefix(&how, "it cannot be asked on another one");
        return is_dead(l, ret_why, how.text);
    }
    error_prefix(&how, "it refuses to say what it does");
    tell_once(l, true, how.text);
    if (age >= AT_WORK_MS)
        ask(l);
    return false;
}

static bool weigh_answer(struct liveness *l, uint64_t age, struct error *ret_why)
{
    if (l->failure.code)
        return weigh_failure(l, age, ret_why);
    if (l->verdict == LIVENESS_GONE)
        return is_dead(l, ret_why, "its process there is gone");
    if (l->verdict == LIVENESS_WAITING)
        return age >= GRACE_MS && is_dead(l, ret_why, "its process there waits for us");
    tell_once(l, false, "its process is at work");
    if (age >= AT_WORK_MS)
        ask(l);
    return false;
}

bool liveness_look(struct liveness *l, const struct liveness_peer *peer, struct error *ret_why)
{
    uint64_t now = clock_monotonic_ms();
    if (now - peer->heard_at < SILENCE_MS || peer->pid != l->peer.pid)
        liveness_stop(l);
    l->peer = *peer;
    if (now - peer->heard_at < SILENCE_MS)
        return false;
    uint64_t age = now - l->since;
    if (l->answered)
        return weigh_answer(l, age, ret_why);
    if (!l->conn)
        ask(l);
    else if (age >= QUESTION_MS)
        return is_dead(l, ret_why, "it answers no question on another one");
    return false;
}

void liveness_stop(struct liveness *l)
{
    pg_conn_close(l->conn);
    l->conn = NULL;
    l->answered = false;
    l->told = false;
}
