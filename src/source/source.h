/* source/source.h - where the journal's events come from. One ops table a kind of source: today the
 * replication slot. A source runs on the capture loop, fills the journal, reconnects by itself, and
 * reports through health ("capture") and the log. */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include "base/commits.h"
#include "base/health.h"
#include "base/marked.h"
#include "base/progress.h"
#include "base/wal_clock.h"
#include "config/config.h"
#include "journal/journal.h"
#include "loop/loop.h"
#include "pg/conn.h"
#include "source/counters.h"

struct source;

struct source_context { /* all borrowed, must outlive the source */
    struct loop *loop;
    const struct config *config;
    const struct pg_params *params;
    struct journal *journal;
    struct health *health;
    struct marked *marked; /* replaced when a stream starts */
    struct commits *commits;
    struct source_counters *counters; /* kept up to date; NULL: nobody wants to know */
    struct wal_clock *wal_clock;      /* is looked at every few seconds; */
    struct progress *progress;        /* then told; NULL, as the clock: as above */
    /* The first attempt was refused for a reason that a human must mend: the service cannot start.
     */
    void (*on_refused)(void *owner, const struct error *why);
    /* Once: the journal has an epoch and goes on with it, or can only be read because the slot is
     * gone. A new epoch may still begin at any time. */
    void (*on_started)(void *owner);
    /* After stop(): all is confirmed that can be, the connection is closed. */
    void (*on_stopped)(void *owner);
    void *owner;
};

struct source_ops {
    const char *name;
    int (*start)(struct source **ret_source, const struct source_context *context,
                 struct error *err);
    /* Asks the server how far it is, so that an idle journal's durable LSN moves soon. */
    void (*poke)(struct source *source);
    /* Looks at the server's clock and WAL now, for the wal_clock. */
    void (*look)(struct source *source);
    /* Takes no more, waits for the journal, confirms, closes; then on_stopped. */
    void (*stop)(struct source *source);
    void (*free)(struct source *source);
};

extern const struct source_ops slot_source;

#endif
