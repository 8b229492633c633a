#include "journal/store_internal.h"
#include <errno.h>

/* A slice is what a reader that lags keeps in memory; there may be thousands of them. The cost of a
 * transaction, about 2 µs, is spread over one. */
enum { SLICE_RECORDS = 64, SLICE_BYTES = 16 << 10 };

/* A code of this file's own in place of an LMDB code: positive ones are errno's. */
static int begin_read(struct store *store, MDB_txn **ret_txn)
{
    pthread_rwlock_rdlock(&store->lock);
    int code = store->env ? mdb_txn_begin(store->env, NULL, MDB_RDONLY, ret_txn) : MDB_PANIC;
    if (code == 0)
        return 0;
    pthread_rwlock_unlock(&store->lock);
    /* The writer finds the same and opens the environment again. */
    return code == MDB_PANIC ? EAGAIN : code;
}

static void end_read(struct store *store, MDB_txn *txn, size_t bytes)
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
    int code = begin_read(store, &txn);
    if (code == 0) {
        code = store_get_extent(store, txn, ret_extent);
        end_read(store, txn, 0);
    }
    return answer(store, code, err);
}

int store_identity(struct store *store, struct journal_identity *ret_identity, struct error *err)
{
    MDB_txn *txn;
    int code = begin_read(store, &txn);
    if (code == 0) {
        code = store_get_identity(store, txn, ret_identity);
        end_read(store, txn, 0);
    }
    return answer(store, code, err);
}

int store_holds(struct store *store, struct buffer *holds, struct error *err)
{
    MDB_txn *txn;
    MDB_val row;
    int code = begin_read(store, &txn);
    if (code == 0) {
        code = store_get_meta(store, txn, "holds", &row);
        if (code == 0)
            code = -buffer_append(holds, row.mv_data, row.mv_size);
        else if (code == MDB_NOTFOUND)
            code = 0;
        end_read(store, txn, 0);
    }
    return answer(store, code, err);
}

int store_find_tag(struct store *store, int64_t tag, struct position *ret_position)
{
    MDB_txn *txn;
    int code = begin_read(store, &txn);
    if (code == 0) {
        code = store_get_tag(store, txn, tag, ret_position);
        end_read(store, txn, 0);
    }
    return code == MDB_NOTFOUND ? -ENOENT : answer(store, code, NULL);
}

/* --- slices ------------------------------------------------------------------------------ */

static int copy_entry(const struct block_record *record, struct store_slice *slice)
{
    struct shared *bytes = shared_new(record->view.text.data, record->view.text.len);
    if (!bytes)
        return ENOMEM;
    slice->entries[slice->count++] =
        (struct journal_entry){.position = record->position, .bytes = bytes};
    return 0;
}

static bool is_full(const struct store_slice *slice, size_t bytes)
{
    return slice->count == SLICE_RECORDS || bytes >= SLICE_BYTES;
}

/* The records of one block that come after AFTER, as far as they go into SLICE. */
static int copy_block(struct store_slice *slice, const MDB_val *key, const MDB_val *value,
                      struct position after, struct buffer *scratch, size_t *bytes)
{
    struct block block;
    struct str body = {0};
    struct block_record record;
    int rc = store_open_block(&block, key, value);
    struct position read = slice->count > 0 ? slice->entries[slice->count - 1].position : after;
    if (rc == 0 && !block_follows(&block, read))
        rc = -EIO;
    if (rc == 0)
        rc = block_body(&block, scratch, &body);
    while (rc >= 0 && !is_full(slice, *bytes) && (rc = block_next(&body, &record)) > 0) {
        if (position_compare(record.position, after) <= 0)
            continue;
        int code = copy_entry(&record, slice);
        if (code != 0)
            return code;
        *bytes += record.view.text.len;
    }
    return rc < 0 ? store_block_code(rc) : 0;
}

/* CURSOR goes to the block with the first record after AFTER: the key of a block is its last one.
 */
static int seek(MDB_cursor *cursor, struct position after, MDB_val *key, MDB_val *value)
{
    unsigned char wanted[POSITION_BYTES];
    position_encode(after, wanted);
    *key = (MDB_val){sizeof(wanted), wanted};
    int code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (code != 0)
        return code;
    if (key->mv_size == sizeof(wanted) && memcmp(key->mv_data, wanted, sizeof(wanted)) == 0)
        code = mdb_cursor_get(cursor, key, value, MDB_NEXT);
    return code;
}

/* At least one record, whatever its size; MDB_NOTFOUND when there is none. What was copied before a
 * failure counts: the next slice meets the failure again. */
static int fill(struct store_slice *slice, MDB_cursor *cursor, struct position after, size_t *bytes)
{
    MDB_val key;
    MDB_val value;
    struct buffer scratch;
    buffer_init(&scratch, BLOCK_PACKED_MAX);
    int code = seek(cursor, after, &key, &value);
    while (code == 0 && !is_full(slice, *bytes)) {
        code = copy_block(slice, &key, &value, after, &scratch, bytes);
        if (code == 0)
            code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    buffer_release(&scratch);
    return slice->count > 0 ? 0 : code;
}

static int read_slice(const struct store *store, MDB_txn *txn, struct position after,
                      struct store_slice *slice, size_t *bytes)
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
    code = fill(slice, cursor, after, bytes);
    mdb_cursor_close(cursor);
    /* The end, though not of all that there is. */
    if (code == MDB_NOTFOUND && position_compare(after, state.newest) < 0)
        code = MDB_CORRUPTED;
    return code;
}

int store_read(struct store *store, struct position after, struct store_slice **ret_slice)
{
    struct store_slice *slice =
        malloc(sizeof(*slice) + SLICE_RECORDS * sizeof(struct journal_entry));
    if (!slice)
        return -ENOMEM;
    slice->count = 0;
    slice->next = 0;
    MDB_txn *txn;
    size_t bytes = 0;
    int code = begin_read(store, &txn);
    if (code == 0) {
        code = read_slice(store, txn, after, slice, &bytes);
        end_read(store, txn, bytes);
    }
    if (code == 0) {
        *ret_slice = slice;
        return 0;
    }
    free(slice);
    if (code != MDB_NOTFOUND)
        return answer(store, code, NULL);
    *ret_slice = NULL;
    return 0;
}

void store_slice_free(struct store_slice *slice)
{
    if (!slice)
        return;
    for (size_t i = slice->next; i < slice->count; i++)
        shared_unref(slice->entries[i].bytes);
    free(slice);
}
