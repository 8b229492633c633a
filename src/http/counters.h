/* http/counters.h - what a server has done so far. Written by its thread only, read by any, each
 * number for itself. Owns nothing. */
#ifndef HTTP_COUNTERS_H
#define HTTP_COUNTERS_H

#include "base/counter.h"

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

#define HTTP_STATUS_FIRST 200
#define HTTP_STATUS_COUNT 400

struct http_counters {
    _Atomic uint64_t connections;      /* taken in */
    _Atomic uint64_t refused_server;   /* past max_connections */
    _Atomic uint64_t refused_client;   /* past the limit of one client */
    _Atomic uint64_t refused_consumer; /* past that of one consumer: by the application */
    _Atomic uint64_t refused_machine;  /* no descriptor or no memory left */
    _Atomic uint64_t streams;          /* begun */
    _Atomic uint64_t closed[HTTP_CLOSE_COUNT];
    _Atomic uint64_t open;       /* connections that are there now, also those to be turned away */
    _Atomic uint64_t sent_bytes; /* handed to the kernel */
    _Atomic uint64_t answers[HTTP_STATUS_COUNT]; /* http_count_answer() */
};

static inline void http_count(_Atomic uint64_t *counter)
{
    counter_add(counter, 1);
}

/* An answer with STATUS, or a stream, which is a 200. */
static inline void http_count_answer(struct http_counters *counters, int status)
{
    http_count(&counters->answers[status - HTTP_STATUS_FIRST]);
}

const char *http_close_name(enum http_close why);
void http_count_close(struct http_counters *counters, const char *reason);

#endif
