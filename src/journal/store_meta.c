#include "base/big_endian.h"
#include "journal/store_internal.h"
#include <errno.h>
#include <xxhash.h>

/* The rows of the table meta, see store.h. */
enum { STATE_BYTES = 8 + 8 + 2 * POSITION_BYTES, IDENTITY_BYTES = 8 + 8 + 64 + 64 + 4 };
enum { GIVEN_BYTES = 8 };
enum { ROW_CHECKSUM_BYTES = 8, TAG_CHECKSUM_BYTES = 4 };

static MDB_val key_of(const char *name)
{
    return (MDB_val){strlen(name), (void *)(uintptr_t)name};
}

/* --- the format, which must be read whatever it is ----------------------------------------- */

int store_get_format(const struct store *store, MDB_txn *txn, MDB_val *ret_format)
{
    MDB_val key = key_of("format");
    return mdb_get(txn, store->meta, &key, ret_format);
}

int store_put_format(const struct store *store, MDB_txn *txn)
{
    MDB_val key = key_of("format");
    MDB_val value = key_of(STORE_FORMAT);
    return mdb_put(txn, store->meta, &key, &value, 0);
}

/* --- rows with a checksum ------------------------------------------------------------------ */

static uint64_t row_checksum(const char *name, const void *value, size_t len)
{
    return XXH3_64bits_withSeed(value, len, XXH3_64bits(name, strlen(name)));
}

int store_get_meta(const struct store *store, MDB_txn *txn, const char *name, MDB_val *ret_value)
{
    MDB_val key = key_of(name);
    MDB_val row;
    int code = mdb_get(txn, store->meta, &key, &row);
    if (code != 0)
        return code;
    if (ROW_CHECKSUM_BYTES > row.mv_size)
        return MDB_CORRUPTED;
    row.mv_size -= ROW_CHECKSUM_BYTES;
    const unsigned char *checksum = (const unsigned char *)row.mv_data + row.mv_size;
    if (get_u64(checksum) != row_checksum(name, row.mv_data, row.mv_size))
        return MDB_CORRUPTED;
    *ret_value = row;
    return 0;
}

int store_put_meta(const struct store *store, MDB_txn *txn, const char *name, struct str value)
{
    MDB_val key = key_of(name);
    MDB_val row = {value.len + ROW_CHECKSUM_BYTES, NULL};
    int code = mdb_put(txn, store->meta, &key, &row, MDB_RESERVE);
    if (code != 0)
        return code;
    memcpy(row.mv_data, value.data, value.len);
    put_u64((unsigned char *)row.mv_data + value.len, row_checksum(name, value.data, value.len));
    return 0;
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
    ret_state->newest = position_decode(at + 16 + POSITION_BYTES);
    return 0;
}

int store_put_state(const struct store *store, MDB_txn *txn, const struct store_state *state)
{
    unsigned char row[STATE_BYTES];
    unsigned char *at = put_u64(row, state->mark);
    at = put_u64(at, state->bytes);
    position_encode(state->trimmed, at);
    position_encode(state->newest, at + POSITION_BYTES);
    return store_put_meta(store, txn, "state", (struct str){(const char *)row, sizeof(row)});
}

/* A journal of an earlier version has none. */
static int get_given(const struct store *store, MDB_txn *txn, uint64_t *ret_given)
{
    MDB_val row;
    int code = store_get_meta(store, txn, "given", &row);
    if (code == 0 && row.mv_size != GIVEN_BYTES)
        return MDB_CORRUPTED;
    if (code == 0 || code == MDB_NOTFOUND)
        *ret_given = code == 0 ? get_u64(row.mv_data) : 0;
    return code == MDB_NOTFOUND ? 0 : code;
}

int store_put_given(const struct store *store, MDB_txn *txn, uint64_t given)
{
    unsigned char row[GIVEN_BYTES];
    put_u64(row, given);
    return store_put_meta(store, txn, "given", (struct str){(const char *)row, sizeof(row)});
}

int store_put_identity(const struct store *store, MDB_txn *txn,
                       const struct journal_identity *identity)
{
    unsigned char row[IDENTITY_BYTES] = {0};
    memcpy(row, identity->epoch, 8);
    unsigned char *at = put_u64(row + 8, identity->system_identifier);
    memcpy(at, identity->database, strnlen(identity->database, 64));
    memcpy(at + 64, identity->slot, strnlen(identity->slot, 64));
    put_u32(at + 128, identity->timeline);
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
    ret_identity->timeline = get_u32(at + 144);
    return 0;
}

int store_block_code(int rc)
{
    return rc == -EIO ? MDB_CORRUPTED : -rc;
}

int store_seek_after(MDB_cursor *cursor, struct position after, MDB_val *key, MDB_val *value)
{
    unsigned char wanted[POSITION_BYTES];
    position_encode(after, wanted);
    *key = (MDB_val){sizeof(wanted), wanted};
    int code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (code == 0 && key->mv_size == sizeof(wanted) &&
        memcmp(key->mv_data, wanted, sizeof(wanted)) == 0)
        code = mdb_cursor_get(cursor, key, value, MDB_NEXT);
    return code;
}

