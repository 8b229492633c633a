/* source/drop_marker.h - the word of `walpiper slot drop` to the service: this slot was dropped on
 * purpose. A file in the journal's directory, because the service may have the journal open, and
 * may not run at all. The service removes it once the new epoch is on disk.
 *
 * A marker ends one epoch, and never a second one: it names the epoch, or the service writes the
 * name in before it makes the new slot. So a kill between the two leaves a marker of an epoch that
 * is over. Borrows paths; owns nothing. */
#ifndef SOURCE_DROP_MARKER_H
#define SOURCE_DROP_MARKER_H

#include "base/error.h"
#include <stdbool.h>

struct drop_marker {
    char slot[64];
    char epoch[9]; /* the one that ends; empty: the journal was in use and could not be asked */
    char time[24]; /* for people */
};

/* Now, in UTC. */
void drop_marker_date(struct drop_marker *marker);

/* On disk when it returns, whole or not at all. */
int drop_marker_write(const char *journal_path, const struct drop_marker *marker,
                      struct error *err);
/* 0; -ENOENT: there is none; -EBADMSG: it is no marker; others from the file system. */
int drop_marker_read(const char *journal_path, struct drop_marker *ret_marker, struct error *err);
/* 0 also when there is none. */
int drop_marker_remove(const char *journal_path, struct error *err);

/* Does MARKER say that SLOT was dropped in EPOCH of the journal (empty: it has none yet)? */
bool drop_marker_ends(const struct drop_marker *marker, const char *slot, const char *epoch);

#endif
