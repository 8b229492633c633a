/* base/snapshot.h - which transactions a snapshot of the server sees, from the text of
 * pg_current_snapshot(). Pure. Owns its list. */
#ifndef BASE_SNAPSHOT_H
#define BASE_SNAPSHOT_H

#include "base/str.h"
#include <stdint.h>

/* More than a server can have at a time. */
#define SNAPSHOT_RUNNING_MAX ((size_t)1 << 20)

struct snapshot {
    uint64_t xmin;     /* all before it have ended */
    uint64_t xmax;     /* none from here on has ended */
    uint64_t *running; /* the others that have not, in order */
    size_t running_count;
};

/* TEXT is "xmin:xmax:xid,xid,...", each with its epoch. 0; -EINVAL for anything that the server
 * would not send; -ENOMEM. */
int snapshot_parse(struct snapshot *ret_snapshot, struct str text);
void snapshot_release(struct snapshot *snapshot); /* fine on one that is zero */

/* For XID, which has ended or is about to. Of the numbers that end in these 32 bits the one nearest
 * to xmax is meant: at most 2^30 ahead of it, else behind. */
bool snapshot_sees(const struct snapshot *snapshot, uint32_t xid);

#endif
