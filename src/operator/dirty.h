/* operator/dirty.h - the ids that a batch has to bring up to date, each once however often events
 * touched it, in the order of the first touch, and the transactions that touched them. For a call
 * the events themselves: their ids are different, and each has the event's JSON with it.
 * Pure. Owns the texts of the ids. Bounded: ask dirty_full() before adding. */
#ifndef OPERATOR_DIRTY_H
#define OPERATOR_DIRTY_H

#include "base/str.h"
#include "operator/lane.h"
#include <stdbool.h>
#include <stdint.h>

/* Transactions: so many more than ids, as hot ids are touched by many. */
#define DIRTY_XIDS_AN_ID 8
#define DIRTY_XIDS_MIN 1000
#define DIRTY_BYTES_MAX (1 << 20)

struct dirty_id;

struct dirty {
    struct dirty_id *ids; /* in order; next: dirty_next() */
    size_t count, ids_max;
    size_t bytes;
    uint32_t *xids;
    size_t xid_count, xids_max;
    uint32_t xid;            /* of the event whose ids are touched; 0: none */
    const struct lane *lane; /* borrowed: whose ids are taken; NULL: all */
};

enum dirty_wish {
    DIRTY_REFRESH, /* run the query; an earlier wish to delete stays, the delete runs first */
    DIRTY_DELETE,  /* delete the target row; what was to be queried before need not be any more */
};

void dirty_init(struct dirty *dirty, size_t ids_max);
void dirty_release(struct dirty *dirty);
void dirty_clear(struct dirty *dirty);

/* The next touches are of this transaction. */
static inline void dirty_set_xid(struct dirty *dirty, uint32_t xid)
{
    dirty->xid = xid;
}
/* 0 or -ENOMEM. ID is copied; one of another lane is ignored. */
int dirty_touch(struct dirty *dirty, struct str id, enum dirty_wish wish);
/* An event for a call; both are copied. 0 or -ENOMEM. */
int dirty_add_event(struct dirty *dirty, struct str id, struct str json);
/* Commits come one after the other, so XID is new when it is not the last one. 0 or -ENOMEM. */
int dirty_add_xid(struct dirty *dirty, uint32_t xid);
/* True when no further event should be added. Some room is left above: one event has two ids. */
static inline bool dirty_full(const struct dirty *dirty)
{
    return dirty->count >= dirty->ids_max || dirty->xid_count >= dirty->xids_max ||
           dirty->bytes >= DIRTY_BYTES_MAX;
}

struct dirty_id *dirty_first(const struct dirty *dirty);
struct dirty_id *dirty_next(const struct dirty_id *id);
struct dirty_id *dirty_find(const struct dirty *dirty, struct str id);

const char *dirty_text(const struct dirty_id *id); /* ends in NUL */
const char *dirty_json(const struct dirty_id *id); /* of an event, else NULL */
bool dirty_wants_delete(const struct dirty_id *id);
bool dirty_wants_query(const struct dirty_id *id);

/* How often its statements have failed: before this batch, and now with it. */
void dirty_set_failures(struct dirty_id *id, unsigned failures);
unsigned dirty_failures(const struct dirty_id *id);

/* The statements of an id have failed once more; kept with it until the batch is stored.
 * 0 or -ENOMEM. */
int dirty_set_failure(struct dirty_id *id, const char *text, const char *sqlstate);
const char *dirty_failure_text(const struct dirty_id *id); /* NULL: has not failed */
const char *dirty_failure_sqlstate(const struct dirty_id *id);

#endif
