#include "source/continuity.h"

enum continuity continuity_of(const struct journal_identity *identity, uint64_t durable,
                              const struct continuity_slot *slot)
{
    if (identity->epoch[0] == '\0')
        return CONTINUITY_NEW_JOURNAL;
    if (identity->system_identifier != slot->system_identifier ||
        !str_equal(str_from(identity->database), str_from(slot->database)) ||
        !str_equal(str_from(identity->slot), str_from(slot->name)))
        return CONTINUITY_OTHER_SOURCE;
    if (slot->made_now)
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
