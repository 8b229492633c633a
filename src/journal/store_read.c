#include "journal/store_internal.h"
#include <errno.h>

static int try_to_begin(struct store *store, MDB_txn **ret_txn)
{
    pthread_rwlock_rdlock(&store->lock);
    int code = store->env ? mdb_txn_begin(store->env, NULL, MDB_RDONLY, ret_txn) : MDB_PANIC;
    if (code != 0)
        pthread_rwlock_unlock(&store->lock);
    return code;
}

int store_begin_read(struct store *store, MDB_txn **ret_txn)
{
    int code = try_to_begin(store, ret_txn);
    /* Another process writes, and the log has grown past our mapping. */
    if (code == MDB_MAP_RESIZED && (code = store_env_remap(store)) == 0)
        code = try_to_begin(store, ret_txn);
    /* The writer finds the same and opens the environment again. */
    return code == MDB_PANIC ? EAGAIN : code;
}

void store_end_read(struct store *store, MDB_txn *txn, size_t bytes)
{
    mdb_txn_abort(txn);
    resident_touched(&store->resident, bytes);
    pthread_rwlock_unlock(&store->lock);
}

static int answer(const struct store *store, int code, struct error *err)
{
    return code == 0 ? 0 : store_error(store, code, "read", err);
}

int store_extent(struct store *store, struct store_extent *ret_extent, struct error *err)
{
    MDB_txn *txn;
    int code = store_begin_read(store, &txn);
    if (code == 0) {
        code = store_get_extent(store, txn, ret_extent);
        store_end_read(store, txn, 0);
    }
    return answer(store, code, err);
}

int store_identity(struct store *store, struct journal_identity *ret_identity, struct error *err)
{
    MDB_txn *txn;
    int code = store_begin_read(store, &txn);
    if (code == 0) {
        code = store_get_identity(store, txn, ret_identity);
        store_end_read(store, txn, 0);
    }
    return answer(store, code, err);
}

int store_holds(struct store *store, struct buffer *holds, struct error *err)
{
    MDB_txn *txn;
    MDB_val row;
    int code = store_begin_read(store, &txn);
    if (code == 0) {
        code = store_get_meta(store, txn, "holds", &row);
        if (code == 0)
            code = -buffer_append(holds, row.mv_data, row.mv_size);
        else if (code == MDB_NOTFOUND)
            code = 0;
        store_end_read(store, txn, 0);
    }
    return answer(store, code, err);
}

int store_find_tag(struct store *store, int64_t tag, struct position *ret_position)
{
    MDB_txn *txn;
    int code = store_begin_read(store, &txn);
    if (code == 0) {
        code = store_get_tag(store, txn, tag, ret_position);
        store_end_read(store, txn, 0);
    }
    return code == MDB_NOTFOUND ? -ENOENT : answer(store, code, NULL);
}

/* --- slices ------------------------------------------------------------------------------ */

/* The records of the block, out of the mapping: they stay when the transaction ends. */
static int unpack(const struct block *block, struct store_slice *ret_slice)
{
    struct shared *owner = shared_new(NULL, block->body_len);
    if (!owner)
        return ENOMEM;
    if (block_unpack(block, owner->data) != 0) {
        shared_unref(owner);
        return MDB_CORRUPTED;
    }
    *ret_slice = (struct store_slice){owner, {owner->data, owner->len}};
    return 0;
}

/* BYTES: of the mapping that were read. */
static int read_block(MDB_cursor *cursor, struct position after, struct store_slice *ret_slice,
                      size_t *bytes)
{
    MDB_val key;
    MDB_val value;
    struct block block;
    int code = store_seek_after(cursor, after, &key, &value);
    if (code != 0)
        return code;
    *bytes = value.mv_size;
    if (store_open_block(&block, &key, &value) != 0 || !block_follows(&block, after))
        return MDB_CORRUPTED;
    return unpack(&block, ret_slice);
}

static int read_slice(const struct store *store, MDB_txn *txn, struct position after,
                      struct store_slice *ret_slice, size_t *bytes)
{
    struct store_state state;
    MDB_cursor *cursor;
    int code = store_get_state(store, txn, &state);
    if (code != 0)
        return code;
    if (position_compare(after, state.trimmed) < 0)
        return ESTALE;
    code = mdb_cursor_open(txn, store->records, &cursor);
    if (code != 0)
        return code;
    code = read_block(cursor, after, ret_slice, bytes);
    mdb_cursor_close(cursor);
    /* The end, though not of all that there is. */
    if (code == MDB_NOTFOUND && position_compare(after, state.newest) < 0)
        code = MDB_CORRUPTED;
    return code;
}

int store_read(struct store *store, struct position after, struct store_slice *ret_slice)
{
    MDB_txn *txn;
    size_t bytes = 0;
    int code = store_begin_read(store, &txn);
    if (code == 0) {
        code = read_slice(store, txn, after, ret_slice, &bytes);
        store_end_read(store, txn, bytes);
    }
    if (code == MDB_NOTFOUND)
        return 0;
    return code == 0 ? 1 : answer(store, code, NULL);
}

int store_slice_next(struct store_slice *slice, struct position after, struct journal_entry *ret)
{
    struct block_record record;
    int rc;
    do
        rc = block_next(&slice->rest, &record);
    while (rc > 0 && position_compare(record.position, after) <= 0);
    if (rc > 0)
        *ret = (struct journal_entry){record.position, record.view.text, slice->owner};
    return rc;
}

void store_slice_release(struct store_slice *slice)
{
    shared_unref(slice->owner);
    *slice = (struct store_slice){0};
}
