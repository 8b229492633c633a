#include "operator/command.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/planted_bug.h"
#include <errno.h>

/* --- what changes ---------------------------------------------------------------------------- */

static void on_parked_done(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (err)
        engine_trouble(e, err);
    else
        engine_turn(e);
}

/* Ids may be parked no more, and others may be due. */
static void load_parked(struct engine *e)
{
    parked_clear(&e->parked);
    e->look_for_parked = true;
    session_send_parked(&e->session);
    session_sync(&e->session, on_parked_done);
}

/* That it is over goes out with what is sent next. */
static void refuse_rebuild(struct engine *e)
{
    struct session *s = &e->session;
    log_warn(e->name, "has nothing to rebuild: it calls a function");
    if (e->state == ENGINE_BUSY)
        session_run(s, STATEMENT_REBUILD_ADVANCE, 6,
                    (const char *[]){e->op->name, s->lane_number, s->generation, s->found.rebuild,
                                     NULL, NULL});
}

static void begin_rebuild(struct engine *e)
{
    const struct session_checkpoint *found = &e->session.found;
    if (!e->located)
        return;
    if (e->op->form == CONFIG_CALL) {
        refuse_rebuild(e);
        return;
    }
    if (e->running == &e->rebuild_batch)
        e->running = NULL;
    shadow_close(&e->session.shadow);
    if (rebuild_resume(&e->rebuild, found) < 0)
        e->begin = "no memory for a rebuild that was asked for";
    if (found->rebuild_step >= 0)
        log_info(e->name, "computes %s anew, as it was asked to%s",
                 found->rebuild_where ? found->rebuild_where : "every id",
                 found->rebuild_swap ? ", in a new table" : "");
}

static void note_pause(struct engine *e)
{
    if (e->paused != e->control.paused)
        log_info(e->name, e->control.paused ? "paused" : "goes on");
    e->paused = e->control.paused;
}

static void note_halt(struct engine *e)
{
    bool halted = e->control.halted[0] != '\0';
    struct error err = {0};
    if (halted && !e->halted) {
        error_set(&err, -ECANCELED, "halted: %s; SELECT %s.resume('%s') lets it go on",
                  e->control.halted, e->session.lane.group->schema, e->op->name);
        engine_halt(e, &err);
    }
    if (!halted && e->halted) {
        e->halted = false;
        engine_recovered(e);
    }
}

/* --- another process has it ------------------------------------------------------------------ */

/* A claim in another database cannot keep the slot still: one that was frozen in the middle may
 * come after ours although the slot is ours. Then the operator is taken back, by whichever lane
 * sees it first. Once for a replication session: two processes that have slots of their own would
 * take it from each other for ever. */
bool command_takes_back(struct engine *e)
{
    struct lane_group *group = e->session.lane.group;
    uint64_t reader = group->reader ? counter_read(group->reader) : 0;
    if (!group->target || reader == 0)
        return false;
    if (e->session.claimed && strcmp(group->generation, e->session.generation) != 0)
        return true; /* another lane has, or is about to */
    if (group->taken_back == reader)
        return false;
    log_warn(e->name, "another process took it over; takes it back, if slot %s is still read here",
             group->slot);
    group->generation[0] = '\0';
    group->taken_back = reader;
    return true;
}

static void replaced(struct engine *e)
{
    struct lane_group *group = e->session.lane.group;
    bool asked = strcmp(e->control.commands, e->commands) != 0;
    struct error err = {0};
    if (strcmp(e->control.generation, group->generation) == 0) {
        engine_restart(e); /* another lane of this process has taken it back */
    } else if (!e->halted) {
        error_set(&err, -ECANCELED, "operator %s was taken over by another process", e->op->name);
        snprintf(err.sqlstate, sizeof(err.sqlstate), "WPF01");
        engine_trouble(e, &err);
    } else if (asked && e->control.holder_gone) {
        log_info(e->name, "takes over again: the process that had it is gone");
        group->generation[0] = '\0';
        engine_restart(e);
    } else {
        engine_turn(e);
    }
}

/* --- looking --------------------------------------------------------------------------------- */

static void obey(struct engine *e)
{
    bool first = e->commands[0] == '\0';
    bool commands = strcmp(e->control.commands, e->commands) != 0;
    bool ours = strcmp(e->control.generation, e->session.generation) == 0;
    if (!ours && !planted_bug(PLANTED_NO_FENCE)) {
        replaced(e);
        memcpy(e->commands, e->control.commands, sizeof(e->commands));
        return;
    }
    memcpy(e->commands, e->control.commands, sizeof(e->commands));
    note_pause(e);
    note_halt(e);
    if (e->control.rebuild)
        begin_rebuild(e);
    if (commands && !first && e->state == ENGINE_BUSY)
        load_parked(e);
    else
        engine_turn(e);
}

static void on_answer(void *owner, const PGresult *result)
{
    struct engine *e = engine_of(owner);
    if (control_take(&e->control, &e->session, result) < 0) {
        e->control.found = false;
        log_warn(e->name, "no memory for what was asked of it; looks again");
    }
}

static void on_looked(void *owner, const struct error *err)
{
    struct engine *e = engine_of(owner);
    if (err)
        engine_trouble(e, err);
    else if (e->control.found && !e->stopping)
        obey(e);
    else
        engine_turn(e);
}

void command_look(struct engine *e)
{
    e->look = false;
    engine_set_state(e, ENGINE_BUSY);
    control_send(&e->session, on_answer, on_looked);
}
