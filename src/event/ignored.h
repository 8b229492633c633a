/* event/ignored.h - updates that are no event. Pure. */
#ifndef EVENT_IGNORED_H
#define EVENT_IGNORED_H

#include "event/change.h"

/* True for an update of a relation with ignored columns when every other column is known to be as
 * it was, excluded ones too. What is not known may have changed: with another REPLICA IDENTITY than
 * FULL that is nearly all. */
bool change_is_ignored(const struct change *change);

#endif
