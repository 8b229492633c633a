/* web/client.h - what we send to other services over HTTP and HTTPS: libcurl on the loop, so that
 * nothing here blocks. No redirect is followed, and of an answer only the status counts. Proxies
 * are those of the environment (https_proxy, no_proxy). Owns requests and connections. Must not
 * include other rooms than base and loop. It logs nothing, and its errors name a host at most: what
 * else is in a URL may be secret. */
#ifndef WEB_CLIENT_H
#define WEB_CLIENT_H

#include "base/error.h"
#include "base/str.h"
#include "loop/loop.h"

struct web_client;
struct web_request;

struct web_post {
    const char *url;
    const char *content_type;
    struct str body;
    unsigned connect_timeout_ms, timeout_ms; /* the latter for all of it */
    /* STATUS is what was answered, WHY then NULL; or 0, and WHY tells why there was no answer. It
     * may send again from here, and must not free the client. */
    void (*on_done)(void *owner, unsigned status, const struct error *why);
    void *owner;
};

/* 0 or -ENOMEM. */
int web_client_new(struct web_client **ret_client, struct loop *loop);
/* Drops what is under way: no on_done follows. NULL is fine. */
void web_client_free(struct web_client *client);

/* Begins to send POST, of which it copies all it needs. 0: on_done follows, not before this
 * returns; the request is gone when it is called. Else a negative errno, and it does not. */
int web_post(struct web_request **ret_request, struct web_client *client,
             const struct web_post *post, struct error *err);
/* Drops it: on_done does not follow. */
void web_cancel(struct web_request *request);

/* The receiver had it. */
static inline bool web_succeeded(unsigned status)
{
    return status >= 200 && status < 300;
}

/* The same may well succeed a little later: the other statuses are about what was sent. */
static inline bool web_may_succeed_later(unsigned status)
{
    return status == 0 || status == 429 || status >= 500;
}

#endif
