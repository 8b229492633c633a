/* journal/journal.h - the spine: an ordered log of records on disk (LMDB) with the newest in
 * memory.
 *
 * One thread appends (the capture loop), one thread of the journal's own writes and syncs, any
 * number of threads read through cursors. Readers need not wait for the disk: what a cursor returns
 * was flushed by the appending thread, and the source sends it again unless it was durable. So a
 * reader may come back with a position that a journal which was killed does not have yet: up to
 * journal_given_lsn() it is not wrong, only ahead. The journal does not look into records. It owns
 * its directory, its writer thread and the ring of recent records. It must not include anything of
 * event/, feed/ or pg/.
 *
 * A transaction of the source is appended record by record and may be spread over several batches
 * on disk; only journal_mark() says that all of it is there.
 *
 * Order: positions only grow. A record at or below the newest one is already here: after a restart
 * the source sends what it had not confirmed again, with the same positions. */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "base/error.h"
#include "base/position.h"
#include "base/shared.h"
#include "base/str.h"
#include "journal/late.h"
#include <stdbool.h>
#include <stdint.h>

struct journal;

/* A hold that kept more than max_held: its reader will meet -ESTALE. */
struct journal_given_up {
    const char *name;
    struct position position; /* of the hold */
    uint64_t journal_bytes;   /* what the journal held, nearly all of it for this reader */
    uint64_t behind_us;       /* age of the oldest of it */
};

struct journal_options {
    const char *path;          /* a directory, made if missing (0700) */
    uint64_t retention_bytes;  /* of records on disk; 0: no limit */
    uint64_t retention_age_us; /* by the time of append; 0: no limit */
    uint64_t max_held; /* the most bytes that holds may keep beyond retention; 0: no limit */
    /* On the writer's thread, once a hold; may be NULL. */
    void (*on_given_up)(const struct journal_given_up *what);
    size_t ring_bytes;  /* records kept in memory for live readers */
    size_t batch_bytes; /* a batch is sealed at this size, at the latest */
    size_t ahead_bytes; /* the most that may wait for the disk: past it append says -EAGAIN; a
                           single record is taken whatever its size when nothing waits */
};

/* Who the log's positions belong to. Kept in the journal. */
struct journal_identity {
    char epoch[9];              /* 8 hex digits; empty in a new journal */
    uint64_t system_identifier; /* of the PostgreSQL cluster */
    char database[64];
    char slot[64];
    uint32_t timeline; /* of the cluster's WAL; 0: not known */
};

/* Opens or makes the journal, takes its lock against a second process, starts the writer. Errors:
 * -EBUSY another process has it; -EPROTO another version of the format; -EIO damaged; others from
 * the file system. ERR names the path and the mend. */
int journal_open(struct journal **ret_journal, const struct journal_options *options,
                 struct error *err);
/* Writes what was appended, stops the writer, closes. Should the disk not take it, one last try is
 * made and what it cannot write is dropped: it was never durable. All cursors must be closed
 * before. */
void journal_close(struct journal *journal);

/* --- identity; the appending thread only, before the first append ------------------------ */

void journal_identity(const struct journal *journal, struct journal_identity *ret);
/* Continuity is lost: empties the log, draws a new epoch, keeps IDENTITY (its epoch is ignored),
 * and sets the durable LSN to START. Returns when it is on disk. Holds end, cursors of the old
 * epoch say -ESTALE. */
int journal_begin_epoch(struct journal *journal, const struct journal_identity *identity,
                        uint64_t start, struct error *err);

/* The positions are of TIMELINE from now on: it goes on where the one before was left, and nothing
 * else changes. Returns when it is on disk. */
int journal_set_timeline(struct journal *journal, uint32_t timeline, struct error *err);

/* --- append side; the appending thread only ---------------------------------------------- */

/* Takes a copy of BYTES. TAG (may be NULL) is a number under which the record can be found again.
 * 0; 1 when the record is already here (nothing done); -EAGAIN when too much waits for the disk:
 * try again after on_durable. -ENOMEM; -EMSGSIZE past 4 GiB: nothing was taken. */
int journal_append(struct journal *journal, struct position position, struct str bytes,
                   const int64_t *tag);
/* All that ends at or before LSN has been appended: once that is on disk, so is this mark, and
 * journal_durable_lsn() says so. Marks only grow, a smaller one is ignored. URGENT: what was
 * appended and the mark are written a few milliseconds later. Otherwise the mark rides with
 * the next batch, and is written alone when none came for a second: many such marks cost little. */
