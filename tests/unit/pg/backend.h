/* A server for the tests of connections: it speaks the little of PostgreSQL's protocol that a test
 * needs, on a thread of its own, in the order that its script says. It waits where a real server
 * would, in write() and in read(), so that whoever does not read while it writes waits for ever. */
#ifndef TESTS_PG_BACKEND_H
#define TESTS_PG_BACKEND_H

#include "pg/conn.h"
#include <pthread.h>

struct backend {
    char directory[64];
    int listener, client;
    pthread_t thread;
    /* What it does once a client has logged in; with BACKEND_* below. Ends the connection. */
    void (*script)(struct backend *backend);
    struct pg_params params; /* to reach it */
};

void backend_start(struct backend *backend, void (*script)(struct backend *backend));
void backend_stop(struct backend *backend); /* once its script is at its end */

/* For scripts. */
void backend_read_message(struct backend *backend, char kind); /* one, of this kind */
void backend_send(struct backend *backend, char kind, const void *content, size_t len);
void backend_send_row(struct backend *backend, size_t len); /* LEN bytes of stream at position 1 */

#endif
