#include "api/expiry.h"

#include <ev.h>
#include <stdlib.h>

struct expiry {
    struct loop *loop;
    ev_periodic watch;
    void (*on_expired)(void *owner);
    void *owner;
};

static void on_time(struct ev_loop *ev, ev_periodic *watch, int events)
{
    struct expiry *expiry = watch->data;

    expiry->on_expired(expiry->owner);
}

struct expiry *expiry_start(struct loop *loop, int64_t at, void (*on_expired)(void *owner),
                            void *owner)
{
    struct expiry *expiry = calloc(1, sizeof(*expiry));

    if (expiry == NULL)
        return NULL;
    expiry->loop = loop;
    expiry->on_expired = on_expired;
    expiry->owner = owner;
    ev_periodic_init(&expiry->watch, on_time, (double)at, 0., NULL);
    expiry->watch.data = expiry;
    ev_periodic_start(loop->ev, &expiry->watch);
    return expiry;
}

void expiry_stop(struct expiry *expiry)
{
    if (expiry == NULL)
        return;
    ev_periodic_stop(expiry->loop->ev, &expiry->watch);
    free(expiry);
}