void journal_mark(struct journal *journal, uint64_t lsn, bool urgent);
/* Hands the records that were appended to readers, and with the marks to the writer, which waits a
 * few milliseconds for more, unless readers have to wait for it. Call at the end of a loop turn. */
void journal_flush(struct journal *journal);
/* True when all that was appended and marked is on disk. */
bool journal_idle(const struct journal *journal);

/* --- progress; any thread ---------------------------------------------------------------- */

/* What may be confirmed to the server: the newest mark that is on disk. */
uint64_t journal_durable_lsn(const struct journal *journal);
/* Why the writer cannot write, for example a full disk; false when it can. It goes on trying. */
bool journal_failing(const struct journal *journal, struct error *ret);

/* Each may be NULL, and is called on the appending or on the writer's thread: only wake yourself.
 */
struct journal_listener {
    void (*on_records)(struct journal_listener *self); /* a cursor may have more */
    /* A batch is on disk, or the writer starts or stops failing. */
    void (*on_durable)(struct journal_listener *self);
    struct journal_listener *next; /* the journal's */
};
void journal_listen(struct journal *journal, struct journal_listener *listener);
void journal_unlisten(struct journal *journal, struct journal_listener *listener);

/* --- read side; any thread, one cursor a reader ------------------------------------------ */

/* The oldest and the newest record that cursors return. False when the journal is empty: RET_NEWEST
 * is then the newest that there ever was in this epoch, zero when there was none. */
bool journal_bounds(const struct journal *journal, struct position *ret_oldest,
                    struct position *ret_newest);
/* Up to there readers of an earlier run may have got records that are not here again yet. The
 * source, which is the same as then, ends at LSN: so they got none beyond it. */
uint64_t journal_given_lsn(const struct journal *journal);
void journal_bound_given(struct journal *journal, uint64_t lsn);
/* How much there is. */
struct journal_stock {
    uint64_t bytes;         /* on disk, as retention counts them */
    bool empty;             /* then the rest is zero */
    struct position oldest; /* records */
    struct position newest;
    int64_t oldest_time_us; /* of append, of the last record in the oldest block; since 1970 */
};
void journal_stock(const struct journal *journal, struct journal_stock *ret_stock);
/* Copies the epoch (8 hex digits and NUL). */
void journal_epoch(const struct journal *journal, char epoch[9]);
/* The position of the newest record with TAG; false when there is none. */
bool journal_find_tag(struct journal *journal, int64_t tag, struct position *ret);
/* What is known of tags, also of those whose records are gone. Reads at most a few thousand entries
 * beside the tags asked for. 0; -EAGAIN while the writer mends the journal, -EIO. */
int journal_look_up(struct journal *journal, struct journal_look *look);

struct journal_entry {
    struct position position;
    struct str bytes;     /* lie in OWNER */
    struct shared *owner; /* borrowed from the cursor until its next call; take a reference to keep
                             BYTES, and all else that is in it: a whole block, read from disk */
};

struct journal_cursor;

/* A cursor before the first record after AFTER. */
int journal_cursor_open(struct journal *journal, struct journal_cursor **ret_cursor,
                        struct position after, struct error *err);
void journal_cursor_close(struct journal_cursor *cursor); /* NULL is fine */
/* 1 with the next record; 0 at the end of what there is (call again after on_records); -ESTALE
 * when retention has removed records this cursor had not read yet, or the epoch changed: open
 * another; -ENOMEM; -EIO. After a failure the cursor stands where it stood. */
int journal_cursor_next(struct journal_cursor *cursor, struct journal_entry *ret);
/* Where the cursor stands: the position of the last record it returned, or AFTER. */
struct position journal_cursor_position(const struct journal_cursor *cursor);

/* Records after POSITION are kept beyond retention for a reader named NAME (an operator); a hold
 * moves forward only. Any thread. 0; -EINVAL when the name is empty or has more than 255 bytes;
 * -ENOSPC past 4096 holds; -ENOMEM.
 *
 * When holds keep more than max_held beyond retention the oldest are given up: their records go,
 * and they hold nothing until they move to a position that is still there.
 *
 * Holds are kept in the journal: a reader that comes back after a restart finds what it had not
 * read, although retention goes on before it has connected. So journal_release() is for a reader
 * that will not come back, not for the end of the process. */
int journal_hold(struct journal *journal, const char *name, struct position position);
void journal_release(struct journal *journal, const char *name);
/* Releases every hold of an earlier run but those of the COUNT readers in NAMES. */
void journal_keep_holds(struct journal *journal, const char *const *names, size_t count);

#endif
