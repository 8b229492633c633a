/* config/rules_auth.c - who may read: auth, and the origins of http.cors. */
#include "config/rules.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- http.cors.origins
 * ------------------------------------------------------------------------------ */

/* As browsers send it: scheme, host, and a port that is not the scheme's own. */
static const char *check_origin(const char *origin)
{
    const char *host = strstr(origin, "://");

    if (strcmp(origin, "null") == 0)
        return "sandboxed pages and files of anybody send this origin; name the page's own";
    if (!host || host == origin || host[3] == '\0' || strpbrk(host + 3, "/?#@*") ||
        strpbrk(origin, " \t\r\n,"))
        return "no origin; write it as browsers send it: https://app.example.org, without a path";
    for (const char *at = origin; *at; at++)
        if ((*at >= 'A' && *at <= 'Z') || (unsigned char)*at >= 0x80)
            return "browsers send origins in lower case ASCII; write it so";
    return NULL;
}

static int rules_one_origin(struct rules *r, size_t i)
{
    struct config_names *to = &r->config->http.cors_origins;
    char **origin = &r->raw->http.cors.origins[i];
    const struct node *place = node_at(r->tree, "http.cors.origins[%zu]", i);
    int code = 0;

    if (strcmp(*origin, "*") != 0)
        code = rules_check(r, check_origin(*origin), place);
    else if (r->raw->auth.mode != CONFIG_AUTH_NONE || r->raw->http.cors.origins_count > 1)
        code = node_fail(r->tree, place, r->err,
                         "stands alone and with auth.mode none only; list the origins");
    if (code == 0 && config_names_have(to, *origin))
        code = node_fail(r->tree, place, r->err, "the same origin twice; remove one");
    if (code == 0)
        to->items[to->count++].text = rules_take(origin);
    return code;
}

static int rules_cors(struct rules *r)
{
    size_t count = r->raw->http.cors.origins_count;
    int code = 0;

    if (count == 0)
        return 0;
    r->config->http.cors_origins.items = calloc(count, sizeof(struct config_name));
    if (!r->config->http.cors_origins.items)
        return rules_no_memory(r);
    for (size_t i = 0; i < count && code == 0; i++)
        code = rules_one_origin(r, i);
    return code;
}

/* --- auth.gateway.trusted
 * --------------------------------------------------------------------------- */

static int rules_gateway(struct rules *r)
{
    static const char *const local[] = {"127.0.0.0/8", "::1", "unix"};
    const struct raw_gateway *from = &r->raw->auth.gateway;
    bool said = node_at(r->tree, "auth.gateway.trusted")->kind == NODE_LIST;
    size_t count = said ? from->trusted_count : sizeof(local) / sizeof(local[0]);

    if (r->config->auth.mode != CONFIG_AUTH_GATEWAY)
        return 0;
    if (count == 0)
        return node_fail(r->tree, node_at(r->tree, "auth.gateway.trusted"), r->err,
                         "nobody could set X-Consumer-Id; name the gateway's address");
    r->config->auth.trusted = calloc(count, sizeof(struct network));
    if (!r->config->auth.trusted)
        return rules_no_memory(r);
    for (size_t i = 0; i < count; i++)
        if (network_parse(&r->config->auth.trusted[i], said ? from->trusted[i] : local[i]) < 0)
            return node_fail(r->tree, node_at(r->tree, "auth.gateway.trusted[%zu]", i), r->err,
                             "no address and no network; write 10.0.0.7, 10.0.0.0/8, fd00::/8 or "
                             "unix");
    r->config->auth.trusted_count = count;
    return 0;
}

/* --- auth.jwt
 * --------------------------------------------------------------------------------------- */

/* RFC 7518, 3.2: the secret is at least as long as the hash. */
static size_t secret_min(enum config_jwt_algorithm algorithm)
{
    return algorithm == CONFIG_HS512 ? 64 : algorithm == CONFIG_HS384 ? 48 : 32;
}

static int check_secret(struct rules *r, const char *secret, enum config_jwt_algorithm algorithm)
{
    const struct node *place = node_at(r->tree, "auth.jwt.secret");

    if (strstr(secret, "-----BEGIN"))
        return node_fail(r->tree, place, r->err,
                         "a key in PEM is no secret: whoever has the public key could sign; choose "
                         "the key's algorithm and jwks_file");
    if (strlen(secret) < secret_min(algorithm))
        return node_fail(r->tree, place, r->err,
                         "%s needs at least %zu bytes; make one: openssl rand -base64 %zu",
                         config_jwt_algorithm_name(algorithm), secret_min(algorithm),
                         secret_min(algorithm) * 3 / 4);
    return 0;
}

static int rules_secret(struct rules *r)
{
    struct raw_jwt *from = &r->raw->auth.jwt;
    char **to = &r->config->auth.jwt.secret;

    if (from->jwks_file && *from->jwks_file)
        return node_fail(r->tree, node_at(r->tree, "auth.jwt.jwks_file"), r->err,
                         "%s has a secret and no public keys; remove it, or choose RS256, PS256, "
                         "ES256 or ES384",
                         config_jwt_algorithm_name(r->config->auth.jwt.algorithm));
    if (from->secret) {
        *to = rules_take(&from->secret);
    } else {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): read at start, before there are threads */
        const char *value = getenv("WALPIPER_JWT_SECRET");
        *to = str_dup(str_from(value ? value : ""));
        if (!*to)
            return rules_no_memory(r);
    }
    if (!**to)
        return node_fail(r->tree, node_at(r->tree, "auth.jwt.secret"), r->err,
                         "no secret; set WALPIPER_JWT_SECRET");
    return check_secret(r, *to, r->config->auth.jwt.algorithm);
}

static int rules_keys(struct rules *r)
{
    struct raw_jwt *from = &r->raw->auth.jwt;

    if (!from->jwks_file || !*from->jwks_file)
        return node_fail(r->tree, node_at(r->tree, "auth.jwt.jwks_file"), r->err,
                         "%s needs public keys; name a file of them (a JWK Set)",
                         config_jwt_algorithm_name(r->config->auth.jwt.algorithm));
    r->config->auth.jwt.jwks_file = rules_take(&from->jwks_file);
    return 0;
}

static char *take_unless_empty(char **text)
{
    return *text && **text ? rules_take(text) : NULL;
}

static int rules_jwt(struct rules *r)
{
    struct raw_jwt *from = &r->raw->auth.jwt;

    r->config->auth.jwt.algorithm = (enum config_jwt_algorithm)from->algorithm;
    if (r->config->auth.mode != CONFIG_AUTH_JWT)
        return 0;
    r->config->auth.jwt.query_token = from->query_token;
    r->config->auth.jwt.audience = take_unless_empty(&from->audience);
    r->config->auth.jwt.issuer = take_unless_empty(&from->issuer);
    return config_jwt_has_secret(r->config->auth.jwt.algorithm) ? rules_secret(r) : rules_keys(r);
}

int rules_auth(struct rules *r)
{
    r->config->auth.mode = (enum config_auth)r->raw->auth.mode;
    r->config->auth.allow_public = r->raw->auth.allow_public;
    int code = rules_cors(r);
    if (code == 0)
        code = rules_gateway(r);
    return code == 0 ? rules_jwt(r) : code;
}
