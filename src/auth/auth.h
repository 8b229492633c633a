/* auth/auth.h - checks tokens, with keys that can be read anew while it does. Thread-safe: one for
 * all serving loops. Owns the keys; borrows the configuration. */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/claims.h"
#include "config/config.h"

struct auth;

/* CONFIG is in mode jwt. 0 or a negative errno; ERR names the key of the configuration or file. */
int auth_new(struct auth **ret_auth, const struct config *config, struct error *err);
void auth_free(struct auth *auth); /* NULL is fine */

/* Reads the file of keys anew. On failure those that are there stay. */
int auth_reload(struct auth *auth, struct error *err);

/* TOKEN as it came; NOW in seconds since 1970 UTC. 0, -ENOMEM, or -EACCES: ERR says why, for the
 * log and not for who sent it. */
int auth_check(struct auth *auth, struct claims *ret_claims, struct str token, int64_t now,
               struct error *err);

#endif
