/* api/accept.h - in which form a client takes the events, by its Accept headers (RFC 9110, 12.5.1).
 * Pure. */
#ifndef API_ACCEPT_H
#define API_ACCEPT_H

#include "http/request.h"

/* What the server would rather send comes first. */
enum form {
    FORM_SSE,    /* text/event-stream: a stream */
    FORM_JSON,   /* application/json: one answer, pulled */
    FORM_NDJSON, /* application/x-ndjson: a stream, one JSON object a line */
    FORM_COUNT,
    FORM_NONE = FORM_COUNT, /* the client takes none of these */
};

/* The form with the greatest q; among equals the one that was named most exactly, then the first
 * one above. Without the header, or with an empty one: FORM_SSE. What is no media range is
 * skipped. */
enum form accept_form(const struct http_request *request);

/* "text/event-stream", ... */
struct str accept_media_type(enum form form);

#endif
