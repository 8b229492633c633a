/* api/context.h - what the resources need from the rest of the process. Shared by all serving
 * loops: everything behind it is read-only or thread-safe. All borrowed, and must outlive every
 * api. */
#ifndef API_CONTEXT_H
#define API_CONTEXT_H

#include "api/awaiting.h"
#include "auth/auth.h"
#include "base/commits.h"
#include "base/health.h"
#include "base/marked.h"
#include "config/config.h"
#include "journal/journal.h"
#include "pg/conn.h"

struct places;
struct rate;

struct api_context {
    const struct config *config;
    struct journal *journal;
    struct health *health;
    struct marked *marked;
    struct commits *commits;
    struct auth *auth;          /* in mode jwt, else NULL */
    struct places *consumers;   /* whose streams and pulls are counted; NULL: no limit */
    struct rate *publish_rate;  /* NULL: no limit */
    const struct pg_params *pg; /* for ordinary statements */
    const struct awaiting_context *awaiting;
    /* Asks the capture loop to have the server say how far it is, so that an idle journal's durable
     * position advances. From any thread; with POKE_OWNER. */
    void (*poke)(void *poke_owner);
    void *poke_owner;
};

#endif
