/* api/refuse.h - the answers to who should come again later.
 *
 * A native EventSource gives up for good on any status but 200: over a limit it gets a stream that
 * ends at once, and says when to come back. Everybody else gets the status. */
#ifndef API_REFUSE_H
#define API_REFUSE_H

#include "http/server.h"

void api_refuse(void *app, struct http_exchange *exchange, int status); /* a http_refuse */
/* The same with other words, for an exchange whose CORS headers are prepared. */
void api_refuse_with(struct http_exchange *exchange, int status, struct str text);

/* 503 with TEXT: what fails now may not in a moment. */
void api_respond_unavailable(struct http_exchange *exchange, struct str text);

#endif
