/* operator/session.h - an operator's connection, from nothing to all checked and prepared:
 * settings, state tables, catalog checks, statements, checkpoint. Embedded in its engine; owns the
 * pg_conn. It logs nothing and retries nothing: the engine decides.
 *
 * An operator whose target is in another database has two connections: one works there, where the
 * state tables are, the other asks the database of the sources. They live and end together.
 *
 * Callbacks follow pg/conn.h. Statements that the engine sends are called back with the struct
 * session as owner. */
#ifndef OPERATOR_SESSION_H
#define OPERATOR_SESSION_H

#include "base/buffer.h"
#include "base/position.h"
#include "config/config.h"
#include "operator/lane.h"
#include "operator/select.h"
#include "operator/shadow.h"
#include "pg/conn.h"
#include "pg/liveness.h"

struct session;

struct session_events {
    void (*on_ready)(struct session *session);
    /* The set-up failed or the connection is lost; it is closed already. */
    void (*on_failed)(struct session *session, const struct error *why);
    /* A parked id, during set-up before on_ready, and after session_send_parked(). */
    void (*on_parked)(struct session *session, struct str id);
    /* Something was asked of the operator (operator/control.h). */
    void (*on_command)(struct session *session);
};

/* The row of walpiper.checkpoint as the claim found it. */
struct session_checkpoint {
    char epoch[9]; /* empty: the operator never ran */
    struct position position;
    char rebuild[24];    /* which rebuild, as text */
    int rebuild_step;    /* -1: none under way */
    char *rebuild_after; /* owned; NULL: none yet */
    char *rebuild_where; /* owned; NULL: every id */
    bool rebuild_swap;   /* into a new table */
};

struct session {
    struct loop *loop;
    const struct pg_params *params; /* of the sources */
    const struct config_operator *op;
    struct lane lane;
    char lane_number[12]; /* as text, a parameter like generation */
    const struct session_events *events;
    struct pg_conn *conn;  /* where the target is; NULL: closed */
    struct pg_conn *apart; /* where the sources are, when that is another database; else NULL */
    char place[64];        /* of the sources (catalog_place_sql), when they are apart */
    int pid, apart_pid;    /* of the server's processes; 0: not known yet */
    bool state_installed;  /* sql/state.sql of this version is there */
    size_t checked;        /* sources whose catalog row has come */
    struct error refusal;  /* by our own checks */
    struct liveness liveness;
    struct buffer sources; /* "{oid,oid}" */
    struct id_types id_types;
    struct select select;       /* of that form */
    struct id_types *key_types; /* owned: one for each source, of those with keys */
    struct shadow shadow;
    bool claimed;        /* once a process: a second claim would hide that we were replaced */
    char generation[24]; /* as text, a parameter of every transaction */
    struct session_checkpoint found; /* valid once claimed */
};

void session_init(struct session *session, struct loop *loop, const struct pg_params *params,
                  const struct config_operator *op, const struct lane *lane,
                  const struct session_events *events);
void session_release(struct session *session);

/* Starts connecting; on_ready or on_failed follows. Negative: fails at once, no callback. */
int session_open(struct session *session, struct error *err);
void session_close(struct session *session); /* silent, safe at any time */
/* Once a second. A server that owes an answer, says nothing and is not at work is given up within
 * 30 s: on_failed follows. */
void session_tick(struct session *session);
/* It will claim its lane anew. */
void session_forget(struct session *session);

/* Sends a prepared statement. A failure needs no check: the connection closes and on_failed tells.
 */
void session_run(struct session *session, const char *statement, int count,
                 const char *const *values);
/* Sends the question for all parked ids of the lane. */
void session_send_parked(struct session *session);
/* Reads five columns of ROW from COLUMN on: rebuild, its step, after, where and swap. 0, -EINVAL or
 * -ENOMEM. */
int session_take_rebuild(struct session_checkpoint *found, const PGresult *row, int column);
void session_sync(struct session *session, pg_on_done on_done);

/* The connection to ask about sources, and its sync. What it answers is a transaction of its own
 * when session_is_apart(). */
struct pg_conn *session_sources(const struct session *session);
void session_sync_sources(struct session *session, pg_on_done on_done);
bool session_is_apart(const struct session *session);

/* --- for prepare.c --------------------------------------------------------------------------- */

/* The set-up has failed; WHY may live in the connection. */
void session_fail(struct session *session, const struct error *why);
void session_fail_in(struct session *session, const struct error *why, const char *what);
/* A step of the set-up is done: true when neither the server (ERR) nor our own checks refuse it.
 * Else the session has failed. */
bool session_passed(struct session *session, const struct error *err);
/* The operator's statement is prepared; what is the same for all operators follows. */
void session_prepare_own(struct session *session);

#endif
