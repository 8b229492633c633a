/* A server for the tests of connections: it speaks the little of PostgreSQL's protocol that a test
 * needs, on a thread of its own, in the order that its script says. It waits where a real server
 * would, in send() and in recv(), so that whoever does not read while it writes waits for ever. */
#ifndef TESTS_PG_BACKEND_H
#define TESTS_PG_BACKEND_H

#include "loop/loop.h"
#include "pg/conn.h"
#include "temp_dir.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct backend {
    struct pg_params params; /* to reach it */
    char directory[TEMP_DIR_MAX];
    int listener, client;
    pthread_t thread;
    void (*script)(struct backend *backend); /* what it does once a client has logged in */
    sem_t go;
    atomic_bool full; /* it has sent more than the socket takes */
};

void backend_start(struct backend *backend, void (*script)(struct backend *backend));
void backend_stop(struct backend *backend); /* waits for the end of its script */

/* For scripts. */
void backend_wait(struct backend *backend); /* for sem_post() of go */
void backend_read(struct backend *backend, char kind, unsigned count);
void backend_send(struct backend *backend, char kind, const void *content, size_t len);
/* COUNT rows of a stream, LEN bytes each. */
void backend_send_rows(struct backend *backend, unsigned count, size_t len);

/* Runs LOOP until what is to come is true, or fails after 20 s. */
void backend_until(struct loop *loop, bool (*is_true)(void));

#endif
