#include "api/access.h"

#include "api/refuse.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>

#define COOKIE STR("walpiper_token")
#define PARAMETER STR("access_token")
#define NO_GATEWAY STR("Request doesn't pass through the API gateway!")

static bool refuse(const struct access *access, int status, struct str text, struct str challenge)
{
    const struct http_header headers[] = {
        {STR("WWW-Authenticate"), challenge},
        {STR("Cache-Control"), STR("no-store")},
    };

    http_respond(access->exchange, &(struct http_response){
                                       .status = status,
                                       .content_type = "text/plain",
                                       .body = text,
                                       .headers = headers + (challenge.len == 0),
                                       .header_count = challenge.len == 0 ? 1 : 2,
                                   });
    return false;
}

static enum config_auth mode_of(const struct access *access)
{
    return access->context->config->auth.mode;
}

/* --- the gateway ----------------------------------------------------------------------------- */

static bool admit_gateway(const struct access *access)
{
    const struct config *config = access->context->config;
    struct address peer = http_exchange_peer(access->exchange);

    for (size_t i = 0; i < config->auth.trusted_count; i++)
        if (network_has(&config->auth.trusted[i], &peer))
            return true;
    return refuse(access, 401, NO_GATEWAY, STR(""));
}

/* --- the token ------------------------------------------------------------------------------- */

/* "Bearer TOKEN"; the scheme in any case (RFC 9110, 11.1). */
static bool find_in_header(const struct http_request *http, struct str *ret_token)
{
    struct str token = http_request_header(http, STR("Authorization"));
    struct str scheme = str_cut(&token, ' ');

    if (!str_equal_nocase(scheme, STR("Bearer")) || token.data == NULL)
        return false;
    *ret_token = str_trim(token);
    return true;
}

static bool find_in_cookies(const struct http_request *http, struct str *ret_token)
{
    for (size_t i = 0; i < http->header_count; i++) {
        struct str cookies = http->headers[i].value;
        if (!str_equal_nocase(http->headers[i].name, STR("Cookie")))
            continue;
        while (cookies.data != NULL) {
            struct str value = str_trim(str_cut(&cookies, ';'));
            if (!str_equal(str_cut(&value, '='), COOKIE))
                continue;
            *ret_token = value;
            return true;
        }
    }
    return false;
}

static bool find_in_query(const struct http_request *http, struct str *ret_token)
{
    struct str query = http->query;
    struct str name;

    while (http_query_next(&query, &name, ret_token)) {
        if (str_equal(name, PARAMETER))
            return true;
    }
    return false;
}

static bool find_token(const struct access *access, struct str *ret_token)
{
    return find_in_header(access->http, ret_token) || find_in_cookies(access->http, ret_token) ||
           (access->context->config->auth.jwt.query_token &&
            find_in_query(access->http, ret_token));
}

static bool admit_token(struct access *access)
{
    static const struct str text =
        STR("A valid token is needed, as in \"Authorization: Bearer TOKEN\"");
    struct str token;
    struct error why;

    if (!find_token(access, &token))
        return refuse(access, 401, text, STR("Bearer realm=\"walpiper\""));
    int code =
        auth_check(access->context->auth, &access->claims, token, clock_wall_us() / 1000000, &why);
    if (code == 0)
        return true;
    if (code == -ENOMEM) {
        api_respond_unavailable(access->exchange, STR("Out of memory"));
        return false;
    }
    log_debug("auth", "a token is refused: %s", why.text);
    return refuse(access, 401, text, STR("Bearer realm=\"walpiper\", error=\"invalid_token\""));
}

/* --- the outside ----------------------------------------------------------------------------- */

bool access_admit(struct access *ret_access, const struct api_context *context,
                  struct http_exchange *exchange)
{
    *ret_access = (struct access){
        .context = context, .exchange = exchange, .http = http_exchange_request(exchange)};
    switch (mode_of(ret_access)) {
    case CONFIG_AUTH_GATEWAY:
        return admit_gateway(ret_access);
    case CONFIG_AUTH_JWT:
        return admit_token(ret_access);
    case CONFIG_AUTH_NONE:
        break;
    }
    return true;
}

void access_release(struct access *access)
{
    claims_release(&access->claims);
}

static bool forbid(const struct access *access, struct str text)
{
    return refuse(access, 403, text,
                  STR("Bearer realm=\"walpiper\", error=\"insufficient_scope\""));
}

bool access_topic(const struct access *access, const struct str *segments, size_t count)
{
    if (mode_of(access) != CONFIG_AUTH_JWT || claims_allow(&access->claims, segments, count))
        return true;
    return forbid(access, STR("The token's topics do not grant this topic"));
}

/* A proxy that sets X-Consumer-Id and a token that says another name: one of them is mistaken. */
static bool token_consumer(const struct access *access, struct str named, struct str *ret_consumer)
{
    struct str consumer = str_from(access->claims.consumer);

    if (consumer.len == 0)
        return forbid(access, STR("The token names no consumer"));
    if (named.len > 0 && !str_equal(named, consumer))
        return forbid(access, STR("The token is not of the consumer in X-Consumer-Id"));
    *ret_consumer = consumer;
    return true;
}

bool access_consumer(const struct access *access, struct str *ret_consumer)
{
    struct str named = http_request_header(access->http, STR("X-Consumer-Id"));

    if (mode_of(access) == CONFIG_AUTH_JWT)
        return token_consumer(access, named, ret_consumer);
    *ret_consumer = named;
    return named.len > 0 || refuse(access, 401, NO_GATEWAY, STR(""));
}

bool access_publish(const struct access *access)
{
    struct str consumer;

    if (mode_of(access) == CONFIG_AUTH_GATEWAY)
        return access_consumer(access, &consumer);
    if (mode_of(access) != CONFIG_AUTH_JWT || access->claims.publish)
        return true;
    return forbid(access, STR("The token does not grant publish"));
}

/* In mode none anybody can call himself anything. */
struct str access_identity(const struct access *access)
{
    if (mode_of(access) == CONFIG_AUTH_JWT)
        return str_from(access->claims.consumer);
    return mode_of(access) == CONFIG_AUTH_GATEWAY
               ? http_request_header(access->http, STR("X-Consumer-Id"))
               : STR("");
}

int64_t access_expires(const struct access *access)
{
    return access->claims.expires;
}

bool access_names_the_token(const struct access *access, struct str parameter)
{
    return access->context->config->auth.jwt.query_token && str_equal(parameter, PARAMETER);
}
