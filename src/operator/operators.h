/* operator/operators.h - all configured operators at work: each follows the journal with a
 * connection of its own and keeps one read model up to date. Runs on the capture loop; nothing here
 * blocks.
 *
 * An operator claims its checkpoint when it starts and thereby ends any other process that has it.
 * So start them only in the process that captures, once it holds the slot, or has lost it for good
 * and has only its journal left to apply. One that is held up meanwhile until another process reads
 * the slot waits until that has ended. */
#ifndef OPERATOR_OPERATORS_H
#define OPERATOR_OPERATORS_H

#include "base/error.h"
#include "base/health.h"
#include "base/progress.h"
#include "config/config.h"
#include "journal/journal.h"
#include "loop/loop.h"
#include "operator/counters.h"
#include "pg/conn.h"

struct operators;

/* All borrowed; must outlive the operators. */
struct operators_context {
    const struct config *config; /* operators, retry */
    struct journal *journal;
    struct health *health;          /* parts "operator NAME" */
    const struct pg_params *params; /* of the sources */
    /* One an operator; read of those that have a database of their own. */
    const struct pg_params *targets;
    struct operator_counters *counters; /* one an operator; NULL: nobody wants to know */
    struct progress *progress;          /* told when one is settled further; NULL: as above */
    /* The process of the server that reads the slot for us, 0: not known; NULL: there is none. */
    const _Atomic uint64_t *reader;
};

/* Ends all that operators hold in JOURNAL which the configuration does not have. 0 or -ENOMEM. */
int operators_keep_holds(const struct config *config, struct journal *journal);

/* 0 also without any operator; -EINVAL for definitions that cannot work. The server is asked later:
 * an operator that it refuses pauses, tells health, and looks again from time to time. */
int operators_start(struct operators **ret_operators, struct loop *loop,
                    const struct operators_context *context, struct error *err);

/* Begins nothing new, finishes the transactions that are under way, closes. ON_STOPPED follows
 * once, not before this returns. It may take as long as the server does: who cannot wait calls
 * operators_free. */
void operators_stop(struct operators *operators, void (*on_stopped)(void *owner), void *owner);

/* Frees all, at once, in any state; not from a callback of the operators but on_stopped. NULL is
 * fine. */
void operators_free(struct operators *operators);

#endif
