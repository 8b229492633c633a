#include "base/planted_bug.h"
#include "journal/internal.h"
#include <errno.h>

enum { CURSOR_AHEAD = 16 };

/* A block that is read from disk is there only while the cursor is behind the ring. */
struct journal_cursor {
    struct journal *journal;
    struct position position; /* of the last record returned */
    uint64_t number;          /* the ring's bookmark */
    struct shared *current;   /* what the last entry lent, from the ring */
    struct store_slice slice; /* what it lent from, and comes next, from disk */
    uint32_t generation;
    unsigned ahead_next, ahead_end;
    struct ring_slot ahead[CURSOR_AHEAD]; /* what comes next, from the ring */
};

int journal_cursor_open(struct journal *journal, struct journal_cursor **ret_cursor,
                        struct position after, struct error *err)
{
    struct journal_cursor *cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return error_set(err, -ENOMEM, "journal cursor: out of memory");
    cursor->journal = journal;
    cursor->position = after;
    cursor->generation = atomic_load(&journal->generation);
    *ret_cursor = cursor;
    return 0;
}

static void drop_current(struct journal_cursor *cursor)
{
    shared_unref(cursor->current);
    cursor->current = NULL;
}

static void drop_all(struct journal_cursor *cursor)
{
    drop_current(cursor);
    while (cursor->ahead_next < cursor->ahead_end)
        shared_unref(cursor->ahead[cursor->ahead_next++].bytes);
    store_slice_release(&cursor->slice);
}

void journal_cursor_close(struct journal_cursor *cursor)
{
    if (!cursor)
        return;
    drop_all(cursor);
    free(cursor);
}

struct position journal_cursor_position(const struct journal_cursor *cursor)
{
    return cursor->position;
}

static bool is_stale(const struct journal_cursor *cursor)
{
    return cursor->generation != atomic_load(&cursor->journal->generation);
}

/* 0 when there is no slice, or no more in it. */
static int next_of_slice(struct journal_cursor *cursor, struct journal_entry *ret)
{
    if (!cursor->slice.owner)
        return 0;
    int rc = store_slice_next(&cursor->slice, cursor->position, ret);
    if (rc > 0)
        cursor->position = ret->position;
    else
        store_slice_release(&cursor->slice);
    return rc;
}

/* The writer mends the store, and says on_records when it has: to who was turned away before, so
 * the second look is for what was mended since the first. */
static int read_disk(struct journal_cursor *cursor)
{
    struct journal *journal = cursor->journal;
    int rc = store_read(journal->store, cursor->position, &cursor->slice);
    if (rc != -EAGAIN)
        return rc;
    atomic_store(&journal->turned_away, true);
    rc = store_read(journal->store, cursor->position, &cursor->slice);
    return rc == -EAGAIN ? 0 : rc;
}

static int next_from_disk(struct journal_cursor *cursor, struct journal_entry *ret)
{
    int rc = read_disk(cursor);
    if (rc <= 0)
        return rc;
    /* Was it the old epoch that was read? The new one is announced before its first record. */
    if (is_stale(cursor)) {
        store_slice_release(&cursor->slice);
        return -ESTALE;
    }
    rc = next_of_slice(cursor, ret);
    return rc == 0 ? -EIO : rc; /* the key promised a record */
}

static int lend(struct journal_cursor *cursor, struct ring_slot slot, struct journal_entry *ret)
{
    cursor->position = slot.position;
    cursor->current = slot.bytes;
    *ret = (struct journal_entry){slot.position, {slot.bytes->data, slot.bytes->len}, slot.bytes};
    return 1;
}

static int next_from_ring(struct journal_cursor *cursor, struct ring_slot slot,
                          struct journal_entry *ret)
{
    if (is_stale(cursor)) {
        shared_unref(slot.bytes);
        return -ESTALE;
    }
    cursor->ahead_next = 0;
    cursor->ahead_end = (unsigned)ring_read_ahead(&cursor->journal->ring, &cursor->number,
                                                  cursor->ahead, CURSOR_AHEAD);
    return lend(cursor, slot, ret);
}

int journal_cursor_next(struct journal_cursor *cursor, struct journal_entry *ret)
{
    drop_current(cursor);
    if (is_stale(cursor)) {
        drop_all(cursor);
        return -ESTALE;
    }
    if (cursor->ahead_next < cursor->ahead_end)
        return lend(cursor, cursor->ahead[cursor->ahead_next++], ret);
    bool was_on_disk = cursor->slice.owner != NULL;
    int rc = next_of_slice(cursor, ret);
    if (rc != 0)
        return rc;
    struct ring_slot slot;
    switch (ring_read(&cursor->journal->ring, cursor->position, &cursor->number, &slot)) {
    case RING_RECORD:
        rc = next_from_ring(cursor, slot, ret);
        return planted_bug(PLANTED_SKIP_AT_SEAM) && was_on_disk && rc > 0
                   ? journal_cursor_next(cursor, ret)
                   : rc;
    case RING_AT_END:
        return 0;
    case RING_TOO_OLD:
        break;
    }
    return next_from_disk(cursor, ret);
}
