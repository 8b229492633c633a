/* journal/store.h - the log on disk: one LMDB environment. Knows transactions, not threads' work:
 * one thread writes, any number reads, each call is a transaction of its own (a reader that kept
 * one open would keep LMDB from reusing pages). Must not include queue.h or ring.h.
 *
 * Tables (LMDB databases):
 *     records  position of the last record (12 bytes) -> block of records (block.h); appended at
 *              the end, trimmed at the start
 *     tags     tag (8 bytes) -> position of the newest record with it (12), checksum (4)
 *     late     tag (8 bytes) that came late (late.h), of a record that was trimmed -> leader (8),
 *              position (12), checksum (4)
 *     late_order  leader (8, its highest bit turned: so it sorts), position (12) -> that tag (8),
 *              checksum (4)
 *     meta     "format"   -> STORE_FORMAT
 *              "identity" -> epoch (8), system identifier (8), database (64), slot (64),
 *                            timeline (4)
 *              "state"    -> mark (8), bytes (8), position up to which records were trimmed (12),
 *                            position of the newest record that ever was (12)
 *              "holds"    -> coded holds (holds.h)
 *              "leader"   -> the greatest tag of a record that was trimmed (8), or nothing
 *              "given"    -> an LSN (8), see struct store_extent; or nothing, for zero
 *              all but the first followed by a checksum (8)
 * A checksum is XXH3 and covers the key too. All numbers are big-endian. Each commit is synced:
 * when a write returns 0 it is on disk. */
#ifndef JOURNAL_STORE_H
#define JOURNAL_STORE_H

#include "base/buffer.h"
#include "base/error.h"
#include "journal/journal.h"
#include "journal/record.h"

#define STORE_FORMAT "walpiper journal 3"

/* What to do about a damaged one: nothing is ever emptied by itself. */
#define STORE_DAMAGE_MEND                                                                          \
    "'walpiper journal verify' says what can still be read; to go on, remove the directory: "      \
    "a new epoch begins, subscribers get a reset, operators compute every id anew"

struct store;

/* What is on disk. */
struct store_extent {
    uint64_t mark;
    uint64_t bytes;          /* of the blocks, as block_footprint() counts */
    struct position trimmed; /* everything at or before it was removed; zero: nothing yet */
    struct position newest;  /* of all that was ever here; zero: nothing yet */
    uint64_t given;          /* readers may have had records up to this LSN that are not here yet */
    bool empty;
    struct position oldest;     /* unless empty */
    struct position oldest_end; /* the last record of the oldest block; unless empty */
    int64_t oldest_time_us;     /* of the last record in the oldest block; unless empty */
};

/* Opens or makes the log in the directory PATH. MAP_BYTES is address space, not memory; it grows by
 * itself should the log. -EPROTO: another format; -EIO: damaged. */
int store_open(struct store **ret_store, const char *path, size_t map_bytes, struct error *err);
/* A log that is there, for the functions of "any thread" alone; makes and changes nothing. Another
 * process may write to it meanwhile. */
int store_open_to_read(struct store **ret_store, const char *path, struct error *err);
void store_close(struct store *store);

/* --- the writing thread ------------------------------------------------------------------ */

struct store_trim {
    uint64_t max_bytes; /* remove the oldest blocks until no more than that is left */
    int64_t before_us;  /* and those whose records were all appended before then */
    bool held;          /* but none with a record after HOLD, */
    struct position hold;
    uint64_t max_held; /* unless more than that would be removed if nothing was held */
    uint64_t budget;   /* stop after so many bytes: the rest is for another time */
};

struct store_change {
    const struct record *records; /* those that are on disk already are left out */
    size_t count;
    uint64_t mark;    /* 0: as it is */
    uint64_t given;   /* 0: as it is */
    struct str holds; /* data NULL: as they are */
    struct store_trim trim;
};

/* One transaction: all of CHANGE or nothing. On failure the store is as before and may be tried
 * again. */
int store_write(struct store *store, const struct store_change *change,
                struct store_extent *ret_extent, struct error *err);
/* Empties the log for a new epoch. */
int store_begin_epoch(struct store *store, const struct journal_identity *identity, uint64_t mark,
                      struct store_extent *ret_extent, struct error *err);
/* Nothing but the identity becomes another one. */
int store_set_identity(struct store *store, const struct journal_identity *identity,
                       struct store_extent *ret_extent, struct error *err);

/* --- any thread -------------------------------------------------------------------------- */

int store_extent(struct store *store, struct store_extent *ret_extent, struct error *err);
int store_identity(struct store *store, struct journal_identity *ret_identity, struct error *err);
int store_holds(struct store *store, struct buffer *holds, struct error *err);

/* A block, decompressed, on the way through its records. All zero: none. */
struct store_slice {
    struct shared *owner;
    struct str rest; /* of its records */
};
/* The block with the first record after AFTER: 1, RET_SLICE is the caller's; 0 when there is none.
 * -ESTALE: records after AFTER were trimmed. -EAGAIN: the writer is mending the store. -EIO: what
 * follows AFTER is damaged. -ENOMEM. */
int store_read(struct store *store, struct position after, struct store_slice *ret_slice);
/* 1 with the first record after AFTER of what is left of SLICE, from which RET borrows; 0 when
 * there is none; -EIO. */
int store_slice_next(struct store_slice *slice, struct position after, struct journal_entry *ret);
void store_slice_release(struct store_slice *slice);
/* 0, -ENOENT, or as store_read(). */
int store_find_tag(struct store *store, int64_t tag, struct position *ret_position);
/* 0 or as store_read(). */
int store_look_up(struct store *store, struct journal_look *look);

#endif
