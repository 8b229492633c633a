#include "auth/token.h"
#include <cjose/base64.h>
#include <cjose/jws.h>
#include <cjose/util.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

static int refuse(struct error *err, const char *why)
{
    return error_set(err, -EACCES, "%s", why);
}

/* --- keys
 * ------------------------------------------------------------------------------------------- */

int token_keys_read(struct token_keys *ret_keys, const struct config *config, struct error *err)
{
    struct token_keys keys = {.algorithm = config->auth.jwt.algorithm};
    const char *secret = config->auth.jwt.secret;
    cjose_err why = {0};
    int code = 0;

    if (config_jwt_has_secret(keys.algorithm)) {
        keys.secret = cjose_jwk_create_oct_spec((const uint8_t *)secret, strlen(secret), &why);
        if (!keys.secret)
            code = error_set(err, -ENOMEM, "auth.jwt.secret: no memory for it");
    } else {
        code = jwks_read(&keys.jwks, config->auth.jwt.jwks_file, keys.algorithm, err);
    }
    if (code == 0)
        *ret_keys = keys;
    return code;
}

void token_keys_release(struct token_keys *keys)
{
    cjose_jwk_release(keys->secret);
    jwks_release(&keys->jwks);
    *keys = (struct token_keys){0};
}

/* --- a token that came
 * ------------------------------------------------------------------------------ */

static bool is_base64url(struct str part)
{
    for (size_t i = 0; i < part.len; i++) {
        char c = part.data[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_';
        if (!good)
            return false;
    }
    return part.len > 0 && part.len % 4 != 1;
}

/* Three parts, none of them empty: a token that is not signed ends here. */
static bool has_form(struct str token, struct str *ret_head)
{
    struct str rest = token;
    int parts = 0;

    if (token.len > TOKEN_BYTES_MAX)
        return false;
    *ret_head = str_cut(&rest, '.');
    rest = token;
    for (; rest.data; parts++)
        if (!is_base64url(str_cut(&rest, '.')))
            return false;
    return parts == 3;
}

static json_t *parse_head(struct str head)
{
    uint8_t *text = NULL;
    size_t len = 0;
    cjose_err why = {0};

    if (!cjose_base64url_decode(head.data, head.len, &text, &len, &why))
        return NULL;
    json_t *json = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, NULL);
    cjose_get_dealloc()(text);
    return json;
}

/* What the head asks for beyond alg and kid is not done here: `crit` must then refuse. Keys that
 * a token brings along (jwk, jku, x5c) are never looked at. */
static int find_key(const cjose_jwk_t **ret_key, const json_t *head, const struct token_keys *keys,
                    struct error *err)
{
    const char *algorithm = json_string_value(json_object_get(head, "alg"));
    const json_t *kid = json_object_get(head, "kid");

    if (!json_is_object(head))
        return refuse(err, "its head is no JSON object, or has a name twice");
    if (!algorithm || strcmp(algorithm, config_jwt_algorithm_name(keys->algorithm)) != 0)
        return refuse(err, "its alg is not auth.jwt.algorithm");
    if (json_object_get(head, "crit") || json_object_get(head, "b64"))
        return refuse(err, "its head has crit or b64");
    if (kid && !json_is_string(kid))
        return refuse(err, "its kid is no string");
    *ret_key = keys->secret ? keys->secret : jwks_find(&keys->jwks, json_string_value(kid));
    return *ret_key ? 0 : refuse(err, "no key has its kid, or it has none to choose one by");
}

static int verify(struct buffer *out, struct str token, const cjose_jwk_t *key, struct error *err)
{
    cjose_err why = {0};
    uint8_t *text = NULL;
    size_t len = 0;
    int code = 0;
    cjose_jws_t *jws = cjose_jws_import(token.data, token.len, &why);

    if (!jws || !cjose_jws_verify(jws, key, &why) ||
        !cjose_jws_get_plaintext(jws, &text, &len, &why))
        code = why.code == CJOSE_ERR_NO_MEMORY ? error_set(err, -ENOMEM, "no memory to check it")
                                               : refuse(err, "its signature is wrong");
    else
        code = buffer_append(out, text, len);
    cjose_jws_release(jws);
    return code;
}

int token_open(struct buffer *out, struct str token, const struct token_keys *keys,
               struct error *err)
{
    const cjose_jwk_t *key = NULL;
    struct str part;

    if (!has_form(token, &part))
        return refuse(err, "it is no token, or too long");
    json_t *head = parse_head(part);
    int code = find_key(&key, head, keys, err);
    json_decref(head);
    return code == 0 ? verify(out, token, key, err) : code;
}

/* --- one of our own
 * --------------------------------------------------------------------------------- */

int token_sign(struct buffer *out, struct str claims, const struct token_keys *keys,
               struct error *err)
{
    const char *algorithm = config_jwt_algorithm_name(keys->algorithm);
    cjose_err why = {0};
    const char *text = NULL;
    cjose_jws_t *jws = NULL;
    int code = 0;
    cjose_header_t *head = cjose_header_new(&why);

    if (head && cjose_header_set(head, CJOSE_HDR_ALG, algorithm, &why) &&
        cjose_header_set(head, "typ", "JWT", &why))
        jws = cjose_jws_sign(keys->secret, head, (const uint8_t *)claims.data, claims.len, &why);
    if (!jws || !cjose_jws_export(jws, &text, &why))
        code = error_set(err, -EIO, "the token cannot be signed: %s", why.message);
    else
        code = buffer_append_str(out, str_from(text));
    cjose_jws_release(jws);
    cjose_header_release(head);
    return code;
}
