/* http/server.h - listeners, connections and responses of one serving loop.
 *
 * A server belongs to one loop and one thread; several servers listen on the same address with
 * SO_REUSEPORT. It knows no topics and no events: for each request it calls HANDLE, which answers
 * with http_respond(), at once or later, or starts a stream. Owns its sockets and buffers.
 *
 * A stream pulls: the server calls fill() when there is room and something was announced with
 * http_stream_wake(), and writes all that waits in one writev() at the end of the turn. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/address.h"
#include "base/error.h"
#include "base/places.h"
#include "base/shared.h"
#include "http/counters.h"
#include "http/request.h"
#include "loop/loop.h"

struct http_server;
struct http_exchange; /* one request that waits for its answer */
struct http_stream;   /* a response without end */

/* APP is the pointer given to http_server_start(). Must respond, say that it will respond later,
 * take the body, or start a stream before it returns. A body that is not taken is read away. */
typedef void (*http_handle)(void *app, struct http_exchange *exchange);
/* Instead of http_handle, of a client over a limit: must respond at once. STATUS is what it comes
 * to: 503 past max_connections, 429 for the one client. */
typedef void (*http_refuse)(void *app, struct http_exchange *exchange, int status);

struct http_server_options {
    const char *const *listen; /* "HOST:PORT" or "unix:PATH" */
    size_t listen_count;
    bool exclusive; /* refuse an address that is taken; false: share it with others of this user */
    unsigned max_connections; /* 0: no limit; past it new ones are refused with 503 */
    struct places *clients;   /* refuses addresses with too many with 429; borrowed; NULL: none */
    http_refuse refuse;       /* how to refuse; NULL: with the status */
    bool proxy_protocol;      /* each connection begins with the header of a proxy (http/proxy.h) */
    size_t max_head_bytes;    /* 0: 16 KiB */
    size_t stream_buffer;     /* bytes queued for one stream before fill() waits; 0: 64 KiB */
    size_t max_body_bytes;    /* of a request; 0: 1 MiB; larger: 413 */
    unsigned head_timeout_ms; /* from accept or the end of the last response; 0: 15 s. As much again
                               * for the body of a request */
    unsigned room_timeout_ms; /* a client that takes nothing of what waits is let go; 0: 30 s */
    unsigned drain_ms; /* http_server_drain() spreads the goodbyes over up to so long; 0: none */
};

/* Binds, listens and starts. ERR names the address and the cause. Logs nothing. */
int http_server_start(struct http_server **ret_server, struct loop *loop,
                      const struct http_server_options *options, http_handle handle, void *app,
                      struct error *err);
/* Accepts no more; closes idle connections; calls drain() of each stream and of each request that
 * waits, spread over drain_ms, and faster when they are few. Returns at once. */
void http_server_drain(struct http_server *server);
/* drain() was called of all. Their connections may still be there, with something to send. */
bool http_server_drained(const struct http_server *server);
const struct http_counters *http_server_counters(const struct http_server *server); /* any thread */
size_t http_server_connections(const struct http_server *server);
/* Of the first TCP listener: tells what port 0 became. 0 when there is none. */
unsigned http_server_port(const struct http_server *server);
/* Closes all, without a goodbye; closed() of each stream and gone() of each request that waits is
 * called before it returns. Not from inside a callback of this server. */
void http_server_free(struct http_server *server);

/* --- one exchange ---------------------------------------------------------------------------- */

/* Its slices lie in the server's memory: they are gone when HANDLE returns, also when the answer
 * comes later. */
const struct http_request *http_exchange_request(const struct http_exchange *exchange);

/* The client: with proxy_protocol the one that the proxy says, if it says one. */
struct address http_exchange_peer(const struct http_exchange *exchange);
/* Of its server, for what the application refuses. */
struct http_counters *http_exchange_counters(const struct http_exchange *exchange);
/* HEADERS are sent with whatever answers EXCHANGE, also later. Borrowed, and must outlive the
 * connection. */
