#include "operator/session.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/lsn.h"
#include "base/planted_bug.h"
#include "operator/parked.h"
#include "operator/statements.h"
#include "pg/result.h"
#include "pg/state_text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* Queries may take long: for those who wonder. */
static void on_waits(void *owner, const struct liveness_peer *peer, bool refuses, const char *story)
{
    const struct session *s = owner;
    char name[LANE_HOLD_MAX];
    log_write(refuses ? LOG_WARN : LOG_DEBUG, "operator",
              "%s: the server says nothing on %s, and %s; waits for it",
              lane_hold_name(name, s->op->name, s->lane.number), peer->what, story);
}

void session_init(struct session *s, struct loop *loop, const struct pg_params *params,
                  const struct config_operator *op, const struct lane *lane,
                  const struct session_events *events)
{
    *s = (struct session){.loop = loop,
                          .params = params,
                          .op = op,
                          .lane = *lane,
                          .events = events,
                          .found.rebuild_step = -1};
    snprintf(s->lane_number, sizeof(s->lane_number), "%u", lane->number);
    s->liveness = (struct liveness){.loop = loop, .on_waits = on_waits, .owner = s};
    shadow_init(&s->shadow, op);
    buffer_init(&s->sources, 4096);
}

void session_close(struct session *s)
{
    liveness_stop(&s->liveness);
    pg_conn_close(s->apart);
    pg_conn_close(s->conn);
    s->conn = s->apart = NULL;
    shadow_close(&s->shadow);
}

void session_forget(struct session *s)
{
    session_close(s);
    s->claimed = false;
    s->generation[0] = '\0';
}

void session_release(struct session *s)
{
    session_close(s);
    buffer_release(&s->sources);
    select_release(&s->select);
    free(s->key_types);
    s->key_types = NULL;
    free(s->found.rebuild_after);
    free(s->found.rebuild_where);
    s->found.rebuild_after = s->found.rebuild_where = NULL;
}

void session_fail(struct session *s, const struct error *why)
{
    struct error copy = *why; /* it may live in the connection */
    session_close(s);
    s->events->on_failed(s, &copy);
}

void session_fail_in(struct session *s, const struct error *why, const char *what)
{
    struct error copy = *why;
    error_prefix(&copy, "%s", what);
    session_fail(s, &copy);
}

bool session_passed(struct session *s, const struct error *err)
{
    if (!err && s->refusal.code)
        err = &s->refusal;
    if (err)
        session_fail(s, err);
    return !err;
}

void session_run(struct session *s, const char *statement, int count, const char *const *values)
{
    struct pg_statement send = {.name = statement, .parameter_count = count, .values = values};
    (void)pg_conn_send(s->conn, &send);
}

void session_sync(struct session *s, pg_on_done on_done)
{
    (void)pg_conn_sync(s->conn, on_done);
}

bool session_is_apart(const struct session *s)
{
    return s->apart != NULL;
}

struct pg_conn *session_sources(const struct session *s)
{
    return s->apart ? s->apart : s->conn;
}

void session_sync_sources(struct session *s, pg_on_done on_done)
{
    (void)pg_conn_sync(session_sources(s), on_done);
}

static struct liveness_peer peer_of(const struct pg_conn *conn, int pid)
{
    return (struct liveness_peer){.what = "its connection",
                                  .pid = pid ? pid : pg_conn_pid(conn),
                                  .heard_at = pg_conn_silent_since(conn),
                                  .place = pg_conn_place(conn)};
}

void session_tick(struct session *s)
{
    const struct pg_params *target = s->lane.group->target;
    struct pg_conn *conn = s->conn;
    struct error why = {0};
    if (!conn)
        return;
    bool apart = s->apart && pg_conn_silent_since(s->apart) < pg_conn_silent_since(conn);
    if (apart)
        conn = s->apart;
    struct liveness_peer peer = peer_of(conn, apart ? s->apart_pid : s->pid);
    peer.params = target && !apart ? target : s->params;
    if (liveness_look(&s->liveness, &peer, &why))
        pg_conn_fail(conn, &why);
}

/* --- 5. the checkpoint and the parked ids ---------------------------------------------------- */

static char *copy_cell(const PGresult *row, int column)
{
    return PQgetisnull(row, 0, column) ? NULL : strdup(PQgetvalue(row, 0, column));
}

