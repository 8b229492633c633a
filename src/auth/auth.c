#include "auth/auth.h"
#include "auth/token.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct auth {
    const struct config *config;
    pthread_rwlock_t lock; /* of the keys */
    struct token_keys keys;
};

int auth_new(struct auth **ret_auth, const struct config *config, struct error *err)
{
    struct auth *auth = calloc(1, sizeof(*auth));

    if (!auth)
        return error_set(err, -ENOMEM, "no memory for auth");
    auth->config = config;
    int code = token_keys_read(&auth->keys, config, err);
    if (code < 0) {
        free(auth);
        return error_prefix(err, "auth.jwt");
    }
    pthread_rwlock_init(&auth->lock, NULL);
    *ret_auth = auth;
    return 0;
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    pthread_rwlock_destroy(&auth->lock);
    token_keys_release(&auth->keys);
    free(auth);
}

int auth_reload(struct auth *auth, struct error *err)
{
    struct token_keys keys = {0};

    int code = token_keys_read(&keys, auth->config, err);
    if (code < 0)
        return code;
    pthread_rwlock_wrlock(&auth->lock);
    struct token_keys old = auth->keys;
    auth->keys = keys;
    pthread_rwlock_unlock(&auth->lock);
    token_keys_release(&old);
    return 0;
}

int auth_check(struct auth *auth, struct claims *ret_claims, struct str token, int64_t now,
               struct error *err)
{
    const struct claims_expected expected = {
        .now = now,
        .audience = auth->config->auth.jwt.audience,
        .issuer = auth->config->auth.jwt.issuer,
    };
    struct buffer json;

    buffer_init(&json, TOKEN_BYTES_MAX);
    pthread_rwlock_rdlock(&auth->lock);
    int code = token_open(&json, token, &auth->keys, err);
    pthread_rwlock_unlock(&auth->lock);
    if (code == 0)
        code = claims_parse(ret_claims, buffer_str(&json), &expected, err);
    buffer_release(&json);
    return code;
}
