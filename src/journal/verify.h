/* journal/verify.h - reads all of a journal and says what of it is sound. For commands, beside a
 * running service too: it takes no lock, each of its read transactions is short, and what retention
 * removes meanwhile is no damage. Changes nothing. */
#ifndef JOURNAL_VERIFY_H
#define JOURNAL_VERIFY_H

#include "base/error.h"
#include "journal/journal.h"

#define VERIFY_DAMAGES_MAX 20
#define VERIFY_RANGES_MAX 20

struct verify_damage {
    struct position at; /* where; all zero: no record's */
    char what[192];
};

/* Records without a gap between them. */
struct verify_range {
    struct position first;
    struct position last;
    uint64_t records;
};

struct verify_report {
    struct journal_identity identity;
    uint64_t blocks;
    uint64_t records;
    uint64_t bytes; /* as retention counts them */
    uint64_t tags;
    size_t holds;
    uint64_t damage_count;                            /* 0: sound */
    struct verify_damage damages[VERIFY_DAMAGES_MAX]; /* the first ones */
    uint64_t range_count;
    struct verify_range ranges[VERIFY_RANGES_MAX]; /* the first ones, and the last one at the end */
};

/* Works in a process of its own: following damaged pages may kill it, and that is a damage too.
 * Call it while there is one thread. 0 when the journal was examined, sound or not; -ENOENT there
 * is none; others when it cannot be examined at all (as journal_open()), with the story in ERR. */
int journal_verify(const char *path, struct verify_report *ret_report, struct error *err);

#endif