int store_open_block(struct block *ret_block, const MDB_val *key, const MDB_val *value)
{
    if (key->mv_size != POSITION_BYTES)
        return -EIO;
    return block_open(ret_block, position_decode(key->mv_data), value->mv_data, value->mv_size);
}

/* --- tags ---------------------------------------------------------------------------------- */

struct tag_entry {
    unsigned char tag[RECORD_TAG_BYTES];
    unsigned char position[POSITION_BYTES];
    unsigned char checksum[TAG_CHECKSUM_BYTES];
};

static uint32_t tag_checksum(const struct tag_entry *entry)
{
    return (uint32_t)XXH3_64bits(entry, offsetof(struct tag_entry, checksum));
}

int store_put_tag(const struct store *store, MDB_txn *txn, int64_t tag, struct position position)
{
    struct tag_entry entry;
    record_tag_encode(tag, entry.tag);
    position_encode(position, entry.position);
    put_u32(entry.checksum, tag_checksum(&entry));
    MDB_val key = {sizeof(entry.tag), entry.tag};
    MDB_val value = {sizeof(entry.position) + sizeof(entry.checksum), entry.position};
    return mdb_put(txn, store->tags, &key, &value, 0);
}

int store_read_tag(const MDB_val *key, const MDB_val *value, int64_t *ret_tag,
                   struct position *ret_position)
{
    struct tag_entry entry;
    if (key->mv_size != sizeof(entry.tag) ||
        value->mv_size != sizeof(entry.position) + sizeof(entry.checksum))
        return MDB_CORRUPTED;
    memcpy(entry.tag, key->mv_data, key->mv_size);
    memcpy(entry.position, value->mv_data, value->mv_size);
    if (get_u32(entry.checksum) != tag_checksum(&entry))
        return MDB_CORRUPTED;
    *ret_tag = (int64_t)get_u64(entry.tag);
    *ret_position = position_decode(entry.position);
    return 0;
}

int store_get_tag(const struct store *store, MDB_txn *txn, int64_t tag,
                  struct position *ret_position)
{
    unsigned char bytes[RECORD_TAG_BYTES];
    record_tag_encode(tag, bytes);
    MDB_val key = {sizeof(bytes), bytes};
    MDB_val value;
    int64_t found;
    int code = mdb_get(txn, store->tags, &key, &value);
    return code == 0 ? store_read_tag(&key, &value, &found, ret_position) : code;
}

/* --- both ends ----------------------------------------------------------------------------- */

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

/* SCRATCH for the body. MDB_NOTFOUND when there is no block. */
static int check_end(MDB_cursor *cursor, MDB_cursor_op which, struct buffer *scratch)
{
    struct block block;
    struct str body;
    struct block_record record;
    int code = get_end(cursor, which, &block);
    if (code != 0)
        return code;
    int rc = block_body(&block, scratch, &body);
    while (rc >= 0 && (rc = block_next(&body, &record)) > 0)
        ;
    return rc < 0 ? store_block_code(rc) : 0;
}

int store_check_ends(const struct store *store, MDB_txn *txn)
{
    struct store_extent extent;
    MDB_cursor *cursor;
    struct buffer scratch;
    int code = store_get_extent(store, txn, &extent);
    if (code == 0)
        code = mdb_cursor_open(txn, store->records, &cursor);
    if (code != 0)
        return code;
    buffer_init(&scratch, BLOCK_PACKED_MAX);
    code = check_end(cursor, MDB_FIRST, &scratch);
    if (code == 0)
        code = check_end(cursor, MDB_LAST, &scratch);
    buffer_release(&scratch);
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

int store_get_extent(const struct store *store, MDB_txn *txn, struct store_extent *ret_extent)
{
    struct store_state state;
    uint64_t given;
    MDB_cursor *cursor;
    struct block block = {0};
    int code = store_get_state(store, txn, &state);
    if (code == 0)
        code = get_given(store, txn, &given);
    if (code == 0)
        code = mdb_cursor_open(txn, store->records, &cursor);
    if (code != 0)
        return code;
    struct store_extent extent = {.mark = state.mark,
                                  .bytes = state.bytes,
                                  .trimmed = state.trimmed,
                                  .newest = state.newest,
                                  .given = given};
    code = get_end(cursor, MDB_FIRST, &block);
    struct position before_oldest = block.previous;
    extent.oldest = block.first;
    extent.oldest_end = block.last;
    extent.oldest_time_us = block.time_us;
    if (code == 0)
        code = get_end(cursor, MDB_LAST, &block);
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND) {
        extent.empty = true;
        block.last = before_oldest = state.trimmed;
        code = 0;
    }
    /* A block that went missing at either end. */
    if (code == 0 && (position_compare(block.last, state.newest) != 0 ||
                      position_compare(before_oldest, state.trimmed) != 0))
        code = MDB_CORRUPTED;
    if (code == 0)
        *ret_extent = extent;
    return code;
}
