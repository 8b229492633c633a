#include "source/continuity.h"
#include "base/lsn.h"

enum slot_decision slot_decide(const struct slot_finding *f)
{
    if (f->exists && !f->lost)
        return SLOT_READ;
    if (f->exists)
        return f->recreate ? SLOT_REPLACE : SLOT_GIVE_UP;
    if (!f->durable || !f->journaled || f->dropped || f->recreate)
        return SLOT_MAKE;
    return SLOT_GIVE_UP;
}

bool continuity_is_of(const struct journal_identity *identity, const struct continuity_slot *slot)
{
    return identity->epoch[0] != '\0' && identity->system_identifier == slot->system_identifier &&
           str_equal(str_from(identity->database), str_from(slot->database)) &&
           str_equal(str_from(identity->slot), str_from(slot->name));
}

/* The server tells of nothing that is not on its own disk: logical decoding reads WAL up to the
 * flush position (PostgreSQL, walsender.c, WalSndWaitForWal), and the positions of keepalives come
 * from what it has read. So a crash, also with synchronous_commit = off, never takes the server
 * back before what the journal has; a backup that was put back does, and so does fsync = off. */
static bool went_back(const struct continuity_slot *slot, uint64_t reached)
{
    return slot->server_end != 0 && slot->server_end < reached;
}

static bool branched(const struct journal_identity *identity, const struct continuity_slot *slot,
                     uint64_t reached)
{
    return identity->timeline != 0 && slot->timeline != 0 && identity->timeline != slot->timeline &&
           slot->shared < reached;
}

enum continuity continuity_of(const struct journal_identity *identity,
                              const struct continuity_end *end, const struct continuity_slot *slot)
{
    uint64_t reached = end->newest > end->durable ? end->newest : end->durable;
    if (identity->epoch[0] == '\0')
        return CONTINUITY_NEW_JOURNAL;
    if (!continuity_is_of(identity, slot))
        return CONTINUITY_OTHER_SOURCE;
    if (slot->made_anew)
        return CONTINUITY_SLOT_MADE;
    /* What readers had, and the journal has not, may be of the branch that was left. */
    if (branched(identity, slot, end->given > reached ? end->given : reached))
        return CONTINUITY_BRANCHED;
    if (went_back(slot, reached))
        return CONTINUITY_WENT_BACK;
    if (slot->other_history)
        return CONTINUITY_OTHER_HISTORY;
    if (slot->confirmed > end->durable)
        return CONTINUITY_GAP;
    return CONTINUITY_KEPT;
}

uint64_t continuity_shared(struct str history, uint32_t timeline)
{
    while (history.len > 0) {
        struct str line = str_trim(str_cut(&history, '\n'));
        struct str id = str_cut(&line, '\t');
        struct str left_at = str_trim(str_cut(&line, '\t'));
        int64_t number;
        uint64_t lsn;
        if (str_to_int64(str_trim(id), &number) == 0 && number == timeline &&
            lsn_parse(left_at, &lsn) == 0)
            return lsn;
    }
    return 0;
}

const char *continuity_story(enum continuity continuity)
{
    switch (continuity) {
    case CONTINUITY_KEPT:
        return "the slot goes on where the journal ends";
    case CONTINUITY_NEW_JOURNAL:
        return "the journal is new";
    case CONTINUITY_OTHER_SOURCE:
        return "the journal was filled from another cluster, database or slot";
    case CONTINUITY_SLOT_MADE:
        return "the slot was made anew, changes before it are not in the journal";
    case CONTINUITY_GAP:
        return "the slot was moved past the end of the journal, changes are missing between them";
    case CONTINUITY_WENT_BACK:
        return "the server has gone back to before the end of the journal, as when a backup was "
               "put "
               "back";
    case CONTINUITY_BRANCHED:
        return "the server's timeline has branched off before the end of the journal, as after a "
               "recovery to a point in time or the promotion of a standby that was behind";
    case CONTINUITY_OTHER_HISTORY:
        return "the server has other transactions than the journal in the same place, as when a "
               "backup was put back and written to";
    }
    return "";
}
