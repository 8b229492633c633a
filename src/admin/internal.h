/* admin/internal.h - what the files of this room share: the admin itself and its resources. */
#ifndef ADMIN_INTERNAL_H
#define ADMIN_INTERNAL_H

#include "admin/admin.h"
#include "admin/state_db.h"
#include "base/buffer.h"
#include "http/server.h"
#include "loop/loop.h"
#include <pthread.h>

struct admin {
    pthread_t thread;
    struct loop loop;
    struct http_server *server;
    struct loop_wakeup stop;
    struct admin_context context;
    struct awaiting awaiting;
    struct state_db *state_db; /* what is asked of the operators' state tables */
    bool checks_host;          /* who asks must be on this machine */
    int64_t started_us;        /* since 1970 */
    uint64_t started_ms;       /* of the monotonic clock */
};

/* One resource each, as of http_handle; WORD is what stands for the "*" of its path. On the admin's
 * thread. */
void admin_metrics(struct admin *admin, struct http_exchange *exchange, struct str word);
void admin_status(struct admin *admin, struct http_exchange *exchange, struct str word);
void admin_operators(struct admin *admin, struct http_exchange *exchange, struct str word);
void admin_operator(struct admin *admin, struct http_exchange *exchange, struct str word);
void admin_operator_command(struct admin *admin, struct http_exchange *exchange, struct str word);
void admin_processed(struct admin *admin, struct http_exchange *exchange, struct str word);

/* The number of the operator called NAME; false, and answered with 404: there is none. */
bool admin_find_operator(const struct admin *admin, struct http_exchange *exchange, struct str name,
                         size_t *ret_i);

/* 200 with BODY, which no cache may keep; 503 where it has failed. */
void admin_respond(struct http_exchange *exchange, const char *content_type,
                   const struct buffer *body);

/* How far the journal is behind the server, at the last look at it. */
uint64_t admin_lag_bytes(const struct admin *admin);
/* For how long it has not had all that the server had. */
uint64_t admin_lag_ms(const struct admin *admin);
/* The same for the read model of operator I; more than what the journal is behind. */
uint64_t admin_operator_lag_bytes(const struct admin *admin, size_t i);
uint64_t admin_operator_lag_ms(const struct admin *admin, size_t i);

/* The parts of /metrics. */
void metrics_of_serving(const struct admin *admin, struct buffer *out);
void metrics_of_capture(const struct admin *admin, struct buffer *out);
void metrics_of_operators(const struct admin *admin, struct buffer *out);

#endif
