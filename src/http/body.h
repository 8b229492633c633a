/* http/body.h - the body of a request that is being taken for the application: see
 * http_take_body(). Private to the room. Owned by its connection. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include "http/chunked.h"
#include "http/connection.h"

struct body {
    struct buffer bytes;
    bool is_chunked;
    struct chunked chunked;
    size_t held; /* of what the server may keep in all */
};

/* How much the body of REQUEST may come to; 0 for none. */
uint64_t body_bound(const struct http_server *server, const struct http_request *request);

/* Whether the server keeps as much of bodies as it may. */
bool body_is_full(const struct http_server *server);

/* Takes of BYTES what belongs to the body, and hands it over when it is whole. The number of bytes
 * taken. */
size_t body_take(struct connection *connection, struct str bytes);
/* When nothing is missing: an empty one. */
void body_finish(struct connection *connection);
void body_free(struct connection *connection);

#endif
