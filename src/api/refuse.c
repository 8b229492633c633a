#include "api/refuse.h"

#include "api/internal.h"
#include "api/retry.h"
#include "http/sse.h"

#include <string.h>

#define FRAME_MAX 64

/* Only who names the type: health checks and curl want to see the status. */
static bool is_event_source(const struct http_request *request)
{
    struct str accept = http_request_header(request, STR("Accept"));
    struct str type = accept_media_type(FORM_SSE);

    for (size_t at = 0; at + type.len <= accept.len; at++) {
        if (str_equal_nocase((struct str){accept.data + at, type.len}, type))
            return true;
    }
    return false;
}

static void send_away(struct http_exchange *exchange)
{
    static const struct http_header headers[] = {
        {STR("Cache-Control"), STR("no-cache, no-transform")},
    };
    struct buffer frame;

    buffer_init(&frame, FRAME_MAX);
    (void)retry_append(&frame, RETRY_REFUSED_MS); /* without it the client chooses when */
    http_respond(exchange, &(struct http_response){
                               .status = 200,
                               .content_type = "text/event-stream",
                               .body = buffer_str(&frame),
                               .headers = headers,
                               .header_count = 1,
                           });
    buffer_release(&frame);
}

static void respond(struct http_exchange *exchange, int status, struct str seconds, struct str text)
{
    const struct http_header headers[] = {
        {STR("Cache-Control"), STR("no-store")},
        {STR("Retry-After"), seconds},
    };

    http_respond(exchange, &(struct http_response){
                               .status = status,
                               .content_type = "text/plain",
                               .body = text,
                               .headers = headers,
                               .header_count = sizeof(headers) / sizeof(headers[0]),
                           });
}

void api_respond_unavailable(struct http_exchange *exchange, struct str text)
{
    respond(exchange, 503, STR("1"), text);
}

void api_refuse_with(struct http_exchange *exchange, int status, struct str text)
{
    if (is_event_source(http_exchange_request(exchange))) {
        send_away(exchange);
        return;
    }
    respond(exchange, status, STR("5"), text);
}

void api_refuse(void *app, struct http_exchange *exchange, int status)
{
    const struct api *api = app;

    cors_prepare(&api->cors, exchange);
    api_refuse_with(exchange, status,
                    status == 429 ? STR("Too many connections of this client")
                                  : STR("Too many connections"));
}
