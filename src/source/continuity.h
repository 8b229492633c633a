/* source/continuity.h - does the slot go on where the journal ends? The rule for a new epoch. Pure.
 */
#ifndef SOURCE_CONTINUITY_H
#define SOURCE_CONTINUITY_H

#include "journal/journal.h"

enum continuity {
    CONTINUITY_KEPT,
    CONTINUITY_NEW_JOURNAL,  /* nothing is in the journal yet */
    CONTINUITY_OTHER_SOURCE, /* another cluster, database or slot than the journal was filled from
                              */
    CONTINUITY_SLOT_MADE,    /* the slot had to be made anew */
    CONTINUITY_GAP,          /* the slot was moved past the end of the journal */
};

struct continuity_slot {
    uint64_t system_identifier;
    const char *database;
    const char *name;
    bool made_now;
    uint64_t confirmed; /* what the server holds back from; for a new slot its consistent point */
};

/* DURABLE: journal_durable_lsn(). All but KEPT mean a new epoch. */
enum continuity continuity_of(const struct journal_identity *identity, uint64_t durable,
                              const struct continuity_slot *slot);

/* One sentence for the log. */
const char *continuity_story(enum continuity continuity);

#endif