int session_take_rebuild(struct session_checkpoint *found, const PGresult *row, int column)
{
    int64_t step = -1;
    if (!PQgetisnull(row, 0, column + 1) &&
        str_to_int64(str_from(PQgetvalue(row, 0, column + 1)), &step) < 0)
        return -EINVAL;
    char *after = copy_cell(row, column + 2), *where = copy_cell(row, column + 3);
    if ((!after && !PQgetisnull(row, 0, column + 2)) ||
        (!where && !PQgetisnull(row, 0, column + 3))) {
        free(after);
        free(where);
        return -ENOMEM;
    }
    snprintf(found->rebuild, sizeof(found->rebuild), "%s", PQgetvalue(row, 0, column));
    free(found->rebuild_after);
    free(found->rebuild_where);
    found->rebuild_step = (int)step;
    found->rebuild_after = after;
    found->rebuild_where = where;
    found->rebuild_swap = pg_true(row, 0, column + 4);
    return 0;
}

static int read_checkpoint(struct session_checkpoint *ret, const PGresult *row)
{
    struct position position;
    int64_t ordinal;
    if (lsn_parse(str_from(PQgetvalue(row, 0, 2)), &position.lsn) < 0 ||
        str_to_int64(str_from(PQgetvalue(row, 0, 3)), &ordinal) < 0)
        return -EINVAL;
    int rc = session_take_rebuild(ret, row, 4);
    if (rc < 0)
        return rc;
    position.ordinal = (uint32_t)ordinal;
    ret->position = position;
    snprintf(ret->epoch, sizeof(ret->epoch), "%s", PQgetvalue(row, 0, 1));
    return 0;
}

static void on_claimed(void *owner, const PGresult *result)
{
    struct session *s = owner;
    if (!pg_has_rows(result))
        return;
    if (read_checkpoint(&s->found, result) < 0) {
        error_set(&s->refusal, -EINVAL,
                  "its row in %s.checkpoint cannot be read; delete it to compute every id anew",
                  s->lane.group->schema);
        return;
    }
    snprintf(s->generation, sizeof(s->generation), "%s", PQgetvalue(result, 0, 0));
}

static void on_parked(void *owner, const PGresult *result)
{
    struct session *s = owner;
    for (int i = 0; pg_has_rows(result) && i < PQntuples(result); i++)
        s->events->on_parked(s, pg_cell(result, i, 0));
}

static void on_claim_done(void *owner, const struct error *err)
{
    struct session *s = owner;
    struct lane_group *group = s->lane.group;
    if (!session_passed(s, err))
        return;
    if (!s->claimed)
        snprintf(group->generation, sizeof(group->generation), "%s", s->generation);
    s->claimed = true;
    s->events->on_ready(s);
}

void session_send_parked(struct session *s)
{
    char count[12], limit[12];
    snprintf(count, sizeof(count), "%u", s->lane.count);
    /* One more than may be parked, so that the engine sees that there are too many. */
    snprintf(limit, sizeof(limit), "%d", PARKED_MAX + 1);
    const char *values[] = {s->op->name, count, s->lane_number, limit};
    (void)pg_conn_send(s->conn, &(struct pg_statement){.name = STATEMENT_ALL_PARKED,
                                                       .parameter_count = 4,
                                                       .values = values,
                                                       .on_result = on_parked});
}

/* The process that reads the slot for us, in TEXT; NULL: it is not known. */
static const char *reader_text(const struct session *s, char text[24])
{
    const _Atomic uint64_t *reader = s->lane.group->reader;
    uint64_t pid = reader ? counter_read(reader) : 0;
    snprintf(text, 24, "%" PRIu64, pid);
    return pid > 0 ? text : NULL;
}

static void send_claim(struct session *s)
{
    const struct lane *lane = &s->lane;
    char count[12];
    snprintf(count, sizeof(count), "%u", lane->count);
    const char *held = lane->group->generation[0] == '\0' ? NULL : lane->group->generation;
    char pid[24];
    const char *reader = session_is_apart(s) ? NULL : reader_text(s, pid);
    const char *values[] = {s->op->name, s->lane_number,    count, lane->group->process,
                            held,        lane->group->slot, reader};
    (void)pg_conn_send(s->conn, &(struct pg_statement){.name = STATEMENT_CLAIM,
                                                       .parameter_count = 7,
                                                       .values = values,
                                                       .on_result = on_claimed});
}

