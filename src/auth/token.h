/* auth/token.h - the signature of a JSON Web Token in compact form (RFC 7515). cjose does the
 * cryptography; what a token may look like is decided here, before it: three parts of base64url,
 * a head without surprises, and the one algorithm that is configured. Pure. */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "auth/jwks.h"
#include "base/buffer.h"

#define TOKEN_BYTES_MAX 8192

struct token_keys {
    enum config_jwt_algorithm algorithm;
    cjose_jwk_t *secret; /* of an HS algorithm, else NULL; owned */
    struct jwks jwks;    /* of the others; owned */
};

/* Takes the secret from CONFIG or reads its file of keys. 0 or a negative errno. */
int token_keys_read(struct token_keys *ret_keys, const struct config *config, struct error *err);
void token_keys_release(struct token_keys *keys); /* safe on a zeroed one */

/* Appends the claims of TOKEN, which is signed with one of KEYS, to OUT. 0, -ENOMEM, or -EACCES:
 * ERR says why not, without a word of the token's. Thread-safe. */
int token_open(struct buffer *out, struct str token, const struct token_keys *keys,
               struct error *err);

/* Appends a token with CLAIMS, JSON. KEYS must have a secret. 0, -ENOMEM or others. */
int token_sign(struct buffer *out, struct str claims, const struct token_keys *keys,
               struct error *err);

#endif
