/* http/connection.h - one connection: its states and deadlines; sends what waits, ends, says
 * goodbye. What comes in is a matter of http/input.h.
 *
 * The state says what bytes from the client mean; whether something waits to be sent is a matter of
 * its output alone. Nothing is sent but by connection_flush() at the end of a turn, so that a turn
 * costs one system call however much was written. Nothing closes but from a callback of the loop,
 * never inside a call of the application's.
 *
 *   IDLE --> HEAD --> BODY --> IDLE ...      requests, their answers waiting in the output
 *              |--> TAKING --> IDLE, WAITING   the application wants the body
 *              |--> WAITING --> IDLE, BODY     an answer that comes later; what the client sends
 *              |                               meanwhile is kept, within bounds
 *              '--> STREAM                     an answer without end
 *              any of them --> ENDING        sends what waits, takes no more
 *                  `--> LINGER --> CLOSED    our side is shut; the client's rest is read away, for
 * a close() with unread bytes would reset the connection and take the answer with it
 *
 * Private to the room. Owns the socket, the input of an unfinished head, the output. */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "base/address.h"
#include "base/buffer.h"
#include "http/list.h"
#include "http/output.h"
#include "http/server.h"
#include <ev.h>

enum connection_state {
    CONNECTION_IDLE,    /* waits for the first byte of a request */
    CONNECTION_HEAD,    /* has a part of a head, or is about to answer it */
    CONNECTION_BODY,    /* reads away the body of a request that is answered */
    CONNECTION_TAKING,  /* takes the body of a request that is not answered yet */
    CONNECTION_WAITING, /* has a request whose answer comes later */
    CONNECTION_STREAM,  /* an endless answer; what the client sends is read away */
    CONNECTION_ENDING,  /* sends what waits, then ends */
    CONNECTION_LINGER,  /* all is sent and our side shut; waits for the client's end */
    CONNECTION_CLOSED,  /* freed at the end of the turn */
};

/* What a connection waits for, and may wait too long. */
enum deadline {
    DEADLINE_REQUEST, /* the next head, or the rest of a body */
    DEADLINE_ROOM,    /* the client to take a byte of what waits */
    DEADLINE_PEER,    /* the client to close after we did, or to ask so that it can be refused */
    DEADLINE_COUNT,
    DEADLINE_NONE = DEADLINE_COUNT,
};

struct http_stream {
    const struct http_stream_events *events; /* NULL: no stream, or closed() was called */
    void *owner;
    size_t excess; /* bytes queued since there was no room */
    bool woken;
};

/* One request that waits for its answer: lives while handle() runs, or in its connection when the
 * answer comes later. */
struct http_exchange {
    struct connection *connection;
    const struct http_request *request; /* NULL: handle() is back, or the server answers itself */
    int minor_version;
    bool head; /* the answer has no body */
    bool keep_alive;
    bool answered;                    /* or will be */
    const struct http_header *always; /* headers of whatever answers it */
    size_t always_count;
    const struct http_wait_events *events;      /* of an answer that comes later; else NULL */
    const struct http_body_events *body_events; /* while the body is being taken; else NULL */
    void *owner;
};

struct connection {
    struct http_server *server;
    int fd;
    enum connection_state state;
    enum deadline deadline;
    bool paused;       /* pipelined requests wait in the input until answers are sent */
    bool end_of_input; /* the client shut its side */
    bool awaits_proxy; /* the header that says who the client is comes first */
    int shed;          /* the status to tell it when it is over a limit, only here for that; or 0 */
    struct address client;
    struct places_holder *place; /* among those of its client; NULL: they are not counted */
    const char *failure;         /* why to close at the end of this turn */
    uint64_t deadline_ms;
    uint64_t body_left;
    size_t discarded; /* bytes read away since requests ended */
    struct link all;
    struct link pending; /* to be flushed at the end of the turn */
    struct link waiting; /* in the server's queue of its deadline */
    ev_io reader;
    ev_io writer;
    struct buffer input; /* of an unfinished head, or pipelined requests; else empty */
    struct output output;
    struct http_stream stream;
    struct http_exchange exchange; /* in TAKING and WAITING */
    struct body *body;             /* in TAKING, but for want of memory; else NULL */
    struct loop_deferred deferred;
};

/* Takes FD. NULL when memory is out; FD is closed then. */
struct connection *connection_new(struct http_server *server, int fd);

/* Calls closed() of its stream, with REASON, a literal. Safe on a closed one. */
void connection_close(struct connection *connection, const char *reason);
/* The reason is what the ERROR of a system call says. */
void connection_close_errno(struct connection *connection, int error);
/* Ends it once what waits is sent. */
void connection_end_soon(struct connection *connection);
/* Tells who takes a body, or has an answer to give, that nobody will have it. Last in its callers:
 * the owner may do as it likes. */
void connection_finish_wait(struct connection *connection, const char *reason);

void connection_set_state(struct connection *connection, enum connection_state state);

/* What comes in is a request, or the body of one that was begun. */
bool connection_takes_requests(const struct connection *connection);

/* Has it flushed at the end of this turn. */
void connection_queue(struct connection *connection);
/* Closes it at the end of this turn: for what fails inside a call of the application. */
void connection_fail(struct connection *connection, const char *reason);

void connection_flush(struct connection *connection);
void connection_expire(struct connection *connection);
void connection_drain(struct connection *connection);

#endif
