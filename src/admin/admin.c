#include "admin/host.h"
#include "admin/internal.h"
#include "admin/operator_json.h"
#include "admin/route.h"
#include "api/health.h"
#include "base/clock.h"
#include "base/thread.h"
#include "config/address.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* A scraper, somebody who looks, and some room. */
#define CONNECTIONS_MAX 32
#define HEAD_BYTES_MAX 8192
#define BODY_BYTES_MAX 65536
#define HEAD_TIMEOUT_MS 10000
#define ROOM_TIMEOUT_MS 10000

static void health(struct admin *admin, struct http_exchange *exchange, struct str word)
{
    health_answer(admin->context.health, exchange);
}

struct route {
    const char *method; /* GET: HEAD too */
    const char *path;   /* admin/route.h */
    void (*handle)(struct admin *admin, struct http_exchange *exchange, struct str word);
};

static const struct route routes[] = {
    {"GET", "/manage/health", health},
    {"GET", "/metrics", admin_metrics},
    {"GET", "/status", admin_status},
    {"GET", "/processed", admin_processed},
    {"GET", "/operators", admin_operators},
    {"GET", "/operators/*", admin_operator},
    {"POST", "/operators/*/retry", admin_operator_command},
    {"POST", "/operators/*/skip", admin_operator_command},
    {"POST", "/operators/*/pause", admin_operator_command},
    {"POST", "/operators/*/resume", admin_operator_command},
    {"POST", "/operators/*/rebuild", admin_operator_command},
};

#define ALLOW_MAX 64

static void respond_text(struct http_exchange *exchange, int status, struct str text,
                         const struct http_header *header)
{
    http_respond(exchange, &(struct http_response){
                               .status = status,
                               .content_type = "text/plain",
                               .body = text,
                               .headers = header,
                               .header_count = header != NULL,
                           });
}

void admin_respond(struct http_exchange *exchange, const char *content_type,
                   const struct buffer *body)
{
    static const struct http_header no_store = {STR("Cache-Control"), STR("no-store")};

    if (body->failed != 0) {
        respond_text(exchange, 503, STR("Out of memory"), NULL);
        return;
    }
    http_respond(exchange, &(struct http_response){
                               .status = 200,
                               .content_type = content_type,
                               .body = buffer_str(body),
                               .headers = &no_store,
                               .header_count = 1,
                           });
}

static bool allows(const struct route *route, struct str method)
{
    struct str wanted = str_from(route->method);

    return str_equal(wanted, method) || (http_is_read(wanted) && http_is_read(method));
}

static void refuse_method(struct http_exchange *exchange, struct str path)
{
    struct buffer methods;
    struct str word;

    buffer_init(&methods, ALLOW_MAX);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!route_fits(routes[i].path, path, &word))
            continue;
        buffer_printf(&methods, "%s%s", methods.len > 0 ? ", " : "", routes[i].method);
        if (strcmp(routes[i].method, "GET") == 0)
            buffer_append_str(&methods, STR(", HEAD"));
    }
    const struct http_header allow = {STR("Allow"), buffer_str(&methods)};
    if (methods.len > 0)
        respond_text(exchange, 405, STR("Method not allowed"), &allow);
    else
        respond_text(exchange, 404, STR("Not found"), NULL);
    buffer_release(&methods);
}

/* A page of anybody may have the browser on this machine ask here, under a name of its own that it
 * lets point to 127.0.0.1, and could read the answer. It cannot choose the Host. */
static bool is_meant(const struct admin *admin, const struct http_request *request)
{
    struct str host = http_request_header(request, STR("Host"));

    return !admin->checks_host || host.data == NULL || host_is_local(host);
}

/* A page of anybody may also have the browser post here, without reading the answer; then the
 * browser says whose page it is. */
static bool is_of_a_page_elsewhere(const struct http_request *request)
{
    struct str origin = http_request_header(request, STR("Origin"));
    struct str host = http_request_header(request, STR("Host"));

    if (origin.data == NULL || http_is_read(request->method))
        return false;
    struct str scheme = str_cut(&origin, ':');
    return !str_starts_with(origin, STR("//")) ||
           !(str_equal(scheme, STR("http")) || str_equal(scheme, STR("https"))) ||
           !str_equal_nocase((struct str){origin.data + 2, origin.len - 2}, host);
}

static void handle(void *app, struct http_exchange *exchange)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct str word;

    if (!is_meant(app, request)) {
        respond_text(exchange, 403, STR("Ask for localhost or an address, not for another name"),
                     NULL);
        return;
    }
    if (is_of_a_page_elsewhere(request)) {
        respond_text(exchange, 403, STR("Pages of other origins may not change anything here"),
                     NULL);
        return;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (allows(&routes[i], request->method) &&
            route_fits(routes[i].path, request->path, &word)) {
            routes[i].handle(app, exchange, word);
            return;
        }
    }
    refuse_method(exchange, request->path);
}

/* --- life ------------------------------------------------------------------------------------ */

static void on_stop(struct loop_wakeup *wakeup)
{
    struct admin *admin = (struct admin *)((char *)wakeup - offsetof(struct admin, stop));
    loop_stop(&admin->loop);
}

static void *run(void *argument)
{
    struct admin *admin = argument;
    loop_run(&admin->loop);
    return NULL;
}

static void admin_free(struct admin *admin)
{
    http_server_free(admin->server);
    awaiting_stop(&admin->awaiting);
    state_db_free(admin->state_db);
    loop_wakeup_stop(&admin->loop, &admin->stop);
    loop_release(&admin->loop);
    free(admin);
}

static int start_server(struct admin *admin, struct error *err)
{
    const char *const listen[] = {admin->context.config->admin.listen};
    const struct http_server_options options = {
        .listen = listen,
        .listen_count = 1,
        .exclusive = true,
        .max_connections = CONNECTIONS_MAX,
        .max_head_bytes = HEAD_BYTES_MAX,
        .max_body_bytes = BODY_BYTES_MAX,
        .head_timeout_ms = HEAD_TIMEOUT_MS,
        .room_timeout_ms = ROOM_TIMEOUT_MS,
    };
    int rc = http_server_start(&admin->server, &admin->loop, &options, handle, admin, err);
    return rc < 0 ? error_prefix(err, "admin.listen") : 0;
}

int admin_start(struct admin **ret_admin, const struct admin_context *context, struct error *err)
{
    struct admin *admin = calloc(1, sizeof(*admin));
    if (!admin || loop_init(&admin->loop) < 0) {
        free(admin);
        return error_set(err, -ENOMEM, "no memory for the admin listener");
    }
    admin->context = *context;
    const char *listen = context->config->admin.listen;
    admin->checks_host = strncmp(listen, "unix:", 5) != 0 && address_is_loopback(listen);
    admin->started_us = clock_wall_us();
    admin->started_ms = clock_monotonic_ms();
    admin->stop.on_wake = on_stop;
    loop_wakeup_start(&admin->loop, &admin->stop);
    awaiting_start(&admin->awaiting, &admin->loop, context->awaiting);
    int rc = state_db_new(&admin->state_db, &admin->loop, err);
    if (rc == 0)
        rc = start_server(admin, err);
    if (rc == 0)
        rc = thread_start(&admin->thread, run, admin, "for the admin listener", err);
    if (rc < 0) {
        admin_free(admin);
        return rc;
    }
    *ret_admin = admin;
    return 0;
}

void admin_stop(struct admin *admin)
{
    if (!admin)
        return;
    loop_wake(&admin->loop, &admin->stop);
    pthread_join(admin->thread, NULL);
    admin_free(admin);
}
