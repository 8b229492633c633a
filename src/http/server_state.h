/* http/server_state.h - the inside of a server, for the files of this room. */
#ifndef HTTP_SERVER_STATE_H
#define HTTP_SERVER_STATE_H

#include "http/connection.h"
#include "http/counters.h"
#include "http/list.h"
#include "http/server.h"

#define READ_BYTES 16384u     /* of one recv() */
#define BODY_MAX 65536u       /* a request body that is read away; larger: the connection ends */
#define BODIES_MAX 32u        /* of the largest size are kept at a time; more: 503 */
#define PIPELINE_BYTES 65536u /* answers that wait before further requests do */
#define DISCARD_MAX 1048576u  /* bytes read away before the client is taken for a nuisance */
#define HEAD_BYTES_MAX 65536u /* of a response */

struct http_server {
    struct loop *loop;
    http_handle handle;
    http_refuse refuse; /* NULL: the status says it all */
    void *app;
    unsigned max_connections;
    size_t max_head_bytes;
    size_t stream_buffer;
    size_t max_body_bytes;
    unsigned timeout_ms[DEADLINE_COUNT];
    unsigned drain_ms;
    bool proxy_protocol;
    struct places *clients; /* by address, shared; NULL: no limit of a client */

    struct link listeners;
    struct link connections;
    struct link undrained; /* while draining: connections whose goodbye is still to be said */
    struct link pending;
    struct link waiting[DEADLINE_COUNT]; /* each in the order of its deadlines */
    size_t connection_count;
    size_t shed_count;
    size_t body_bytes; /* of the bodies that are being taken, what has come */
    size_t drain_batch;
    ev_timer sweep;
    ev_timer drain_tick;
    struct loop_hook flush;
    struct http_counters counters;
    bool draining;
    bool accept_paused;
    int reserve_fd; /* given up to tell a client that there are no descriptors left */

    /* For the length of one callback: */
    struct http_request request;
    struct buffer head;
    char input[READ_BYTES];
};

/* FD is the connection's, or is closed. */
void admission_take(struct http_server *server, int fd, const struct address *address);
/* The header of the proxy is read: who the client is, is known. */
void admission_proxied(struct connection *connection);
/* Says it as well as it goes without keeping the connection. */
void admission_turn_away(int fd, int status);

void drain_start(struct http_server *server);
/* What begins while the server drains is ended in its turn. */
void drain_add(struct connection *connection);

/* Answers with STATUS and its reason as text, and ends the connection. */
void exchange_refuse(struct connection *connection, int status);

/* Composes the head of an answer into server->head; CONTENT_LENGTH < 0: none. 0, -EINVAL for a
 * header that would break out of its line, -EMSGSIZE or -ENOMEM. */
int exchange_compose(const struct http_exchange *exchange, int status, const char *content_type,
                     int64_t content_length, const struct http_header *headers,
                     size_t header_count);
#endif