/* Where it stands: a transaction that was under way when a connection was lost may be committed. */
static void send_checkpoint(struct session *s)
{
    const char *values[] = {s->op->name, s->lane_number, s->generation};
    (void)pg_conn_send(s->conn, &(struct pg_statement){.name = STATEMENT_CHECKPOINT,
                                                       .parameter_count = 3,
                                                       .values = values,
                                                       .on_result = on_claimed});
}

static void claim(struct session *s)
{
    if (!s->claimed)
        send_claim(s);
    else
        session_run(
            s, STATEMENT_HOLD, 4,
            (const char *[]){s->op->name, s->lane_number, s->lane.group->process, s->generation});
    if (s->claimed && s->op->form == CONFIG_CALL)
        send_checkpoint(s);
    (void)pg_conn_send(s->conn, &(struct pg_statement){.sql = "LISTEN walpiper"});
    session_send_parked(s);
    session_sync(s, on_claim_done);
}

static void on_rival(void *owner, const PGresult *result)
{
    struct session *s = owner;
    if (!pg_has_rows(result))
        return;
    const char *slot = s->lane.group->slot;
    if (PQgetisnull(result, 0, 0))
        error_set(&s->refusal, -EBUSY, "slot %s is read by nobody now; waits until it is here",
                  slot);
    else
        error_set(&s->refusal, -EBUSY,
                  "slot %s is read for another walpiper (PID %s); this one waits for it", slot,
                  PQgetvalue(result, 0, 0));
}

static void on_rival_done(void *owner, const struct error *err)
{
    struct session *s = owner;
    if (session_passed(s, err))
        claim(s);
}

/* A claim in another database cannot look at the slot, so that is done just before. Who takes the
 * operator back (operator/command.h) must read the slot, the others must not have a rival there. */
static void ask_for_rival(struct session *s)
{
    char pid[24];
    const char *reader = reader_text(s, pid);
    if (s->claimed || !session_is_apart(s) || !reader) {
        claim(s);
        return;
    }
    const char *values[] = {s->lane.group->slot, reader, s->lane.group->taken_back ? "t" : "f"};
    (void)pg_conn_send(s->apart, &(struct pg_statement){.name = STATEMENT_RIVAL,
                                                        .parameter_count = 3,
                                                        .values = values,
                                                        .on_result = on_rival});
    session_sync_sources(s, on_rival_done);
}

/* --- 4. our own statements ------------------------------------------------------------------- */

static void on_prepared(void *owner, const struct error *err)
{
    struct session *s = owner;
    if (session_passed(s, err))
        ask_for_rival(s);
}

static const char *planted_text(const struct statement_text *text)
{
    bool advance = strcmp(text->name, STATEMENT_ADVANCE) == 0;
    if (planted_bug(PLANTED_NO_FENCE) && advance)
        return "UPDATE walpiper.checkpoint SET epoch = $4, lsn = $5, ordinal = $6 "
               "WHERE operator = $1 AND lane = $2 AND generation >= $3";
    return text->sql;
}

static void prepare_own(struct session *s, const struct statement_text *text, struct buffer *sql)
{
    buffer_reset(sql);
    pg_state_text(sql, s->lane.group->schema, planted_text(text));
    if (buffer_append_char(sql, '\0') < 0)
        error_set(&s->refusal, -ENOMEM, "no memory for its statements");
    else
        (void)pg_conn_prepare(s->conn, text->name, sql->data);
}

void session_prepare_own(struct session *s)
{
    struct buffer sql;
    buffer_init(&sql, STATEMENT_MAX);
    for (const struct statement_text *t = statement_texts; t->name; t++)
        prepare_own(s, t, &sql);
    buffer_reset(&sql);
    if (s->op->form != CONFIG_CALL)
        statement_delete(&sql, s->op, &s->id_types);
    if (buffer_append_char(&sql, '\0') < 0)
        error_set(&s->refusal, -ENOMEM, "no memory for its statements");
    else if (s->op->form != CONFIG_CALL)
        (void)pg_conn_prepare(s->conn, STATEMENT_DELETE, sql.data);
    buffer_release(&sql);
    session_sync(s, on_prepared);
}
