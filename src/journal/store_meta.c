#include "base/big_endian.h"
#include "journal/store_internal.h"
#include <errno.h>

/* The rows of the table meta, see store.h. */
enum { STATE_BYTES = 8 + 8 + POSITION_BYTES, IDENTITY_BYTES = 8 + 8 + 64 + 64 };

int store_get_meta(const struct store *store, MDB_txn *txn, const char *name, MDB_val *ret_value)
{
    MDB_val key = {strlen(name), (void *)(uintptr_t)name};
    return mdb_get(txn, store->meta, &key, ret_value);
}

int store_put_meta(const struct store *store, MDB_txn *txn, const char *name, struct str value)
{
    MDB_val key = {strlen(name), (void *)(uintptr_t)name};
    MDB_val data = {value.len, (void *)(uintptr_t)value.data};
    return mdb_put(txn, store->meta, &key, &data, 0);
}

int store_get_state(const struct store *store, MDB_txn *txn, struct store_state *ret_state)
{
    MDB_val row;
    int code = store_get_meta(store, txn, "state", &row);
    if (code != 0)
        return code == MDB_NOTFOUND ? MDB_CORRUPTED : code;
    if (row.mv_size != STATE_BYTES)
        return MDB_CORRUPTED;
    const unsigned char *at = row.mv_data;
    ret_state->mark = get_u64(at);
    ret_state->bytes = get_u64(at + 8);
    ret_state->trimmed = position_decode(at + 16);
    return 0;
}

int store_put_state(const struct store *store, MDB_txn *txn, const struct store_state *state)
{
    unsigned char row[STATE_BYTES];
    unsigned char *at = put_u64(row, state->mark);
    at = put_u64(at, state->bytes);
    position_encode(state->trimmed, at);
    return store_put_meta(store, txn, "state", (struct str){(const char *)row, sizeof(row)});
}

int store_put_identity(const struct store *store, MDB_txn *txn,
                       const struct journal_identity *identity)
{
    unsigned char row[IDENTITY_BYTES] = {0};
    memcpy(row, identity->epoch, 8);
    unsigned char *at = put_u64(row + 8, identity->system_identifier);
    memcpy(at, identity->database, strnlen(identity->database, 64));
    memcpy(at + 64, identity->slot, strnlen(identity->slot, 64));
    return store_put_meta(store, txn, "identity", (struct str){(const char *)row, sizeof(row)});
}

int store_get_identity(const struct store *store, MDB_txn *txn,
                       struct journal_identity *ret_identity)
{
    MDB_val row;
    int code = store_get_meta(store, txn, "identity", &row);
    *ret_identity = (struct journal_identity){0};
    if (code != 0)
        return code == MDB_NOTFOUND ? 0 : code;
    if (row.mv_size != IDENTITY_BYTES)
        return MDB_CORRUPTED;
    const unsigned char *at = row.mv_data;
    memcpy(ret_identity->epoch, at, 8);
    ret_identity->system_identifier = get_u64(at + 8);
    memcpy(ret_identity->database, at + 16, 63);
    memcpy(ret_identity->slot, at + 80, 63);
    return 0;
}

int store_block_code(int rc)
{
    return rc == -EIO ? MDB_CORRUPTED : -rc;
}

int store_get_position(const MDB_val *value, struct position *ret_position)
{
    if (value->mv_size != POSITION_BYTES)
        return MDB_CORRUPTED;
    *ret_position = position_decode(value->mv_data);
    return 0;
}

int store_open_block(struct block *ret_block, const MDB_val *key, const MDB_val *value)
{
    struct position last;
    if (store_get_position(key, &last) != 0)
        return -EIO;
    return block_open(ret_block, last, value->mv_data, value->mv_size);
}

/* The block at one end; MDB_NOTFOUND when there is none. */
static int get_end(MDB_cursor *cursor, MDB_cursor_op which, struct block *ret_block)
{
    MDB_val key;
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, which);
    if (code == 0 && store_open_block(ret_block, &key, &value) != 0)
        code = MDB_CORRUPTED;
    return code;
}

int store_get_extent(const struct store *store, MDB_txn *txn, struct store_extent *ret_extent)
{
    struct store_state state;
    MDB_cursor *cursor;
    struct block block = {0};
    int code = store_get_state(store, txn, &state);
    if (code == 0)
        code = mdb_cursor_open(txn, store->records, &cursor);
    if (code != 0)
        return code;
    struct store_extent extent = {
        .mark = state.mark, .bytes = state.bytes, .trimmed = state.trimmed};
    code = get_end(cursor, MDB_FIRST, &block);
    extent.oldest = block.first;
    extent.oldest_end = block.last;
    extent.oldest_time_us = block.time_us;
    if (code == 0)
        code = get_end(cursor, MDB_LAST, &block);
    extent.newest = block.last;
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND) {
        extent.empty = true;
        extent.newest = state.trimmed;
        code = 0;
    }
    if (code == 0)
        *ret_extent = extent;
    return code;
}
