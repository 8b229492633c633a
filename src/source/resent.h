/* source/resent.h - what the slot sends again is compared with what the journal has. After a stop
 * without warning the server sends again what it does not know to be confirmed; the journal has
 * that already. Should the server have another history since, as after a backup that was put back,
 * then a transaction is missing or another one stands in its place, and nothing of that journal
 * fits what comes. Reads the journal, and only as long as something is sent again. */
#ifndef SOURCE_RESENT_H
#define SOURCE_RESENT_H

#include "event/change.h"
#include "journal/journal.h"

struct resent {
    struct journal *journal;
    uint64_t at;    /* up to here both have the same */
    uint64_t until; /* the newest that the journal had; at >= until: nothing is sent again */
};

/* Where the stream is best begun: at CONFIRMED, the slot's position, or past it where that would be
 * more than what a comparison needs. Never past what is durable. */
uint64_t resent_start(struct journal *journal, uint64_t confirmed);

/* The stream begins at LSN. JOURNAL is borrowed. */
void resent_begin(struct resent *resent, struct journal *journal, uint64_t lsn);

/* TRANSACTION is the next one that comes; said as often as it is met. False: another history. */
bool resent_fits(struct resent *resent, const struct transaction *transaction);

/* All that ends at or before LSN has been sent. False: another history. */
bool resent_passed(struct resent *resent, uint64_t lsn);

#endif
