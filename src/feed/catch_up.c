/* Subscribers that are behind the live pass. They wait in a list for a pass that comes by, or for
 * one of their own; what a pass meets on its way rides along. */
#include "feed/router_internal.h"

#include <errno.h>

/* Units (pass.c) a turn, a slice of it, and how many a pass may use while others wait for one. */
#define TURN_BUDGET 4096
#define SLICE_BUDGET 512
#define PASS_BUDGET (128u << 10)

/* How far a pass may be behind whoever gets on, in bytes of the server's log. It comes by soon, and
 * what it reads until then it reads anyhow; unless it stands, because nobody rides on it. */
#define NEAR_MOVING (4u << 20)
#define NEAR_STANDING (64u << 10)

static bool is_open(const struct pass *pass)
{
    return pass->cursor != NULL;
}

/* --- getting on ------------------------------------------------------------------------------ */

static bool leads_to(const struct pass *pass, struct position position)
{
    uint64_t near = pass->riders != NULL ? NEAR_MOVING : NEAR_STANDING;

    return is_open(pass) && position_compare(pass->position, position) <= 0 &&
           position.lsn - pass->position.lsn <= near;
}

/* The nearest one behind POSITION. */
static struct pass *find_pass(struct router *router, struct position position)
{
    struct pass *best = NULL;

    if (position_compare(position, router_position(router)) >= 0)
        return &router->passes[PASS_LIVE];
    for (unsigned i = PASS_LIVE + 1; i < PASSES; i++) {
        struct pass *pass = &router->passes[i];
        if (leads_to(pass, position) &&
            (best == NULL || position_compare(pass->position, best->position) > 0))
            best = pass;
    }
    return best;
}

/* One that is closed, else one without riders. */
static struct pass *find_free(struct router *router)
{
    struct pass *found = NULL;

    for (unsigned i = PASS_LIVE + 1; i < PASSES; i++) {
        struct pass *pass = &router->passes[i];
        if (!is_open(pass))
            return pass;
        if (pass->riders == NULL)
            found = pass;
    }
    return found;
}

static void fail(struct subscriber *subscriber, const struct error *why)
{
    subscriber_close(subscriber);
    subscriber->ops->failed(subscriber->owner, why);
}

/* A cursor only knows the epoch that it was opened in: the position must be of the same, also when
 * a new one begins just now. Then the next turn finds out. */
static struct pass *start_pass(struct router *router, struct subscriber *subscriber)
{
    struct pass *pass = find_free(router);
    struct error err = {0};

    if (pass == NULL)
        return NULL;
    if (pass_open(pass, subscriber->position, &err) < 0) {
        fail(subscriber, &err);
        return NULL;
    }
    if (!router_epoch_changed(router))
        return pass;
    pass_close(pass);
    return NULL;
}

static void place(struct router *router, struct subscriber *subscriber)
{
    if (strcmp(subscriber->epoch, router->epoch) != 0) {
        subscriber_reset(subscriber, RESET_EPOCH);
        return;
    }
    struct pass *pass = find_pass(router, subscriber->position);
    if (pass == NULL)
        pass = start_pass(router, subscriber);
    if (pass != NULL)
        subscriber_ride(subscriber, pass);
}

static void place_pending(struct router *router)
{
    struct subscriber *subscriber, *next;

    router_check_epoch(router);
    DL_FOREACH_SAFE2(router->pending, subscriber, next, mate_next)
    {
        place(router, subscriber);
    }
}

/* --- getting off ----------------------------------------------------------------------------- */

void catch_up_dissolve(struct pass *pass)
{
    while (pass->riders != NULL)
        subscriber_queue(pass->riders);
    pass_close(pass);
}

/* Those that wait get the passes of those that had much; these get in line again, behind them. */
static void retire_passes(struct router *router)
{
    for (unsigned i = PASS_LIVE + 1; i < PASSES; i++) {
        if (router->passes[i].used >= PASS_BUDGET)
            catch_up_dissolve(&router->passes[i]);
    }
}

/* The cursor is at its end. Below the live position that must not be taken for caught up, unless
 * there is nothing to come: retention may have emptied the journal since the live pass read it. */
static bool caught_up(const struct pass *pass)
{
    const struct router *router = pass->router;

    return position_compare(pass->position, router_position(router)) >= 0 ||
           position_compare(pass->position, router_newest(router)) >= 0;
}

static void hand_over(struct pass *pass)
{
    while (pass->riders != NULL)
        subscriber_ride(pass->riders, &pass->router->passes[PASS_LIVE]);
    pass_close(pass);
}

static void tell(struct subscriber *subscriber, int status)
{
    struct error err;

    if (status == -ESTALE || status == -EIO) {
        subscriber_reset(subscriber, status == -ESTALE ? RESET_EXPIRED : RESET_DAMAGED);
        return;
    }
    error_set(&err, status, "Journal: earlier records cannot be read: %s; look at its disk",
              strerrordesc_np(-status));
    fail(subscriber, &err);
}

/* PASS cannot go on from where it is. A rider that is ahead may be beyond what stopped it, and
 * finds out by itself. */
static void stop(struct pass *pass, int status)
{
    struct subscriber *subscriber, *next;

    router_check_epoch(pass->router);
    if (!is_open(pass))
        return;
    if (status == -EIO)
        router_tell_damage(pass->router, pass->position);
    DL_FOREACH_SAFE2(pass->riders, subscriber, next, mate_next)
    {
        if (position_compare(subscriber->position, pass->position) > 0)
            subscriber_queue(subscriber);
        else
            tell(subscriber, status);
    }
    pass_close(pass);
}

/* --- a turn ---------------------------------------------------------------------------------- */

/* One record, or the end of the pass. Returns the units it took. */
static size_t step(struct pass *pass)
{
    struct journal_entry entry;

    int status = pass_next(pass, &entry);
    if (status < 0)
        stop(pass, status);
    else if (status > 0 && position_compare(entry.position, router_position(pass->router)) <= 0)
        return pass_deliver(pass, &entry);
    else if (status > 0 || caught_up(pass))
        hand_over(pass); /* what comes now the live pass has yet to read */
    else
        pass->at_end = true;
    return 1;
}

static bool can_run(const struct pass *pass)
{
    return pass->riders != NULL && !pass->at_end;
}

static size_t slice(struct pass *pass)
{
    size_t used = 0;

    while (can_run(pass) && used < SLICE_BUDGET)
        used += step(pass);
    if (is_open(pass))
        pass->used += used;
    return used;
}

/* One after the other. */
static struct pass *next_pass(struct router *router)
{
    for (unsigned n = PASS_LIVE + 1; n < PASSES; n++) {
        router->turn = router->turn + 1 < PASSES ? router->turn + 1 : PASS_LIVE + 1;
        if (can_run(&router->passes[router->turn]))
            return &router->passes[router->turn];
    }
    return NULL;
}

bool catch_up_turn(struct router *router)
{
    struct pass *pass;
    size_t used = 0;

    if (router->pending != NULL)
        place_pending(router);
    if (router->pending != NULL) {
        retire_passes(router);
        place_pending(router);
    }
    while (used < TURN_BUDGET && (pass = next_pass(router)) != NULL)
        used += slice(pass);
    return next_pass(router) != NULL || (router->pending != NULL && find_free(router) != NULL);
}
