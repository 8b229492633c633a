/* auth/jwks.h - public keys from a JWK Set (RFC 7517). Owns the keys. */
#ifndef AUTH_JWKS_H
#define AUTH_JWKS_H

#include "base/str.h"
#include "config/config.h"
#include <cjose/jwk.h>

#define JWKS_BYTES_MAX 262144
#define JWKS_KEYS_MAX 64
#define JWKS_RSA_BITS_MIN 2048

struct jwks_key {
    char *kid; /* NULL: it has none */
    cjose_jwk_t *key;
};

struct jwks {
    struct jwks_key *keys;
    size_t count; /* at least 1 */
};

/* Reads the keys of FILE that fit ALGORITHM; others are passed over. 0, or a negative errno: the
 * file cannot be read, is no JWK Set, has a private key or a secret, two keys with one kid, or none
 * that fits. ERR names the file. */
int jwks_read(struct jwks *ret_jwks, const char *file, enum config_jwt_algorithm algorithm,
              struct error *err);
void jwks_release(struct jwks *jwks); /* safe on a zeroed one */

/* The key named KID; with KID NULL the only one there is. NULL: there is none. Borrowed. */
const cjose_jwk_t *jwks_find(const struct jwks *jwks, const char *kid);

#endif
