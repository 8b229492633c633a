#include "journal/internal.h"
#include <errno.h>

/* Small, because there is one for each subscriber, most of which wait at the end: what is read from
 * disk is there only while the cursor is behind the ring. */
struct journal_cursor {
    struct journal *journal;
    struct position position;  /* of the last record returned */
    uint64_t number;           /* the ring's bookmark */
    struct shared *current;    /* what the last entry lent */
    struct store_slice *slice; /* NULL unless reading from disk */
    uint32_t generation;
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

static void drop_slice(struct journal_cursor *cursor)
{
    store_slice_free(cursor->slice);
    cursor->slice = NULL;
}

void journal_cursor_close(struct journal_cursor *cursor)
{
    if (!cursor)
        return;
    drop_current(cursor);
    drop_slice(cursor);
    free(cursor);
}

struct position journal_cursor_position(const struct journal_cursor *cursor)
{
    return cursor->position;
}

/* What follows takes the reference to ENTRY's bytes. */
static int hand_out(struct journal_cursor *cursor, struct journal_entry entry,
                    struct journal_entry *ret)
{
    cursor->position = entry.position;
    cursor->current = entry.bytes;
    *ret = entry;
    return 1;
}

static int next_of_slice(struct journal_cursor *cursor, struct journal_entry *ret)
{
    struct store_slice *slice = cursor->slice;
    int rc = hand_out(cursor, slice->entries[slice->next++], ret);
    if (slice->next == slice->count)
        drop_slice(cursor);
    return rc;
}

static bool is_stale(const struct journal_cursor *cursor)
{
    return cursor->generation != atomic_load(&cursor->journal->generation);
}

static int next_from_disk(struct journal_cursor *cursor, struct journal_entry *ret)
{
    int rc = store_read(cursor->journal->store, cursor->position, &cursor->slice);
    /* The writer mends the store and says on_progress when it has. */
    if (rc == -EAGAIN)
        return 0;
    if (rc != 0)
        return rc;
    /* Was it the old epoch that was read? The new one is announced before its first record. */
    if (is_stale(cursor)) {
        drop_slice(cursor);
        return -ESTALE;
    }
    return cursor->slice ? next_of_slice(cursor, ret) : 0;
}

static int next_from_ring(struct journal_cursor *cursor, struct ring_slot slot,
                          struct journal_entry *ret)
{
    if (is_stale(cursor)) {
        shared_unref(slot.bytes);
        return -ESTALE;
    }
    return hand_out(cursor, (struct journal_entry){slot.position, slot.bytes}, ret);
}

int journal_cursor_next(struct journal_cursor *cursor, struct journal_entry *ret)
{
    drop_current(cursor);
    if (is_stale(cursor)) {
        drop_slice(cursor);
        return -ESTALE;
    }
    if (cursor->slice)
        return next_of_slice(cursor, ret);
    struct ring_slot slot;
    switch (ring_read(&cursor->journal->ring, cursor->position, &cursor->number, &slot)) {
    case RING_RECORD:
        return next_from_ring(cursor, slot, ret);
    case RING_AT_END:
        return 0;
    case RING_TOO_OLD:
        break;
    }
    return next_from_disk(cursor, ret);
}
