/* cli/verify_look.h - a look at ids of a read model: brings them up to date with the statements of
 * the service, in a transaction that is rolled back, and judges what these changed. Borrows the
 * connection. */
#ifndef CLI_VERIFY_LOOK_H
#define CLI_VERIFY_LOOK_H

#include "base/lsn.h"
#include "cli/server.h"
#include "operator/statements.h"
#include "operator/verdict.h"

#define VERIFY_SLICE 250 /* ids in one transaction, whose locks it holds */

struct verify_look {
    struct server *server;  /* where the target is */
    struct server *sources; /* where they are, which may be the same */
    const struct config_operator *op;
    char lsn[LSN_TEXT_MAX]; /* all that the last look saw was written before */
};

/* Prepares the statements on the connections of LOOK. 0 or the failure. */
int verify_look_prepare(struct verify_look *look, const struct id_types *types, struct error *err);

/* Judges COUNT ids, at most VERIFY_SLICE. ASK_FIRST: which of them are orphans. 0, or a failure
 * that is not about single ids. */
int verify_look(struct verify_look *look, struct verdict *ids, size_t count, bool ask_first,
                struct error *err);

#endif
