/* admin/state_db.h - asks the operators' state tables (sql/state.sql), a statement at a time, each
 * a transaction of its own.
 *
 * On the admin's loop: one connection, opened on demand and closed when idle, or when who
 * asks next has another database; what waits is bounded, and so is the time that a statement takes.
 * Owns its connection; borrows the requests. */
#ifndef ADMIN_STATE_DB_H
#define ADMIN_STATE_DB_H

#include "base/error.h"
#include "pg/conn.h"

#define STATE_VALUES_MAX 3

struct state_db;

/* Embedded by who asks. */
struct state_request {
    const struct pg_params *params; /* of the database; as all that follows, until on_done */
    const char
        *check; /* a statement without parameters before it, in its transaction; NULL: none */
    const char *sql;
    int value_count;
    const char *values[STATE_VALUES_MAX]; /* NULL: SQL's */
    /* The rows, before on_done, if there are any. */
    void (*on_rows)(struct state_request *self, const PGresult *rows);
    /* Once, never from inside state_db_ask(); frees the request. WHY is NULL when all went well. */
    void (*on_done)(struct state_request *self, const struct error *why);
    /* The rest is the state_db's. */
    bool check_failed; /* whoever asked may look, in on_done */
    struct state_request *prev, *next;
};

int state_db_new(struct state_db **ret_db, struct loop *loop, struct error *err);
/* What waits ends with -ESHUTDOWN. NULL is fine. */
void state_db_free(struct state_db *db);

/* 0, or -EBUSY: too much waits already. */
int state_db_ask(struct state_db *db, struct state_request *request);

#endif
