/* api/refuse.h - the answer to a client over a limit. A native EventSource gives up for good on any
 * status but 200: it gets a stream that ends at once, and says when to come back. Everybody else
 * gets the status. */
#ifndef API_REFUSE_H
#define API_REFUSE_H

#include "http/server.h"

void api_refuse(void *app, struct http_exchange *exchange, int status); /* a http_refuse */
/* The same with other words, for an exchange whose CORS headers are prepared. */
void api_refuse_with(struct http_exchange *exchange, int status, struct str text);

#endif
