/* The slot is gone: dropped, or the server has removed WAL that it needs. Changes are lost, so that
 * the next step is a human's: `walpiper slot drop`, or slot.recreate. Until then the journal is
 * served as it is, and nothing is asked of the server. */
#include "base/log.h"
#include "source/drop_marker.h"
#include "source/slot_source.h"
#include <errno.h>

#define LOOK_S 1.0 /* for the marker of `walpiper slot drop` */

static const char *journal_path(const struct source *s)
{
    return s->context.config->journal.path;
}

/* --- the marker ------------------------------------------------------------------------------ */

/* 0 when there is one about the slot of the journal's epoch. */
static int read_marker(const struct source *s, struct drop_marker *ret_marker, struct error *err)
{
    struct drop_marker marker;
    char epoch[9];
    int rc = drop_marker_read(journal_path(s), &marker, err);
    if (rc < 0)
        return rc;
    journal_epoch(s->context.journal, epoch);
    if (!drop_marker_ends(&marker, s->context.config->slot.name, epoch))
        return -ENOENT;
    *ret_marker = marker;
    return 0;
}

bool slot_was_dropped(const struct source *s, bool for_certain)
{
    struct drop_marker marker;
    return read_marker(s, &marker, NULL) == 0 && (!for_certain || marker.epoch[0] != '\0');
}

int slot_bind_drop(const struct source *s, struct error *err)
{
    struct drop_marker marker;
    if (read_marker(s, &marker, NULL) < 0 || marker.epoch[0] != '\0')
        return 0;
    journal_epoch(s->context.journal, marker.epoch);
    return drop_marker_write(journal_path(s), &marker, err);
}

void slot_forget_drop(const struct source *s)
{
    struct error err = {0};
    if (drop_marker_remove(journal_path(s), &err) < 0)
        log_warn("source", "%s", err.text);
}

/* --- the decision ---------------------------------------------------------------------------- */

static bool is_journaled(const struct source *s)
{
    struct journal_identity identity;
    const struct continuity_slot slot = {
        .system_identifier = s->system_identifier,
        .database = s->facts.database,
        .name = s->context.config->slot.name,
    };
    journal_identity(s->context.journal, &identity);
    return continuity_is_of(&identity, &slot);
}

enum slot_decision slot_decision(const struct source *s)
{
    return slot_decide(&(struct slot_finding){
        .exists = s->facts.slot_exists,
        .lost = strcmp(s->facts.slot_status, "lost") == 0,
        .durable = s->context.config->slot.durable,
        .recreate = s->context.config->slot.recreate,
        .journaled = is_journaled(s),
        .dropped = slot_was_dropped(s, false),
    });
}

int slot_refuse_loss(const struct source *s, struct error *err)
{
    return error_set(err, -EIDRM,
                     "slot %s %s, nothing is captured: run walpiper slot drop to begin a new epoch "
                     "with a new slot, or restart with slot.recreate: true",
                     s->context.config->slot.name,
                     s->facts.slot_exists ? "is lost, the server removed WAL that it needs"
                                          : "does not exist any more");
}

/* --- the final state ------------------------------------------------------------------------- */

void slot_stay_lost(struct source *s)
{
    char epoch[9];
    slot_set_state(s, SOURCE_LOST);
    if (s->facts.slot_exists)
        slot_forget_drop(s); /* it was about another one */
    if (!s->started)
        marked_replace(s->context.marked, &s->facts.marked);
    slot_timer(s, LOOK_S, LOOK_S);
    journal_epoch(s->context.journal, epoch);
    if (epoch[0] != '\0')
        slot_announce(s);
}

void slot_await_drop(struct source *s)
{
    struct drop_marker marker;
    struct error err = {0};
    int rc = read_marker(s, &marker, &err);
    if (rc == 0) {
        log_info("source", "slot %s: dropped on purpose at %s", marker.slot, marker.time);
        slot_begin_again(s);
    } else if (rc != -ENOENT && strcmp(err.text, s->told.text) != 0) {
        log_warn("source", "%s", err.text);
        s->told = err;
    }
}
