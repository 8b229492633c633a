/* operator/rebuild.h - computes every id of an operator anew, through the same batches as events
 * do: the ids of the target's orphans, then those of each source, in order, a page at a time,
 * resumable at any id. Live events go on between the batches.
 *
 * It begins only when the transactions that were writing to the sources have ended. Until then some
 * of them may be committed, and before the position that live events start from, and yet invisible
 * to the pages.
 *
 * One that swaps (operator/swap.h) fills a new table with them, so its first step reads the ids of
 * that, of which there are none unless it began again. Behind the last step it waits for the
 * exchange. Embedded in its engine; owns the page. */
#ifndef OPERATOR_REBUILD_H
#define OPERATOR_REBUILD_H

#include "operator/batch.h"
#include "operator/page.h"

struct rebuild {
    int step;    /* -1: none under way */
    char *after; /* owned: the last id of the step that is done; NULL: none */
    char *where; /* owned: which ids; NULL: all */
    bool swap;
    unsigned rate;    /* ids a second; 0: as fast as it goes */
    uint64_t next_ms; /* no batch before */
    bool settled;
    char *writers;    /* owned: the writing transactions to wait for; NULL: not asked yet */
    struct page page; /* ids that were read and are not in a batch yet */
    bool unsorted;    /* which ids of the page are orphans is still to be asked */
};

void rebuild_release(struct rebuild *rebuild);
/* From its beginning, or from where a former process left it. STEP -1: there is none. 0 or -ENOMEM.
 */
int rebuild_restart(struct rebuild *rebuild, int step, const char *after, const char *where);
/* As the state tables have it. 0 or -ENOMEM. */
int rebuild_resume(struct rebuild *rebuild, const struct session_checkpoint *found);
bool rebuild_under_way(const struct rebuild *rebuild);

/* All ids are in the new table. */
bool rebuild_awaits_exchange(const struct rebuild *rebuild, const struct config_operator *op);

/* What it needs next, unless it awaits the exchange. Each that sends: ON_DONE follows. */
enum rebuild_need {
    REBUILD_NOTHING, /* none under way, or it waits: ask again in a while */
    REBUILD_SETTLE,
    REBUILD_PAGE,
    REBUILD_ORPHANS,
    REBUILD_BATCH,
};
enum rebuild_need rebuild_need(const struct rebuild *rebuild, uint64_t now_ms);
/* When it waits for time: how long. Else 0. */
unsigned rebuild_wait_ms(const struct rebuild *rebuild, uint64_t now_ms);

void rebuild_send_settle(struct rebuild *rebuild, uint64_t now_ms, struct session *session,
                         pg_on_result on_result, pg_on_done on_done);
void rebuild_take_settle(struct rebuild *rebuild, const PGresult *result);
/* 0 or -ENOMEM. */
int rebuild_send_page(struct rebuild *rebuild, struct session *session, pg_on_result on_result,
                      pg_on_done on_done);
int rebuild_take_page(struct rebuild *rebuild, const PGresult *result);
/* The target's ids are in one database, the tables of delete_with in another: of the first a page,
 * of the others what they lack of it. 0 or -ENOMEM. */
int rebuild_send_orphans(struct rebuild *rebuild, struct session *session, pg_on_result on_result,
                         pg_on_done on_done);
int rebuild_take_orphans(struct rebuild *rebuild, const PGresult *result);

/* Fills BATCH with the next ids of the page and with where the rebuild stands once they are done.
 * 0 or -ENOMEM. */
int rebuild_fill(struct rebuild *rebuild, const struct config_operator *op, struct op_batch *batch);
/* Fills BATCH, which has no ids, with the end of it. */
void rebuild_give_up(struct rebuild *rebuild, struct op_batch *batch);
/* BATCH was stored. 0 or -ENOMEM. */
int rebuild_stored(struct rebuild *rebuild, const struct op_batch *batch, uint64_t now_ms);

#endif
