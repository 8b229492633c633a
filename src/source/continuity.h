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
    CONTINUITY_WENT_BACK,    /* the server ends before the journal does */
    CONTINUITY_BRANCHED,     /* the server's timeline left the journal's before the journal's end */
    CONTINUITY_OTHER_HISTORY, /* what the slot sends again is not what the journal has */
};

struct continuity_slot {
    uint64_t system_identifier;
    const char *database;
    const char *name;
    bool made_anew;
    uint64_t confirmed;  /* what the server holds back from; for a new slot its consistent point */
    uint64_t server_end; /* of the WAL that the server has on disk; 0: not known */
    uint32_t timeline;   /* of the server; 0: not known */
    /* Up to where the server's WAL is that of the journal's timeline, see continuity_shared().
     * Counts when the two timelines differ. */
    uint64_t shared;
    bool other_history; /* found while it was read */
};

/* Was the journal filled from a slot of this name, in this database and cluster? False for a new
 * journal. */
bool continuity_is_of(const struct journal_identity *identity, const struct continuity_slot *slot);

/* How far the journal goes. */
struct continuity_end {
    uint64_t durable; /* journal_durable_lsn() */
    uint64_t newest;  /* of the newest record: may be past it, of a transaction that is not whole */
    uint64_t given;   /* journal_given_lsn() */
};

/* All but KEPT mean a new epoch. */
enum continuity continuity_of(const struct journal_identity *identity,
                              const struct continuity_end *end, const struct continuity_slot *slot);

/* HISTORY is the server's answer to TIMELINE_HISTORY, or its file NNNNNNNN.history: one line for
 * each timeline before its own, "ID<tab>LSN<tab>reason", where that one was left. Returns the LSN
 * up to which the server's WAL is that of TIMELINE; 0 when that is none of its ancestors. */
uint64_t continuity_shared(struct str history, uint32_t timeline);

/* One sentence for the log. */
const char *continuity_story(enum continuity continuity);

#endif
