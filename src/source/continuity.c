#include "source/continuity.h"

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

enum continuity continuity_of(const struct journal_identity *identity, uint64_t durable,
                              const struct continuity_slot *slot)
{
    if (identity->epoch[0] == '\0')
        return CONTINUITY_NEW_JOURNAL;
    if (!continuity_is_of(identity, slot))
        return CONTINUITY_OTHER_SOURCE;
    if (slot->made_anew)
        return CONTINUITY_SLOT_MADE;
    if (slot->confirmed > durable)
        return CONTINUITY_GAP;
    return CONTINUITY_KEPT;
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
    }
    return "";
}
