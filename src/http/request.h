/* http/request.h - the head of one HTTP/1.x request, strictly (RFC 9112). Pure: no socket, no
 * clock; every slice borrows from the bytes that were parsed.
 *
 * Refused with 400: bare CR, NUL or control bytes, spaces before the colon, folded lines, more than
 * one Host or Content-Length, any Transfer-Encoding but a single "chunked" of HTTP/1.1 without a
 * Content-Length, a missing Host in HTTP/1.1, a target that is neither in origin form nor an
 * http URI with a path (whose host means nothing to us). 431: more
 * headers or bytes than the limits. 505: not HTTP/1.0 or 1.1. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEADERS_MAX 64

struct http_header {
    struct str name;  /* as sent; compare without case */
    struct str value; /* without the spaces around it */
};

struct http_request {
    struct str method; /* "GET"; any token */
    struct str target; /* as sent */
    struct str path;   /* before '?', still percent-encoded */
    struct str query;  /* after '?', or data == NULL */
    int minor_version; /* 0 or 1 */
    bool keep_alive;
    uint64_t content_length; /* 0 when there is none */
    bool chunked;            /* the body says itself where it ends: http/chunked.h */
    size_t header_count;
    struct http_header headers[HTTP_HEADERS_MAX];
};

#define HTTP_PARSE_INCOMPLETE 0

/* > 0: the length of the head, REQUEST is filled. 0: more bytes are needed. < 0: the negated status
 * to answer with (-400, -431, -505), after which the connection is closed. MAX_HEAD bounds the
 * head. */
long http_request_parse(struct http_request *request, struct str bytes, size_t max_head);

/* A method that changes nothing. HEAD is GET without the body. */
static inline bool http_is_read(struct str method)
{
    return str_equal(method, STR("GET")) || str_equal(method, STR("HEAD"));
}

/* The value of header NAME (any case), data == NULL when absent. The first one, if there are
 * several. */
struct str http_request_header(const struct http_request *request, struct str name);

/* Cuts the next "name=value" from *QUERY, still encoded; false at the end. */
bool http_query_next(struct str *query, struct str *ret_name, struct str *ret_value);

#endif
