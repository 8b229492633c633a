/* base/commits.h - the transactions that wrote rows of the events table last, and where these are
 * in the log. The server tells walpiper of a commit before it shows it to other sessions: who reads
 * the table asks here what of the log its snapshot does not see. Noted by the capture loop before
 * the journal has the row, asked by the serving loops. Thread-safe. */
#ifndef BASE_COMMITS_H
#define BASE_COMMITS_H

#include "base/position.h"
#include "base/snapshot.h"

/* Of so many transactions it is known, about 1.5 MB; those before them count as seen. */
#define COMMITS_MAX 65536

struct commits;

struct commits *commits_new(void);          /* NULL when memory is out */
void commits_free(struct commits *commits); /* NULL is fine */

/* XID has a row at POSITION. What was noted before, the server sends it again, is ignored. */
void commits_note(struct commits *commits, struct position position, uint32_t xid);
/* Positions begin anew. */
void commits_forget(struct commits *commits);
/* The first row in the log that SNAPSHOT does not see; false when there is none. */
bool commits_first_unseen(struct commits *commits, const struct snapshot *snapshot,
                          struct position *ret_position);

#endif
