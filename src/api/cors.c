#include "api/cors.h"

#include <errno.h>
#include <stdlib.h>

/* How long browsers may remember a preflight. */
#define MAX_AGE STR("600")

static const struct http_header vary = {STR("Vary"), STR("Origin")};

struct cors_origin {
    struct str origin; /* "*": any */
    struct http_header headers[4];
    size_t header_count;
};

/* With `*` no browser lets a page use credentials, and the answer is the same for all. */
static void init_origin(struct cors_origin *origin, const char *text)
{
    origin->origin = str_from(text);
    origin->headers[0] = (struct http_header){STR("Access-Control-Allow-Origin"), origin->origin};
    origin->headers[1] = (struct http_header){STR("Access-Control-Expose-Headers"),
                                              STR("Retry-After, WWW-Authenticate")};
    origin->headers[2] = (struct http_header){STR("Access-Control-Allow-Credentials"), STR("true")};
    origin->headers[3] = vary;
    origin->header_count = str_equal(origin->origin, STR("*")) ? 2 : 4;
}

int cors_init(struct cors *cors, const struct config *config, struct error *err)
{
    const struct config_names *from = &config->http.cors_origins;

    if (from->count == 0)
        return 0;
    cors->origins = calloc(from->count, sizeof(*cors->origins));
    if (cors->origins == NULL)
        return error_set(err, -ENOMEM, "http.cors: out of memory");
    cors->count = from->count;
    for (size_t i = 0; i < from->count; i++)
        init_origin(&cors->origins[i], from->items[i].text);
    return 0;
}

void cors_release(struct cors *cors)
{
    free(cors->origins);
    *cors = (struct cors){NULL, 0};
}

static const struct cors_origin *find_origin(const struct cors *cors,
                                             const struct http_exchange *exchange)
{
    struct str origin = http_request_header(http_exchange_request(exchange), STR("Origin"));

    for (size_t i = 0; i < cors->count && origin.len > 0; i++) {
        const struct cors_origin *listed = &cors->origins[i];
        if (str_equal(listed->origin, origin) || str_equal(listed->origin, STR("*")))
            return listed;
    }
    return NULL;
}

void cors_prepare(const struct cors *cors, struct http_exchange *exchange)
{
    const struct cors_origin *origin = find_origin(cors, exchange);

    if (origin != NULL)
        http_exchange_always(exchange, origin->headers, origin->header_count);
    else if (cors->count > 0 && !str_equal(cors->origins[0].origin, STR("*")))
        http_exchange_always(exchange, &vary, 1);
}

bool cors_preflight(const struct cors *cors, struct http_exchange *exchange, const char *methods)
{
    const struct http_request *request = http_exchange_request(exchange);
    /* What only comes with bodies is not asked for without. */
    struct str allowed = strstr(methods, "POST")
                             ? STR("Authorization, Cache-Control, Content-Type, "
                                   "Idempotency-Key, Last-Event-ID, X-Consumer-Id")
                             : STR("Authorization, Cache-Control, Last-Event-ID, X-Consumer-Id");
    const struct http_header headers[] = {
        {STR("Access-Control-Allow-Methods"), str_from(methods)},
        {STR("Access-Control-Allow-Headers"), allowed},
        {STR("Access-Control-Max-Age"), MAX_AGE},
    };

    if (!str_equal(request->method, STR("OPTIONS")) || find_origin(cors, exchange) == NULL ||
        http_request_header(request, STR("Access-Control-Request-Method")).len == 0)
        return false;
    http_respond(exchange, &(struct http_response){
                               .status = 204,
                               .headers = headers,
                               .header_count = sizeof(headers) / sizeof(headers[0]),
                           });
    return true;
}
