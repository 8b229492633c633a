/* api/cors.h - what lets pages of other origins read the answers (Fetch standard, "CORS protocol").
 * Owns the headers, which borrow from the configuration. */
#ifndef API_CORS_H
#define API_CORS_H

#include "base/error.h"
#include "config/config.h"
#include "http/server.h"

struct cors_origin;

struct cors {
    struct cors_origin *origins;
    size_t count;
};

int cors_init(struct cors *cors, const struct config *config, struct error *err);
void cors_release(struct cors *cors); /* safe on a zeroed one */

/* Whatever answers EXCHANGE, an error too, has the headers that its origin needs; CORS must live as
 * long as the connection. */
void cors_prepare(const struct cors *cors, struct http_exchange *exchange);
/* Answers a preflight of a listed origin for a resource with these methods ("GET, HEAD"). False:
 * it is none, and not answered. */
bool cors_preflight(const struct cors *cors, struct http_exchange *exchange, const char *methods);

#endif
