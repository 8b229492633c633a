/* GET /manage/health */
#include "api/health.h"
#include "api/internal.h"

#include <jansson.h>

#define REASON_MAX 4096

void health_answer(struct health *health, struct http_exchange *exchange)
{
    char reason[REASON_MAX];
    bool up = health_read(health, reason, sizeof(reason));
    json_t *json = up ? json_pack("{s:s}", "status", "UP")
                      : json_pack("{s:s, s:s}", "status", "DOWN", "reason", reason);
    char *body = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    struct http_response response = {
        .status = up ? 200 : 503,
        .content_type = "application/json",
        .body = body != NULL ? str_from(body) : STR("{\"status\":\"DOWN\"}"),
    };

    /* Out of memory, or a reason that is no UTF-8: not well, in any case. */
    if (body == NULL)
        response.status = 503;
    http_respond(exchange, &response);
    free(body);
    json_decref(json);
}

void api_health(struct api *api, const struct api_request *request)
{
    health_answer(api->context.health, request->exchange);
}
