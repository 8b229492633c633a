/* journal/verify_internal.h - the walks of journal_verify(), for its files. What a walk returns is
 * an LMDB code: damage that it can tell is found, not returned. */
#ifndef JOURNAL_VERIFY_INTERNAL_H
#define JOURNAL_VERIFY_INTERNAL_H

#include "journal/store_internal.h"
#include "journal/verify.h"

/* A block as it was in one transaction, copied out of the mapping. */
struct verify_copy {
    struct buffer value;
    struct buffer scratch;
    struct block block;
    struct position last; /* the key */
    struct str body;
    bool sound;
};

struct verify {
    struct store *store;
    struct verify_report *report;
    struct store_state state; /* of the last transaction */
    struct position trimmed;  /* when it began */
    struct position at;       /* all up to here was examined */
    bool broken;              /* the next record begins another range */
    struct verify_copy copy;
};

/* --- verify.c ------------------------------------------------------------------------------ */

/* One damage more; all zero AT: of no record. */
void verify_found(struct verify *v, struct position at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- verify_blocks.c ----------------------------------------------------------------------- */

/* Copies the block with the first record at FROM or after it, and the state of the same moment. */
int verify_copy_block(struct verify *v, struct position from);
/* Damage that the block tells by itself, or NULL. */
const char *verify_open_copy(struct verify_copy *copy);
int verify_blocks(struct verify *v);

/* --- verify_tags.c ------------------------------------------------------------------------- */

/* After the blocks: what was found there is not told again. */
int verify_tags(struct verify *v);

#endif
