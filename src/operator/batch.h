/* operator/batch.h - what one transaction of an operator does: ids to bring up to date, and how far
 * that brings the checkpoint. Builds and sends the statements; the engine decides what to run and
 * what follows. Owns its ids; borrows the session while a call lasts.
 *
 * All in one: head (fence and checkpoint), visibility guard (or seen.h before), deletes, queries,
 * sync. When that fails for its data, ever fewer of the ids are run, fenced but without the
 * checkpoint, until one is found that fails; then the rest with the checkpoint again, and in the
 * same transaction what failed is set aside. So the checkpoint moves in the transaction that
 * completes the batch, and an interrupted batch is simply run again. */
#ifndef OPERATOR_BATCH_H
#define OPERATOR_BATCH_H

#include "base/position.h"
#include "operator/bisect.h"
#include "operator/dirty.h"
#include "operator/keys.h"
#include "operator/parked.h"
#include "operator/session.h"

/* A call must have its effect once only, so what it does never goes without the checkpoint: each
 * part of its batch moves it to the last event of that part, and sets aside what failed before. */
enum op_batch_kind {
    BATCH_LIVE,    /* ids that events touched; moves the position */
    BATCH_REBUILD, /* ids read from tables; moves the rebuild */
    BATCH_PARKED,  /* ids that were set aside; moves nothing */
    BATCH_KEYS,    /* ids that keys stand for, before their live batch; moves nothing */
};

struct op_batch {
    enum op_batch_kind kind;
    struct dirty dirty;
    struct keys keys;         /* live: what stands for further ids */
    char epoch[9];            /* live: of the position */
    struct position position; /* live: of the last event that is covered */
    bool seen;                /* live: seen.h has been told that others see all its transactions */
    bool rebuild;             /* live: any id may be touched, every one is computed anew */
    int step;                 /* rebuild: where it stands after this batch; -1: complete */
    char *after;              /* rebuild: owned, the last id of the step; NULL: at its beginning */
    struct dirty_id **work;   /* owned: the ids to run, those that are not parked; of dirty */
    size_t work_count;
    struct bisect bisect; /* of work */
    size_t stored;        /* of work: what is before has its effect and its checkpoint */
    struct error failure; /* of the last try that failed for its data */
};

void op_batch_init(struct op_batch *batch, enum op_batch_kind kind, size_t ids_max);
void op_batch_release(struct op_batch *batch);
void op_batch_clear(
    struct op_batch *batch); /* the ids and all that leads to them, not the position */

/* No further event should be added. */
bool op_batch_full(const struct op_batch *batch);
/* Nothing was touched. */
bool op_batch_is_empty(const struct op_batch *batch);

/* Says which ids are to be run; those in PARKED are only touched: they are due again. 0 or -ENOMEM.
 */
int op_batch_arrange(struct op_batch *batch, const struct parked *parked);

/* All that is left, the checkpoint, and the fate of what failed (operator/parked.h). */
void op_batch_send_rest(const struct op_batch *batch, const struct parked *parked,
                        const struct config *config, struct session *session, pg_on_done on_done);
/* A part of it. */
void op_batch_send_part(const struct op_batch *batch, const struct config *config,
                        struct session *session, pg_on_done on_done);
/* It was committed. */
void op_batch_part_done(struct op_batch *batch, const struct config_operator *op);

/* Fails with FAILURE_UNSEEN until the transactions of its events are visible. Nothing when the
 * sources are in another database: they are asked before. */
void op_batch_send_guard(const struct op_batch *batch, struct session *session);
/* The question; an answer that has a row means that one is not. The caller syncs. */
void op_batch_ask_unseen(const struct op_batch *batch, struct session *session,
                         pg_on_result on_result);

/* Sends the checkpoint, and but for a call the start of a rebuild, at POSITION, in a transaction of
 * its own. */
void op_batch_send_begin(const char *epoch, struct position position, struct session *session,
                         pg_on_done on_done);

#endif
