/* source/continuity.h - the rules about the slot's end and the journal's: whether a slot may be
 * made, and whether it goes on where the journal ends. Pure. */
#ifndef SOURCE_CONTINUITY_H
#define SOURCE_CONTINUITY_H

#include "journal/journal.h"

/* --- before the stream: is there a slot to read? ---------------------------------------------- */

struct slot_finding {
    bool exists;
    bool lost;      /* the server has removed WAL that it needs */
    bool durable;   /* slot.durable */
    bool recreate;  /* slot.recreate */
    bool journaled; /* the journal has an epoch of a slot of this name, here */
    bool dropped;   /* and that slot was dropped on purpose */
};

enum slot_decision {
    SLOT_READ,
    SLOT_MAKE,
    SLOT_REPLACE, /* drop it first */
    SLOT_GIVE_UP, /* changes are lost: a human decides */
};

enum slot_decision slot_decide(const struct slot_finding *finding);

/* --- at its start: where does it stand? ------------------------------------------------------- */

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
    bool made_anew;
    uint64_t confirmed; /* what the server holds back from; for a new slot its consistent point */
};

/* Was the journal filled from a slot of this name, in this database and cluster? False for a new
 * journal. */
bool continuity_is_of(const struct journal_identity *identity, const struct continuity_slot *slot);

/* DURABLE: journal_durable_lsn(). All but KEPT mean a new epoch. */
enum continuity continuity_of(const struct journal_identity *identity, uint64_t durable,
                              const struct continuity_slot *slot);

/* One sentence for the log. */
const char *continuity_story(enum continuity continuity);

#endif
