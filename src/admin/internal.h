/* admin/internal.h - what the files of this room share: the admin itself and its resources. */
#ifndef ADMIN_INTERNAL_H
#define ADMIN_INTERNAL_H

#include "admin/admin.h"
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
    bool checks_host;    /* who asks must be on this machine */
    int64_t started_us;  /* since 1970 */
    uint64_t started_ms; /* of the monotonic clock */
};

/* One resource each, as of http_handle. On the admin's thread. */
void admin_health(struct admin *admin, struct http_exchange *exchange);
void admin_metrics(struct admin *admin, struct http_exchange *exchange);
void admin_status(struct admin *admin, struct http_exchange *exchange);

/* 200 with BODY, which no cache may keep; 503 where it has failed. */
void admin_respond(struct http_exchange *exchange, const char *content_type,
                   const struct buffer *body);

/* How far the journal is behind the server, at the last look at it. */
uint64_t admin_lag_bytes(const struct admin *admin);
/* Since when it has not caught up. */
uint64_t admin_lag_ms(const struct admin *admin);

/* The parts of /metrics. */
void metrics_of_serving(const struct admin *admin, struct buffer *out);
void metrics_of_capture(const struct admin *admin, struct buffer *out);
void metrics_of_operators(const struct admin *admin, struct buffer *out);

#endif
