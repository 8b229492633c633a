/* pg/conn.h - one libpq connection on a loop, for ordinary statements.
 *
 * Never blocks. Statements go out as a pipeline: what is sent between two syncs is one implicit
 * transaction, all or nothing. Borrows the loop and the parameters, owns the PGconn. It does not
 * reconnect: the owner decides when to start a new one.
 *
 * Order of callbacks: on_ready once, then on_result a statement and on_done a sync, in the order
 * they were sent, then on_closed once. No callback runs before the call that causes it has
 * returned, and none after pg_conn_close(). */
#ifndef PG_CONN_H
#define PG_CONN_H

#include "base/error.h"
#include "loop/loop.h"
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

/* One server of those that a host name, or a list of them, may mean. */
struct pg_place {
    const char *host, *address, *port;
};

/* How to reach the server. All borrowed until the call that takes it returns; NULL: libpq's own
 * default (PG* variables, .pgpass). */
struct pg_params {
    const char *url; /* what the fields say beside it wins */
    const char *hostname, *port, *database, *username, *password;
    const char *application_name;
    struct pg_place place; /* wins over all: this server and no other */
};

struct pg_conn;

struct pg_conn_events {
    void (*on_ready)(void *owner);
    void (*on_closed)(void *owner,
                      const struct error *why); /* the connection is gone; free it now */
    /* Of a channel that it listens to, between other callbacks; may be NULL. */
    void (*on_notify)(void *owner, const char *channel, const char *payload);
};

/* RESULT is borrowed. PGRES_PIPELINE_ABORTED for statements behind a failed one. */
typedef void (*pg_on_result)(void *owner, const PGresult *result);
/* ERR is NULL when the transaction was committed, else the first failure, with its SQLSTATE. */
typedef void (*pg_on_done)(void *owner, const struct error *err);

struct pg_statement {
    const char *name; /* a prepared one, or NULL */
    const char *sql;  /* when name is NULL */
    int parameter_count;
    const char *const *values; /* text; NULL entries are SQL NULL */
    pg_on_result on_result;    /* may be NULL */
};

/* Starts connecting. Fails at once only for want of memory or unusable parameters. */
int pg_conn_start(struct pg_conn **ret_conn, struct loop *loop, const struct pg_params *params,
                  const struct pg_conn_events *events, void *owner, struct error *err);
/* Ends it as if the server had: on_closed tells WHY, later. */
void pg_conn_fail(struct pg_conn *conn, const struct error *why);
/* Silent: no callback follows. Freed at the end of the turn. NULL is fine. */
void pg_conn_close(struct pg_conn *conn);

/* Values are copied before it returns. The OWNER given at start is passed to on_result. 0 or a
 * negative code; on failure the connection closes itself and on_closed tells. */
int pg_conn_send(struct pg_conn *conn, const struct pg_statement *statement);
/* Prepares SQL as NAME with parameter types left to the server; its failure reaches on_done. */
int pg_conn_prepare(struct pg_conn *conn, const char *name, const char *sql);
/* The same with the types of the first COUNT parameters. */
int pg_conn_prepare_typed(struct pg_conn *conn, const char *name, const char *sql, int count,
                          const Oid *types);
/* Asks for the description of a prepared statement; on_result gets it (PQparamtype, PQfname...). */
int pg_conn_describe(struct pg_conn *conn, const char *name, pg_on_result on_result);
/* Ends the transaction and calls ON_DONE when the server has answered all. */
int pg_conn_sync(struct pg_conn *conn, pg_on_done on_done);

/* clock_monotonic_ms() since when the server owes an answer and says nothing; now, when it owes
 * none, and while the connection is being made, which has a limit of its own. */
uint64_t pg_conn_silent_since(const struct pg_conn *conn);
/* Where the connection goes, borrowed from it; all NULL before on_ready. */
struct pg_place pg_conn_place(const struct pg_conn *conn);
int pg_conn_pid(const struct pg_conn *conn); /* of the server's process; 0 before on_ready */

/* For a script of several statements (no parameters): only while nothing is under way. */
int pg_conn_script(struct pg_conn *conn, const char *sql, pg_on_done on_done);

#endif
