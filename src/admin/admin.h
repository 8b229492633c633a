/* admin/admin.h - the admin listener: how the service is, for Prometheus, for people and for
 * programs. A resource is one file and one row in the table of admin.c.
 *
 * It has a thread of its own, with a loop and an HTTP server: a scrape delays neither the capture
 * nor a subscriber, and is answered while they are stuck. What it tells of other threads is in
 * their counters (base/counter.h), or behind locks that are held for the copy of a few words. It
 * asks nobody who they are; the configuration sees to it that few can reach it. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "api/awaiting.h"
#include "api/counters.h"
#include "base/error.h"
#include "base/health.h"
#include "config/config.h"
#include "journal/journal.h"
#include "operator/counters.h"
#include "pg/conn.h"
#include "source/counters.h"

struct admin;

/* All borrowed; must outlive the admin. */
struct admin_context {
    const struct config *config;
    struct journal *journal;
    struct health *health;
    const struct source_counters *source;
    const struct operator_counters *operators; /* as many as config->operators, in their order */
    struct wal_clock *wal_clock;
    const struct awaiting_context *awaiting;
    const struct pg_params *params;         /* of the sources' database, */
    const struct pg_params *targets;        /* of each operator's */
    const struct serving_counters *serving; /* of each serving loop */
    size_t serving_count;
};

/* Binds in the caller's thread, so that a busy address is an error here. 0 or a negative errno. */
int admin_start(struct admin **ret_admin, const struct admin_context *context, struct error *err);
/* Ends it at once, and waits for its thread. NULL is fine. */
void admin_stop(struct admin *admin);

#endif
