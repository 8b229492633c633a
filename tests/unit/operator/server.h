/* A server that is not there: pg_conn_* for the tests of operators, instead of pg/conn.c. It
 * answers from the loop, keeps no data, and writes down what each transaction did, a line each:
 *
 *     advance 100/1 | visible {700} | delete 3 | query 7 | -> ok
 *
 * A connection to a database that is called "sources" or "target" takes no statement that belongs
 * to the other. */
#ifndef TESTS_OPERATOR_SERVER_H
#define TESTS_OPERATOR_SERVER_H

#include "base/buffer.h"
#include "pg/conn.h"

struct server {
    struct buffer history; /* ends in NUL */
    /* What claim() returns: generation, epoch, lsn, ordinal, rebuild, step, after,
     * where, swap. */
    const char *checkpoint[9];
    /* What the operator is asked: paused, halted, generation, commands, holder gone, and the last
     * five of checkpoint. */
    const char *control[5];
    const char *due;           /* the parked ids that are due, words; NULL: none */
    const char *due_attempts;  /* that failed before */
    const char *failing;       /* ids, words: their query fails, */
    const char *failing_state; /* with this */
    const char *refuse_state;  /* every advance fails with this */
    const char *swap_state;    /* what enters the new table of a swap fails with this */
    const char *swapped;       /* rows that an exchange deletes; NULL: not all lanes are there */
    const char *missing;       /* the table that the catalog does not have */
    bool installed;            /* there are state tables that the role may use */
    int parameters;            /* of the operator's query */
    bool silent;               /* answers no transaction until it is false again */
    bool drops;                /* ends the connection instead of the next answer to a query */
    unsigned standby;          /* so many times the sources' database is one */
    unsigned rival;            /* so many times another process reads the slot */
    unsigned unseen;           /* so many times the sources' database does not see a transaction */
    bool drops_sources;        /* ends the connection to it instead of the next answer about that */
};
extern struct server server;

void server_reset(void);
void server_forget(void); /* empties the history */
bool server_did(const char *what);
unsigned server_count(const char *what);
unsigned server_connections(void);       /* that are open */
void server_notify(const char *payload); /* to the connection that was made last */

#endif
