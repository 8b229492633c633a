#include "auth/jwks.h"
#include "base/cleanup.h"
#include "config/file.h"
#include <errno.h>
#include <jansson.h>
#include <string.h>

/* What ALGORITHM wants of a key. */
static const char *key_type(enum config_jwt_algorithm algorithm)
{
    return algorithm == CONFIG_ES256 || algorithm == CONFIG_ES384 ? "EC" : "RSA";
}

static const char *curve(enum config_jwt_algorithm algorithm)
{
    return algorithm == CONFIG_ES256 ? "P-256" : "P-384";
}

static const char *text_of(const json_t *key, const char *name)
{
    const char *text = json_string_value(json_object_get(key, name));

    return text ? text : "";
}

/* A member that is not there fits. */
static bool fits_if_said(const json_t *key, const char *name, const char *wanted)
{
    return !json_object_get(key, name) || strcmp(text_of(key, name), wanted) == 0;
}

static bool fits(const json_t *key, enum config_jwt_algorithm algorithm)
{
    const char *type = key_type(algorithm);

    if (strcmp(text_of(key, "kty"), type) != 0 || !fits_if_said(key, "use", "sig") ||
        !fits_if_said(key, "alg", config_jwt_algorithm_name(algorithm)))
        return false;
    return strcmp(type, "RSA") == 0 || strcmp(text_of(key, "crv"), curve(algorithm)) == 0;
}

/* What only its owner may know has no business on this machine. */
static bool is_private(const json_t *key)
{
    return json_object_get(key, "d") || json_object_get(key, "k") ||
           strcmp(text_of(key, "kty"), "oct") == 0;
}

static int add_key(struct jwks *jwks, const json_t *json, size_t index, struct error *err)
{
    const json_t *kid = json_object_get(json, "kid");
    struct jwks_key *key = &jwks->keys[jwks->count];
    cjose_err why = {0};
    char *text = json_dumps(json, JSON_COMPACT);

    key->key = text ? cjose_jwk_import(text, strlen(text), &why) : NULL;
    free(text);
    if (!key->key)
        return error_set(err, -EINVAL, "key %zu is no public key; make the file anew", index);
    jwks->count++;
    if (cjose_jwk_get_kty(key->key, &why) == CJOSE_JWK_KTY_RSA &&
        cjose_jwk_get_keysize(key->key, &why) < JWKS_RSA_BITS_MIN)
        return error_set(err, -EINVAL, "key %zu has less than %d bits; make a longer one", index,
                         JWKS_RSA_BITS_MIN);
    if (!kid)
        return 0;
    if (!json_is_string(kid))
        return error_set(err, -EINVAL, "the kid of key %zu is no string; mend it", index);
    if (jwks->count > 1 && jwks_find(jwks, json_string_value(kid)))
        return error_set(err, -EINVAL, "key %zu has the kid of another one; remove one", index);
    key->kid = str_dup(str_from(json_string_value(kid)));
    return key->kid ? 0 : error_set(err, -ENOMEM, "no memory for its keys");
}

static int add_keys(struct jwks *jwks, const json_t *root, enum config_jwt_algorithm algorithm,
                    struct error *err)
{
    const json_t *keys = json_object_get(root, "keys");
    const json_t *key = NULL;
    size_t i = 0;
    int code = 0;

    if (!json_is_array(keys) || json_array_size(keys) > JWKS_KEYS_MAX)
        return error_set(err, -EINVAL,
                         "no JWK Set; write {\"keys\": [...]}, with at most %d public keys",
                         JWKS_KEYS_MAX);
    jwks->keys = calloc(json_array_size(keys) + 1, sizeof(*jwks->keys));
    if (!jwks->keys)
        return error_set(err, -ENOMEM, "no memory for its keys");
    json_array_foreach(keys, i, key)
    {
        if (is_private(key))
            return error_set(err, -EINVAL,
                             "key %zu is private or a secret; put only public keys there", i);
        if (fits(key, algorithm))
            code = add_key(jwks, key, i, err);
        if (code < 0)
            return code;
    }
    if (jwks->count == 0)
        return error_set(err, -EINVAL, "has no key for %s; add one with kty %s%s%s",
                         config_jwt_algorithm_name(algorithm), key_type(algorithm),
                         *key_type(algorithm) == 'E' ? " and crv " : "",
                         *key_type(algorithm) == 'E' ? curve(algorithm) : "");
    return 0;
}

int jwks_read(struct jwks *ret_jwks, const char *file, enum config_jwt_algorithm algorithm,
              struct error *err)
{
    struct jwks jwks = {NULL, 0};
    cleanup_free char *text = NULL;
    size_t len = 0;

    int code = file_read(&text, &len, file, JWKS_BYTES_MAX, err);
    if (code < 0)
        return code;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    code = add_keys(&jwks, root, algorithm, err);
    json_decref(root);
    if (code < 0) {
        jwks_release(&jwks);
        return error_prefix(err, "%s", file);
    }
    *ret_jwks = jwks;
    return 0;
}

void jwks_release(struct jwks *jwks)
{
    for (size_t i = 0; i < jwks->count; i++) {
        free(jwks->keys[i].kid);
        cjose_jwk_release(jwks->keys[i].key);
    }
    free(jwks->keys);
    *jwks = (struct jwks){NULL, 0};
}

const cjose_jwk_t *jwks_find(const struct jwks *jwks, const char *kid)
{
    if (!kid)
        return jwks->count == 1 ? jwks->keys[0].key : NULL;
    for (size_t i = 0; i < jwks->count; i++)
        if (jwks->keys[i].kid && strcmp(jwks->keys[i].kid, kid) == 0)
            return jwks->keys[i].key;
    return NULL;
}
