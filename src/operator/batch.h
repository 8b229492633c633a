/* operator/batch.h - what one transaction of an operator does: ids to bring up to date, and how far
 * that brings the checkpoint. Builds and sends the statements; the engine decides what to run and
 * what follows. Owns its ids; borrows the session while a call lasts.
 *
 * Whole: head (fence and checkpoint), visibility guard, deletes, queries, sync. When that keeps
 * failing, each id runs alone, fenced but without the checkpoint, and then the outcome: the head,
 * and what failed is parked. Either way the checkpoint moves in the transaction that completes the
 * batch, and an interrupted batch is simply run again. */
#ifndef OPERATOR_BATCH_H
#define OPERATOR_BATCH_H

#include "base/position.h"
#include "operator/dirty.h"
#include "operator/parked.h"
#include "operator/session.h"

enum op_batch_kind {
    BATCH_LIVE,    /* ids that events touched; moves the position */
    BATCH_REBUILD, /* ids read from tables; moves the rebuild */
    BATCH_PARKED,  /* ids that were set aside; moves nothing */
};

enum op_batch_phase { BATCH_WHOLE, BATCH_SINGLES, BATCH_OUTCOME };

struct op_batch {
    enum op_batch_kind kind;
    enum op_batch_phase phase;
    struct dirty dirty;
    char epoch[9];            /* live: of the position */
    struct position position; /* live: of the last event that is covered */
    bool rebuild;             /* live: any id may be touched, every one is computed anew */
    int step;                 /* rebuild: where it stands after this batch; -1: complete */
    char *after;              /* rebuild: owned, the last id of the step; NULL: at its beginning */
    struct dirty_id **work;   /* owned: the ids to run, those that are not parked; of dirty */
    size_t work_count;
    struct dirty_id *single; /* in BATCH_SINGLES: the id whose turn it is; NULL: all had theirs */
};

void op_batch_init(struct op_batch *batch, enum op_batch_kind kind);
void op_batch_release(struct op_batch *batch);
void op_batch_clear(
    struct op_batch *batch); /* the ids and all that leads to them, not the position */

/* Says which ids are to be run; those in PARKED are only touched: they are due again. 0 or -ENOMEM.
 */
int op_batch_arrange(struct op_batch *batch, const struct parked *parked);

void op_batch_send_whole(const struct op_batch *batch, const struct parked *parked,
                         struct session *session, pg_on_done on_done);
/* Runs batch->single; of a parked batch, it is taken from the parked ones in the same transaction.
 */
void op_batch_send_single(const struct op_batch *batch, struct session *session,
                          pg_on_done on_done);
/* PARK: ids with a failure are parked, to be tried again after DELAY_MS; else they are dropped. */
void op_batch_send_outcome(const struct op_batch *batch, const struct parked *parked, bool park,
                           unsigned delay_ms, struct session *session, pg_on_done on_done);
/* The first id at or after ID (NULL: the end) that is to be run alone. */
struct dirty_id *op_batch_next_single(const struct op_batch *batch, const struct parked *parked,
                                      struct dirty_id *id);

/* Sends the start of a rebuild at POSITION, in a transaction of its own. */
void op_batch_send_rebuild_begin(const char *epoch, struct position position,
                                 struct session *session, pg_on_done on_done);

#endif
