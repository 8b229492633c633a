/* operator/touch.h - which ids of the target an event touches; for a call, which events it gets.
 * Pure. Owns the memory for the text of an id. */
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

struct toucher {
    const struct config_operator *op; /* borrowed; stays as it is */
    struct buffer scratch;
    uint64_t nulls;                              /* ids that were SQL NULL */
    const struct config_operator_source *source; /* of the last event; NULL: of none */
    struct str schema, table;                    /* of that source */
    struct dirty *dirty;                         /* borrowed while an event is taken in */
    struct keys *keys;
};

void toucher_init(struct toucher *t, const struct config_operator *op);
void toucher_release(struct toucher *t);

/* Adds the event's ids to DIRTY, or its value to KEYS for a source that has a query for them.
 * An enum touch, or -ENOMEM, -EMSGSIZE. */
int touch_event(struct toucher *t, const struct event *event, struct dirty *dirty,
                struct keys *keys);

#endif
