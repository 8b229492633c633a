/* http/counters.h - what a server has done so far. Written by its thread only, read by any, each
 * number for itself. Owns nothing. */
#ifndef HTTP_COUNTERS_H
#define HTTP_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

/* Why a stream was closed: the reasons of http_stream_events.closed(). */
enum http_close {
    HTTP_CLOSE_ENDED,
    HTTP_CLOSE_PEER,
    HTTP_CLOSE_STALLED,
    HTTP_CLOSE_OVERFLOW,
    HTTP_CLOSE_NOISE,
    HTTP_CLOSE_MEMORY,
    HTTP_CLOSE_ERROR,
    HTTP_CLOSE_SHUTDOWN,
    HTTP_CLOSE_COUNT,
};

struct http_counters {
    _Atomic uint64_t connections;      /* taken in */
    _Atomic uint64_t refused_server;   /* past max_connections */
    _Atomic uint64_t refused_client;   /* past the limit of one client */
    _Atomic uint64_t refused_consumer; /* past that of one consumer: by the application */
    _Atomic uint64_t refused_machine;  /* no descriptor or no memory left */
    _Atomic uint64_t streams;          /* begun */
    _Atomic uint64_t closed[HTTP_CLOSE_COUNT];
};

static inline void http_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

const char *http_close_name(enum http_close why);
void http_count_close(struct http_counters *counters, const char *reason);

#endif
