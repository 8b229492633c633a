/* source/spool.h - the messages of one open transaction, kept as they came until its commit is
 * here: for a plugin that says the end of a transaction with its commit alone. A few megabytes in
 * memory, the rest in a file without a name beside the journal, so that memory does not grow with
 * the transaction.
 *
 * Fill, rewind, read, clear; in this order. Owns its memory and its file. Reading and writing the
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
};

void spool_init(struct spool *spool, const char *directory);
void spool_release(struct spool *spool);

/* Copies MESSAGE. 0; -ENOMEM, or what the file system says, ERR names the directory and the mend.
 */
int spool_add(struct spool *spool, struct str message, uint64_t lsn, struct error *err);
/* From the first message on. 0 or as spool_add(). */
int spool_rewind(struct spool *spool, struct error *err);
/* 1 with the next message, borrowed until the next call; 0 at the end; negative as above. */
int spool_next(struct spool *spool, struct str *ret_message, uint64_t *ret_lsn, struct error *err);
void spool_clear(struct spool *spool);

#endif
