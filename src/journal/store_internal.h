/* journal/store_internal.h - what the files of the store share: the environment and its errors.
 * Only for store*.c and verify.c. Functions that return "an LMDB code" give 0, a positive errno or
 * an MDB_ constant. */
#ifndef JOURNAL_STORE_INTERNAL_H
#define JOURNAL_STORE_INTERNAL_H

#include "journal/block.h"
#include "journal/resident.h"
#include "journal/store.h"
#include <lmdb.h>
#include <pthread.h>

/* The oldest blocks, up to UP_TO, are past their age; they take BYTES. Counted while they are held:
 * each block is looked at once. */
struct store_aged {
    struct position up_to;
    uint64_t bytes;
};

struct store {
    char *path;
    size_t map_bytes;
    /* Readers share it for the time of one transaction; who replaces or resizes the mapping, always
     * the writing thread, has it alone. */
    pthread_rwlock_t lock;
    MDB_env *env;   /* NULL while it cannot be opened again */
    bool unsettled; /* what is seen of the log may not be on disk: see store_settle() */
    MDB_dbi records;
    MDB_dbi tags;
    MDB_dbi late;
    MDB_dbi late_order;
    MDB_dbi meta;
    struct resident resident;
    struct block_packer packer; /* the writing thread's, as is what follows */
    struct store_aged aged;
    struct store_aged aged_next; /* of the transaction under way */
};

/* The row "state" of the table meta. */
struct store_state {
    uint64_t mark;
    uint64_t bytes;
    struct position trimmed;
    struct position newest; /* of all that was ever here */
};

/* Turns an LMDB code into a negative errno and the story. DOING: "write", "read". */
int store_error(const struct store *store, int code, const char *doing, struct error *err);

int store_env_open(struct store *store, struct error *err);
void store_env_close(struct store *store);
/* After a failure that LMDB does not recover from: closes the environment and opens it again. */
int store_env_reopen(struct store *store, struct error *err);
/* What is seen of the log is on disk when 0 is returned. By the writing thread. */
int store_settle(struct store *store, struct error *err);
/* A log that is not there yet is made at *RET_PLACE (the caller frees it), closed, and then gets
 * its name. Another one that was begun there is removed. */
bool store_is_made(const char *path);
int store_make_begin(const char *path, char **ret_place, struct error *err);
int store_make_end(const char *path, struct error *err);
/* Twice the address space. */
int store_env_grow(struct store *store, struct error *err);
/* As much of it as the process that writes has by now. An LMDB code. */
int store_env_remap(struct store *store);

/* A read transaction, by any thread; BYTES: of the mapping, that were read. An LMDB code; EAGAIN
 * while the writer mends the environment. */
int store_begin_read(struct store *store, MDB_txn **ret_txn);
void store_end_read(struct store *store, MDB_txn *txn, size_t bytes);

/* LMDB codes; a row or an entry that its checksum does not fit is MDB_CORRUPTED. NAME is a key of
 * the table meta. */
int store_get_format(const struct store *store, MDB_txn *txn, MDB_val *ret_format);
int store_put_format(const struct store *store, MDB_txn *txn);
int store_get_meta(const struct store *store, MDB_txn *txn, const char *name, MDB_val *ret_value);
int store_put_meta(const struct store *store, MDB_txn *txn, const char *name, struct str value);
int store_get_state(const struct store *store, MDB_txn *txn, struct store_state *ret_state);
int store_put_state(const struct store *store, MDB_txn *txn, const struct store_state *state);
int store_put_given(const struct store *store, MDB_txn *txn, uint64_t given);
/* All zero when there is none. */
int store_get_identity(const struct store *store, MDB_txn *txn,
                       struct journal_identity *ret_identity);
int store_put_identity(const struct store *store, MDB_txn *txn,
                       const struct journal_identity *identity);
int store_get_extent(const struct store *store, MDB_txn *txn, struct store_extent *ret_extent);
/* The newest and the oldest block, all of them: where damage is most likely after a machine went
 * down, and where it would be found only when it is too late to say so. */
int store_check_ends(const struct store *store, MDB_txn *txn);
/* That each page of the file is in one table or free. MDB_CORRUPTED when their number does not add
 * up; 0 as well when the log was written to since TXN began. */
int store_check_pages(const struct store *store, MDB_txn *txn);
/* CURSOR, of records, goes to the block with the first record after AFTER: the key of a block is
 * its last one. An LMDB code; MDB_NOTFOUND: there is none. */
int store_seek_after(MDB_cursor *cursor, struct position after, MDB_val *key, MDB_val *value);
/* As block_open(). */
int store_open_block(struct block *ret_block, const MDB_val *key, const MDB_val *value);
/* Of what block_body() and block_next() say. */
int store_block_code(int rc);
int store_get_tag(const struct store *store, MDB_txn *txn, int64_t tag,
                  struct position *ret_position);
int store_put_tag(const struct store *store, MDB_txn *txn, int64_t tag, struct position position);
/* An entry of the table tags, or MDB_CORRUPTED. */
int store_read_tag(const MDB_val *key, const MDB_val *value, int64_t *ret_tag,
                   struct position *ret_position);

/* --- store_late.c -------------------------------------------------------------------------- */

/* The greatest tag of a record that was removed in this epoch; the row "leader" of the table meta.
 */
struct store_leader {
    bool known;
    int64_t tag;
    bool changed; /* since it was read */
};

/* LMDB codes. */
int store_get_leader(const struct store *store, MDB_txn *txn, struct store_leader *ret_leader);
int store_put_leader(const struct store *store, MDB_txn *txn, const struct store_leader *leader);
/* The record with TAG at POSITION is removed, in order: TAG leads from here on, or came late. */
int store_note_tag(const struct store *store, MDB_txn *txn, struct store_leader *leader,
                   int64_t tag, struct position position);
/* For a new epoch. */
int store_forget_late(const struct store *store, MDB_txn *txn);
/* Whether each entry fits its checksum and both tables tell the same. MDB_CORRUPTED: they do not.
 */
int store_check_late(const struct store *store, MDB_txn *txn);

struct store_task {
    int (*body)(struct store *store, MDB_txn *txn, const void *argument); /* an LMDB code */
    const void *argument;
    uint64_t room; /* bytes that it may add to the file */
};
/* TASK in a write transaction, by the writing thread: all or nothing, on disk when 0 is returned.
 * The body may run more than once. */
int store_transact(struct store *store, const struct store_task *task,
                   struct store_extent *ret_extent, struct error *err);

#endif
