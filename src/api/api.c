#include "api/api.h"

#include "api/events_table.h"
#include "api/internal.h"
#include "api/publish_table.h"
#include "base/log.h"
#include "base/percent.h"

#include <errno.h>

/* "*" at the end stands for one segment or several, none of them empty. */
struct route {
    const char *segments[2];
    size_t segment_count;
    const char *allow;
    /* Of GET, and of HEAD: what has no end ends behind its head then. */
    void (*handle)(struct api *api, const struct api_request *request);
    void (*post)(struct api *api, const struct api_request *request); /* NULL: not allowed */
};

static const struct route routes[] = {
    {{"manage", "health"}, 2, "GET, HEAD", api_health, NULL},
    {{"events"}, 1, "GET, HEAD, POST", api_events, api_publish},
    {{"streams"}, 1, "GET, HEAD", api_streams, NULL},
    {{"streams", "*"}, 2, "GET, HEAD", api_streams, NULL},
    {{"processed", "*"}, 2, "GET, HEAD", api_processed, NULL},
};

static void respond(const struct api_request *request, int status, struct str text,
                    const struct http_header *header)
{
    struct http_response response = {
        .status = status,
        .content_type = "text/plain",
        .body = text,
        .headers = header,
        .header_count = header != NULL,
    };
    http_respond(request->exchange, &response);
}

void api_respond_text(const struct api_request *request, int status, struct str text)
{
    respond(request, status, text, NULL);
}

enum form api_negotiate(const struct api_request *request)
{
    static const struct http_header vary = {STR("Vary"), STR("Accept")};
    enum form form = accept_form(request->http);

    if (form == FORM_NONE)
        respond(request, 406,
                STR("Not acceptable: there are text/event-stream, application/json (pull) and "
                    "application/x-ndjson"),
                &vary);
    return form;
}

static bool are_filled(const struct str *segments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (segments[i].len == 0)
            return false;
    }
    return true;
}

static bool route_matches(const struct route *route, const struct api_request *request)
{
    if (request->segment_count < route->segment_count)
        return false;
    for (size_t i = 0; i < route->segment_count; i++) {
        struct str expected = str_from(route->segments[i]);
        if (str_equal(expected, STR("*")))
            return are_filled(request->segments + i, request->segment_count - i);
        if (!str_equal(expected, request->segments[i]))
            return false;
    }
    return request->segment_count == route->segment_count;
}

static const struct route *find_route(const struct api_request *request)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (route_matches(&routes[i], request))
            return &routes[i];
    }
    return NULL;
}

/* Decodes each segment of PATH into BYTES, which is as long as PATH: decoding only makes it
 * shorter. No resource has as many segments as there is room for: which ones follow is all the
 * same. */
static bool split_path(struct api_request *request, struct str path, struct buffer *bytes)
{
    struct str rest = {path.data + 1, path.len - 1}; /* behind the leading slash */

    if (buffer_reserve(bytes, path.len) == NULL)
        return false;
    while (rest.data != NULL && request->segment_count < API_SEGMENTS_MAX) {
        size_t from = bytes->len;
        struct str segment = str_cut(&rest, '/');
        if (percent_decode(bytes, segment, false) < 0)
            return false;
        request->segments[request->segment_count++] =
            (struct str){bytes->data + from, bytes->len - from};
    }
    return true;
}

/* Whoever asks may know whether the service is well. */
static bool is_open(const struct route *route)
{
    return route->handle == api_health;
}

static void admit(struct api *api, struct api_request *request, const struct route *route)
{
    struct access *access = &request->access;
    bool reads = http_is_read(request->http->method);

    if (is_open(route) || (access_admit(access, &api->context, request->exchange) &&
                           (reads || access_publish(access))))
        (reads ? route->handle : route->post)(api, request);
    access_release(access);
}

static bool allows(const struct route *route, struct str method)
{
    if (str_equal(method, STR("POST")))
        return route->post != NULL;
    return http_is_read(method);
}

static void dispatch(struct api *api, struct api_request *request)
{
    const struct route *route = find_route(request);

    if (route == NULL) {
        api_respond_text(request, 404, STR("Not found"));
        return;
    }
    if (cors_preflight(&api->cors, request->exchange, route->allow))
        return;
    if (!allows(route, request->http->method)) {
        struct http_header allow = {STR("Allow"), str_from(route->allow)};
        respond(request, 405, STR("Method not allowed"), &allow);
        return;
    }
    admit(api, request, route);
}

void api_handle(void *app, struct http_exchange *exchange)
{
    struct api *api = app;
    struct api_request request = {.exchange = exchange, .http = http_exchange_request(exchange)};
    struct buffer bytes;

    cors_prepare(&api->cors, exchange);
    buffer_init(&bytes, request.http->path.len);
    if (split_path(&request, request.http->path, &bytes))
        dispatch(api, &request);
    else
        api_respond_text(&request, 404, STR("Not found"));
    buffer_release(&bytes);
}

static void on_damage(void *owner, const struct error *what)
{
    log_error("feed", "%s", what->text);
}

static void on_trouble(void *owner, const struct error *why)
{
    struct api *api = owner;

    if (why != NULL) {
        log_error("feed", "%s", why->text);
        health_down(api->context.health, "feed", why->text);
    } else {
        log_info("feed", "journal: readable again");
        health_up(api->context.health, "feed");
    }
}

static int start_parts(struct api *api, struct error *err)
{
    const struct api_context *context = &api->context;
    int status = feed_tables_init(&api->tables, context->config, err);

    if (status == 0)
        status = cors_init(&api->cors, context->config, err);
    if (status < 0)
        return status;
    api->tables.marked = context->marked;
    const struct router_context router = {
        .loop = api->loop,
        .journal = context->journal,
        .tables = &api->tables,
        .on_trouble = on_trouble,
        .on_damage = on_damage,
        .owner = api,
    };
    status = router_new(&api->router, &router, err);
    if (status < 0)
        return status;
    review_start(&api->review, api->loop);
    awaiting_start(&api->awaiting, api->loop, context->awaiting);
    if (!context->config->events.enabled)
        return 0;
    status = events_table_new(&api->events_table, api->loop, context, err);
    if (status < 0)
        return status;
    return publish_table_new(&api->publish_table, api->loop, context, err);
}

int api_start(struct api **ret_api, struct loop *loop, const struct api_context *context,
              struct error *err)
{
    struct api *api = calloc(1, sizeof(*api));

    if (api == NULL)
        return error_set(err, -ENOMEM, "API: out of memory");
    api->loop = loop;
    api->context = *context;
    heartbeat_start(&api->heartbeat, loop, context->config->http.heartbeat_ms);
    int status = start_parts(api, err);
    if (status < 0) {
        api_stop(api);
        return status;
    }
    *ret_api = api;
    return 0;
}

struct serving_counters api_counters(const struct api *api, const struct http_server *server)
{
    return (struct serving_counters){
        .http = http_server_counters(server),
        .feed = router_counters(api->router),
        .api = &api->counters,
    };
}

void api_stop(struct api *api)
{
    if (api == NULL)
        return;
    heartbeat_stop(&api->heartbeat);
    review_stop(&api->review);
    awaiting_stop(&api->awaiting);
    events_table_free(api->events_table);
    publish_table_free(api->publish_table);
    router_free(api->router);
    events_frame_cache_release(&api->frames);
    feed_tables_release(&api->tables);
    cors_release(&api->cors);
    free(api);
}
