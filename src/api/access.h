/* api/access.h - the doors: who a request comes from, and what it may have. By auth.mode:
 * - none: everybody may have everything; X-Consumer-Id says who it is.
 * - gateway: the same for those who come through a trusted peer, the others get nothing.
 * - jwt: a token says it (auth/claims.h).
 * What is refused is answered with 401 or 403, in the same words whether there is such a topic or
 * not; why a token is not good is said in the log, at level debug. */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include "api/context.h"
#include "auth/claims.h"
#include "http/server.h"

/* Of one request. Zero: nothing is known of it. */
struct access {
    const struct api_context *context;
    struct http_exchange *exchange;
    const struct http_request *http;
    struct claims claims; /* in mode jwt */
};

/* Before anything is looked up. False: it was answered. */
bool access_admit(struct access *ret_access, const struct api_context *context,
                  struct http_exchange *exchange);
void access_release(struct access *access); /* safe on a zeroed one */

/* Whether the topic of SEGMENTS (percent-decoded) is granted; to be asked before it is looked up.
 * False: it was answered. */
bool access_topic(const struct access *access, const struct str *segments, size_t count);
/* Whose feed of the events table it may have; borrows. False: it was answered. */
bool access_consumer(const struct access *access, struct str *ret_consumer);
/* Whether it may write. False: it was answered. */
bool access_publish(const struct access *access);
/* Who it comes from, for what is counted by consumer: as the token or the gateway says; borrows.
 * Empty: nobody vouches for a name. */
struct str access_identity(const struct access *access);

/* When what it was given ends, in seconds since 1970 UTC; 0: never. */
int64_t access_expires(const struct access *access);
/* Whether PARAMETER of a query carries the token. */
bool access_names_the_token(const struct access *access, struct str parameter);

#endif
