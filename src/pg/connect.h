/* pg/connect.h - a connection to the server, ordinary or for replication, without blocking the
 * loop.
 *
 * libpq resolves names, reads .pgpass and certificates and, with several hosts, gives up one after
 * its time in the calling thread: so each attempt is a short
 * thread that ends with the connection or the refusal. Owns the PGconn until it hands it over. */
#ifndef PG_CONNECT_H
#define PG_CONNECT_H

#include "base/error.h"
#include "loop/loop.h"
#include "pg/conn.h"

struct connect_attempt;

struct pg_connect {
    struct loop *loop;
    void *owner;
    /* PG is handed over, non-blocking; or it is NULL and ERR says why. Never called from inside
     * pg_connect_start(). */
    void (*on_done)(void *owner, PGconn *pg, const struct error *err);

    /* private */
    struct connect_attempt *attempt; /* NULL: none is under way */
    struct loop_wakeup wakeup;
    ev_timer deadline;
};

/* Starts connecting; REPLICATION: as a logical walsender (replication=database). 0, or a negative
 * code for unusable parameters or want of memory; then on_done is not called. ERR of on_done:
 * -EPERM and -ENOENT when a human must mend it, else -ECONNRESET or -ETIMEDOUT. */
int pg_connect_start(struct pg_connect *connect, const struct pg_params *params, bool replication,
                     struct error *err);
/* Gives up, silently. Safe on a zeroed and on a finished one. */
void pg_connect_cancel(struct pg_connect *connect);

/* The same for commands, that have nothing else to do: blocks until it is connected. *RET_PG is
 * blocking, the caller finishes it. */
int pg_connect_wait(PGconn **ret_pg, const struct pg_params *params, bool replication,
                    struct error *err);

#endif