void http_exchange_always(struct http_exchange *exchange, const struct http_header *headers,
                          size_t header_count);

struct http_response {
    int status;
    const char *content_type;          /* NULL: none */
    struct str body;                   /* copied; left out for HEAD */
    const struct http_header *headers; /* further ones */
    size_t header_count;
};
/* A header with a CR or LF in it is not sent: the answer becomes a 500 without a body. */
void http_respond(struct http_exchange *exchange, const struct http_response *response);

/* --- an answer that comes later --------------------------------------------------------------- */

struct http_wait_events {
    /* The server is draining: respond now. */
    void (*drain)(void *owner, struct http_exchange *exchange);
    /* The connection is gone before the answer; REASON as for a stream. The exchange must not be
     * used again. Called once, unless it was responded to; never from inside a call of yours. */
    void (*gone)(void *owner, const char *reason);
};

/* From inside HANDLE: the answer comes later, by http_respond() on the exchange that this returns.
 * How long is up to the owner: no timeout of the server ends the wait. Further requests on the
 * connection wait, and when many do they are not read any more (and then a client that leaves is
 * noticed only after the answer). A client that shuts its side of the connection has left. */
struct http_exchange *http_respond_later(struct http_exchange *exchange,
                                         const struct http_wait_events *events, void *owner);

/* --- the body of a request ------------------------------------------------------------------- */

struct http_body_events {
    /* It is here, whole; borrowed until this returns. The exchange is answered as in HANDLE: now,
     * or with http_respond_later(). */
    void (*whole)(void *owner, struct http_exchange *exchange, struct str body);
    /* It will not come: the client is gone, or took too long, or broke its form, and was answered.
     * The exchange must not be used. REASON as for a stream, "timeout" or "malformed". */
    void (*gone)(void *owner, const char *reason);
};

/* From inside HANDLE: one of both is called, once, after HANDLE is back. A body past max_body_bytes
 * never comes here: it is answered 413, by its Content-Length before HANDLE is called. */
void http_take_body(struct http_exchange *exchange, const struct http_body_events *events,
                    void *owner);

/* --- one stream ------------------------------------------------------------------------------ */

struct http_stream_events {
    /* There is room: write what is there, up to http_stream_room() (one piece may go beyond).
     * Called again by itself when it stopped because there was no more room, once there is. */
    void (*fill)(void *owner, struct http_stream *stream);
    /* The server is draining: write the goodbye and call http_stream_end(). */
    void (*drain)(void *owner, struct http_stream *stream);
    /* The connection is gone, whoever closed it; REASON is a word for counters: "ended" (by you),
     * "peer" (the client left), "stalled" (it took nothing for too long), "overflow" (you wrote on
     * without room), "noise" (it sends without end), "memory", "error", "shutdown". The stream
     * must not be used again. Called exactly once, never from inside a call of yours. */
    void (*closed)(void *owner, const char *reason);
};

/* Sends the head (status 200, HEADERS, no length) and FIRST (may be empty) in one write. Never
 * NULL: what fails here is told by closed(). For a HEAD request it ends after the head. */
struct http_stream *http_stream_start(struct http_exchange *exchange,
                                      const struct http_header *headers, size_t header_count,
                                      struct str first, const struct http_stream_events *events,
                                      void *owner);
size_t http_stream_room(const struct http_stream *stream);
/* Something is there to write: fill() is called at the end of this turn, or once there is room. */
void http_stream_wake(struct http_stream *stream);
/* Queues LEN bytes at OFFSET of BYTES by reference, or as a copy when they are a small part of it.
 * Without room they are still taken (goodbyes, heartbeats), up to one more stream_buffer. 0;
 * -ENOMEM or -ENOBUFS (past that): the stream will close; -EPIPE: it is over already. */
int http_stream_write_shared(struct http_stream *stream, struct shared *bytes, size_t offset,
                             size_t len);
int http_stream_write(struct http_stream *stream, struct str bytes); /* copies */
void http_stream_end(struct http_stream *stream); /* closes once all is written */

#endif
