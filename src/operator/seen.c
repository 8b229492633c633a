#include "operator/seen.h"
#include "base/planted_bug.h"
#include "operator/run.h"
#include "pg/result.h"
#include <errno.h>

static void on_unseen(void *owner, const PGresult *result)
{
    struct engine *e = engine_of(owner);
    if (pg_has_rows(result))
        e->live.seen = false;
}

static void on_asked(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (err) {
        e->live.seen = false;
        engine_trouble(e, err);
    } else if (!e->live.seen) {
        run_wait_until_seen(e, &(struct error){.code = -EAGAIN});
    } else {
        engine_turn(e);
    }
}

bool seen_ask(struct engine *e)
{
    if (e->live.seen || e->live.dirty.xid_count == 0 || !session_is_apart(&e->session) ||
        planted_bug(PLANTED_NO_VISIBILITY_GUARD))
        return false;
    engine_set_state(e, ENGINE_BUSY);
    e->live.seen = true; /* unless the answers say otherwise */
    op_batch_ask_unseen(&e->live, &e->session, on_unseen);
    session_sync_sources(&e->session, on_asked);
    return true;
}
