#include "cli/token.h"
#include "auth/token.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "config/quantity.h"
#include <jansson.h>
#include <stdio.h>

#define TTL_DEFAULT_S 3600
#define TTL_MAX_S 31536000

const char cli_token_help[] =
    "Prints a token for development, signed with auth.jwt.secret (HS256, HS384 or HS512).\n"
    "\n"
    "      --topics LIST        what it grants: 'comments,posts/123/*'; '*' is everything\n"
    "      --consumer NAME      whose feed of /events it opens\n"
    "      --publish            it may write\n"
    "      --ttl SECONDS        how long it is good (default: 3600, at most a year)\n";

static enum cli_exit check_config(const struct config *config)
{
    if (config->auth.mode != CONFIG_AUTH_JWT)
        return cli_fail(CLI_FAILED,
                        "%s: auth.mode is not jwt, nobody would look at a token; set it, and "
                        "WALPIPER_JWT_SECRET",
                        config->file);
    if (!config_jwt_has_secret(config->auth.jwt.algorithm))
        return cli_fail(CLI_FAILED,
                        "%s: %s is signed with a private key, which is not here; have its owner "
                        "sign, or choose HS256 for development",
                        config->file, config_jwt_algorithm_name(config->auth.jwt.algorithm));
    return CLI_DONE;
}

/* NULL when the memory is out, or a text is not UTF-8. */
static char *make_claims(const struct cli_options *options, const struct config *config,
                         uint64_t ttl)
{
    json_int_t now = clock_wall_us() / 1000000;
    char *text = NULL;
    /* s*: left out when it is NULL. */
    json_t *claims =
        json_pack("{s:s*, s:s*, s:s*, s:s*, s:I, s:I}", "topics", options->topics, "consumer",
                  options->consumer, "aud", config->auth.jwt.audience, "iss",
                  config->auth.jwt.issuer, "iat", now, "exp", now + (json_int_t)ttl);

    if (claims && (!options->publish || json_object_set_new(claims, "publish", json_true()) == 0))
        text = json_dumps(claims, JSON_COMPACT);
    json_decref(claims);
    return text;
}

static int sign(struct buffer *out, const char *claims, const struct config *config,
                struct error *err)
{
    struct token_keys keys = {0};

    int code = token_keys_read(&keys, config, err);
    if (code == 0)
        code = token_sign(out, str_from(claims), &keys, err);
    token_keys_release(&keys);
    return code;
}

static enum cli_exit print(const struct cli_options *options, const struct config *config,
                           uint64_t ttl)
{
    cleanup_free char *claims = make_claims(options, config, ttl);
    struct error err = {0};
    struct buffer token;

    if (!claims)
        return cli_fail(CLI_FAILED, "token: --topics or --consumer is not UTF-8; mend it");
    buffer_init(&token, TOKEN_BYTES_MAX);
    int code = sign(&token, claims, config, &err);
    if (code == 0)
        printf("%.*s\n", STR_ARG(buffer_str(&token)));
    buffer_release(&token);
    if (code == 0)
        return CLI_DONE;
    return cli_fail(CLI_FAILED, "token: %s",
                    *err.text ? err.text : "longer than is taken; name fewer topics");
}

enum cli_exit cli_token(const struct cli_options *options)
{
    struct config config = {0};
    struct error err = {0};
    uint64_t ttl = TTL_DEFAULT_S;

    if (!options->topics && !options->consumer && !options->publish)
        return cli_fail(CLI_MISUSED, "token: it would grant nothing; say --topics, --consumer or "
                                     "--publish");
    if (options->ttl && quantity_number(str_from(options->ttl), 1, TTL_MAX_S, &ttl) < 0)
        return cli_fail(CLI_MISUSED, "token: --ttl %s: write seconds, from 1 to %d", options->ttl,
                        TTL_MAX_S);
    if (config_load(&config, options->config_file, &err) < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    enum cli_exit code = check_config(&config);
    if (code == CLI_DONE)
        code = print(options, &config, ttl);
    config_release(&config);
    return code;
}
