/* operator/reader.h - an operator's place in the journal: takes events from there into a batch.
 * Embedded in its engine; borrows the journal; owns the cursor. */
#ifndef OPERATOR_READER_H
#define OPERATOR_READER_H

#include "journal/journal.h"
#include "operator/batch.h"
#include "operator/touch.h"

struct reader {
    struct journal *journal;
    struct journal_cursor *cursor; /* NULL: to be opened at the batch's position */
    struct toucher toucher;
    uint64_t events; /* read since reader_init */
};

enum reading {
    READING_END,     /* all that is on disk is in the batch */
    READING_FULL,    /* the batch should run before more is read */
    READING_PAUSED,  /* the budget of this turn is spent */
    READING_UNKNOWN, /* an event does not tell what it touched; ERR names it */
};

void reader_init(struct reader *reader, struct journal *journal, const struct config_operator *op);
/* The next reading starts behind the batch's position. */
void reader_close(struct reader *reader);
void reader_release(struct reader *reader);

/* Reads on from where BATCH (live) stands; BATCH->position follows. An enum reading; -ESTALE when
 * the journal no longer has what follows; others from disk and memory: the cursor is closed, and
 * reading again starts behind the last whole event. */
int reader_collect(struct reader *reader, struct op_batch *batch, struct error *err);

#endif
