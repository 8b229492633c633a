/* source/spool.h - the messages of one open transaction, kept as they came until its commit is
 * here: for a plugin that says the end of a transaction with its commit alone. A few megabytes in
 * memory, the rest in a file without a name beside the journal, so that memory does not grow with
 * the transaction.
 *
 * Fill, read, clear; in this order. Owns its memory and its file. Reading and writing the
 * file may wait for the disk as any write to the page cache may. */
#ifndef SOURCE_SPOOL_H
#define SOURCE_SPOOL_H

#include "base/buffer.h"
#include "base/error.h"
#include <stdint.h>

struct spool {
    const char *directory; /* borrowed */
    struct buffer memory;  /* filling: the newest messages; reading: a window of the file */
    int fd;                /* -1: all is in memory */
    uint64_t file_bytes;
    uint64_t file_at; /* reading: what of the file was read into memory */
    size_t memory_at; /* reading: the next message in memory */
    bool reading;
};

void spool_init(struct spool *spool, const char *directory);
void spool_release(struct spool *spool);

/* Copies MESSAGE. 0; -ENOSPC when the file system does not take it, whatever it lacks: ERR names
 * the directory, the cause and the mend, and nothing has changed, the same may be tried again;
 * -ENOMEM.
 */
int spool_add(struct spool *spool, struct str message, uint64_t lsn, struct error *err);
/* The first call ends the filling. 1 with the next message, borrowed until the next call; 0 at the
 * end; negative as above. */
int spool_next(struct spool *spool, struct str *ret_message, uint64_t *ret_lsn, struct error *err);
void spool_clear(struct spool *spool);

#endif
