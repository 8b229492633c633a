/* operator/touch.h - which ids of the target an event touches; for a call, which events it gets.
 * Pure. */
#ifndef OPERATOR_TOUCH_H
#define OPERATOR_TOUCH_H

#include "base/buffer.h"
#include "config/config.h"
#include "operator/keys.h"
#include <walpiper/event.h>

enum touch {
    TOUCH_NOTHING, /* not a source of the operator, a type it does not listen to, or no id */
    TOUCH_IDS,     /* ids were added, and the event's transaction */
    TOUCH_ALL,     /* a source was truncated: any id may be touched */
    TOUCH_UNKNOWN, /* the event does not give an id: any may be touched */
};

/* Adds the event's ids to DIRTY, or its value to KEYS for a source that has a query for them.
 * SCRATCH is for the text of an id. Counts SQL NULLs in *NULLS. An enum touch, or -ENOMEM,
 * -EMSGSIZE. */
int touch_event(const struct config_operator *op, const struct event *event, struct dirty *dirty,
                struct keys *keys, struct buffer *scratch, uint64_t *nulls);

#endif
