#include "operator/expand.h"
#include "base/log.h"
#include "operator/failure.h"
#include "operator/run.h"
#include "operator/seen.h"
#include <errno.h>

static void no_memory(struct engine *e)
{
    engine_trouble(e, &(struct error){.code = -ENOMEM, .text = "no memory for the ids of keys"});
}

static void on_page(void *owner, const PGresult *result)
{
    struct engine *e = engine_of(owner);
    if (keys_take_page(&e->live.keys, result) < 0)
        log_warn(e->name, "no memory for a page of ids; reads it again");
}

static void on_page_done(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    struct error story = {0};
    if (!err) {
        engine_turn(e);
    } else if (failure_of(err) == FAILURE_UNSEEN) {
        run_wait_until_seen(e, err);
    } else {
        story = *err;
        error_prefix(&story, "keys");
        engine_trouble(e, &story);
    }
}

/* Behind the guard: what the events' transactions wrote is part of the answer. */
static void ask_for_page(struct engine *e)
{
    engine_set_state(e, ENGINE_BUSY);
    op_batch_send_guard(&e->live, &e->session);
    if (keys_send_page(&e->live.keys, &e->session, on_page) < 0)
        no_memory(e);
    else
        session_sync_sources(&e->session, on_page_done);
}

bool expand_next(struct engine *e)
{
    for (;;) {
        switch (keys_need(&e->live.keys)) {
        case KEYS_NOTHING:
            return false;
        case KEYS_PAGE:
            if (!seen_ask(e))
                ask_for_page(e);
            return true;
        case KEYS_IDS:
            op_batch_clear(&e->keys_batch);
            if (keys_give_ids(&e->live.keys, e->op->target_id.count, &e->keys_batch.dirty) < 0) {
                no_memory(e);
                return true;
            }
            if (e->keys_batch.dirty.count > 0) {
                run_start(e, &e->keys_batch);
                return true;
            }
            break; /* all of the page are of other lanes */
        }
    }
}
