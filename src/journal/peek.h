/* journal/peek.h - what a journal is, for commands that only look: makes nothing, changes nothing,
 * and does not keep the service from opening it. */
#ifndef JOURNAL_PEEK_H
#define JOURNAL_PEEK_H

#include "journal/journal.h"

struct journal_peek {
    struct journal_identity identity; /* epoch empty: it was never filled */
    uint64_t durable;                 /* journal_durable_lsn() */
    struct position newest;           /* of journal_bounds() */
    uint64_t given;                   /* journal_given_lsn() */
};

/* 0; -ENOENT: there is no journal at PATH yet; -EBUSY: a process has it open, ERR names it; others
 * as journal_open(). */
int journal_peek(const char *path, struct journal_peek *ret_peek, struct error *err);

#endif
