/* auth/claims.h - what a token says about its bearer (RFC 7519). Pure: the time is given.
 *
 * Read: exp (needed), nbf, aud, iss, sub, and our own topics, consumer, publish. */
#ifndef AUTH_CLAIMS_H
#define AUTH_CLAIMS_H

#include "base/error.h"
#include "base/str.h"
#include <jansson.h>

/* Clocks differ: a token is taken so many seconds before its nbf. */
#define CLAIMS_NBF_LEEWAY_S 30
#define CLAIMS_GRANTS_MAX 1000

struct claims {
    json_t *root;         /* owned */
    int64_t expires;      /* seconds since 1970 UTC: from then on it is worth nothing */
    const char *consumer; /* whose feed of /events; NULL: nobody's. Lies in ROOT */
    bool publish;
};

/* What the claims are held against. */
struct claims_expected {
    int64_t now;          /* seconds since 1970 UTC */
    const char *audience; /* NULL: any */
    const char *issuer;   /* NULL: any */
};

/* Parses JSON. 0, or -EACCES: ERR says why the claims are not good, without a word of theirs. */
int claims_parse(struct claims *ret_claims, struct str json, const struct claims_expected *expected,
                 struct error *err);
void claims_release(struct claims *claims); /* safe on a zeroed one */

/* Whether a grant of its topics allows the topic; SEGMENTS as of grant_allows(). */
bool claims_allow(const struct claims *claims, const struct str *segments, size_t count);

#endif
