/* api/api.h - the resources of the main listener: which path and method is answered by what.
 *
 * One api a serving loop, used by that loop's http server as its application. Owns the loop's
 * router and all that subscribes to it. */
#ifndef API_API_H
#define API_API_H

#include "api/context.h"
#include "api/counters.h"
#include "http/server.h"
#include "loop/loop.h"

struct api;

/* CONTEXT is copied; what it points to is borrowed. 0 or a negative errno, ERR names the cause. */
int api_start(struct api **ret_api, struct loop *loop, const struct api_context *context,
              struct error *err);
/* An http_handle: the server's APP is a struct api. */
void api_handle(void *api, struct http_exchange *exchange);
/* Those of its http server are SERVER's. Any thread. */
struct serving_counters api_counters(const struct api *api, const struct http_server *server);
/* The http server must be free already, for its streams belong to the api. NULL is fine. */
void api_stop(struct api *api);

#endif
