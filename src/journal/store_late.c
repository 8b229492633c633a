/* The tables of tags that came late, see store.h. Lookups are bounded, whatever there is. */
#include "base/big_endian.h"
#include "journal/store_internal.h"
#include <xxhash.h>

enum { PLACE_BYTES = 8 + POSITION_BYTES, CHECKSUM_BYTES = 4 };
enum { LEADER_ROW_BYTES = 8 };

/* The most entries that one lookup goes through. */
enum { LATE_LOOK = 4096 };

/* An entry of either table: key and value follow each other, then the checksum of both. */
struct late_entry {
    unsigned char bytes[PLACE_BYTES + RECORD_TAG_BYTES];
    unsigned char checksum[CHECKSUM_BYTES];
};

/* Sorts as the number does. */
static unsigned char *put_leader(unsigned char *at, int64_t leader)
{
    return put_u64(at, (uint64_t)leader ^ (uint64_t)1 << 63);
}

static void encode_place(struct tag_place place, unsigned char bytes[PLACE_BYTES])
{
    position_encode(place.late, put_leader(bytes, place.leader));
}

static struct tag_place decode_place(const unsigned char bytes[PLACE_BYTES])
{
    return (struct tag_place){.leader = (int64_t)(get_u64(bytes) ^ (uint64_t)1 << 63),
                              .late = position_decode(bytes + 8)};
}

/* KEY and VALUE lie in ENTRY. */
static void seal(struct late_entry *entry, size_t key_len, MDB_val *key, MDB_val *value)
{
    put_u32(entry->checksum, (uint32_t)XXH3_64bits(entry->bytes, sizeof(entry->bytes)));
    *key = (MDB_val){key_len, entry->bytes};
    *value = (MDB_val){sizeof(*entry) - key_len, entry->bytes + key_len};
}

static int unseal(struct late_entry *ret_entry, const MDB_val *key, const MDB_val *value)
{
    if (key->mv_size + value->mv_size != sizeof(*ret_entry) ||
        key->mv_size > sizeof(ret_entry->bytes))
        return MDB_CORRUPTED;
    memcpy(ret_entry->bytes, key->mv_data, key->mv_size);
    memcpy(ret_entry->bytes + key->mv_size, value->mv_data, value->mv_size);
    uint32_t checksum = (uint32_t)XXH3_64bits(ret_entry->bytes, sizeof(ret_entry->bytes));
    return get_u32(ret_entry->checksum) == checksum ? 0 : MDB_CORRUPTED;
}

/* --- writing ----------------------------------------------------------------------------- */

int store_get_leader(const struct store *store, MDB_txn *txn, struct store_leader *ret_leader)
{
    MDB_val row;
    int code = store_get_meta(store, txn, "leader", &row);
    *ret_leader = (struct store_leader){0};
    if (code != 0)
        return code == MDB_NOTFOUND ? 0 : code;
    if (row.mv_size != LEADER_ROW_BYTES)
        return row.mv_size == 0 ? 0 : MDB_CORRUPTED;
    *ret_leader = (struct store_leader){.known = true, .tag = (int64_t)get_u64(row.mv_data)};
    return 0;
}

int store_put_leader(const struct store *store, MDB_txn *txn, const struct store_leader *leader)
{
    unsigned char row[LEADER_ROW_BYTES];
    put_u64(row, (uint64_t)leader->tag);
    return store_put_meta(store, txn, "leader",
                          (struct str){(const char *)row, leader->known ? sizeof(row) : 0});
}

static int put_both(const struct store *store, MDB_txn *txn, int64_t tag, struct tag_place place)
{
    MDB_val key;
    MDB_val value;
    struct late_entry by_tag;
    record_tag_encode(tag, by_tag.bytes);
    encode_place(place, by_tag.bytes + RECORD_TAG_BYTES);
    seal(&by_tag, RECORD_TAG_BYTES, &key, &value);
    int code = mdb_put(txn, store->late, &key, &value, 0);
    if (code != 0)
        return code;
    struct late_entry by_place;
    encode_place(place, by_place.bytes);
    record_tag_encode(tag, by_place.bytes + PLACE_BYTES);
    seal(&by_place, PLACE_BYTES, &key, &value);
    return mdb_put(txn, store->late_order, &key, &value, 0);
}

static int delete_both(const struct store *store, MDB_txn *txn, int64_t tag, struct tag_place place)
{
    unsigned char by_tag[RECORD_TAG_BYTES];
    unsigned char by_place[PLACE_BYTES];
    record_tag_encode(tag, by_tag);
    encode_place(place, by_place);
    int code = mdb_del(txn, store->late, &(MDB_val){sizeof(by_tag), by_tag}, NULL);
    if (code == 0 || code == MDB_NOTFOUND)
        code = mdb_del(txn, store->late_order, &(MDB_val){sizeof(by_place), by_place}, NULL);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int get_late(const struct store *store, MDB_txn *txn, int64_t tag,
                    struct tag_place *ret_place)
{
    unsigned char bytes[RECORD_TAG_BYTES];
    struct late_entry entry;
    record_tag_encode(tag, bytes);
    MDB_val key = {sizeof(bytes), bytes};
    MDB_val value;
    int code = mdb_get(txn, store->late, &key, &value);
    if (code == 0)
        code = unseal(&entry, &key, &value);
    if (code == 0)
        *ret_place = decode_place(entry.bytes + RECORD_TAG_BYTES);
    return code;
}

/* Forgets the oldest while there are too many. */
static int forget_oldest(const struct store *store, MDB_txn *txn)
{
    MDB_stat stat;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    struct late_entry entry;
    int code = mdb_stat(txn, store->late_order, &stat);
    if (code != 0 || stat.ms_entries <= LATE_MAX)
        return code;
    code = mdb_cursor_open(txn, store->late_order, &cursor);
    if (code != 0)
        return code;
    code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    if (code == 0)
        code = unseal(&entry, &key, &value);
    mdb_cursor_close(cursor);
    if (code != 0)
        return code;
    return delete_both(store, txn, (int64_t)get_u64(entry.bytes + PLACE_BYTES),
                       decode_place(entry.bytes));
}

int store_note_tag(const struct store *store, MDB_txn *txn, struct store_leader *leader,
                   int64_t tag, struct position position)
{
    struct tag_place before;
    if (!leader->known || tag >= leader->tag) {
        *leader = (struct store_leader){.known = true, .tag = tag, .changed = true};
        return 0;
    }
    int code = get_late(store, txn, tag, &before);
    if (code == 0)
        code = delete_both(store, txn, tag, before);
    if (code == 0 || code == MDB_NOTFOUND)
        code = put_both(store, txn, tag, (struct tag_place){leader->tag, position});
    return code == 0 ? forget_oldest(store, txn) : code;
}

int store_forget_late(const struct store *store, MDB_txn *txn)
{
    int code = mdb_drop(txn, store->late, 0);
    if (code == 0)
        code = mdb_drop(txn, store->late_order, 0);
    return code == 0 ? store_put_leader(store, txn, &(struct store_leader){0}) : code;
}

/* --- reading ----------------------------------------------------------------------------- */

static int look_up_tag(const struct store *store, MDB_txn *txn, struct journal_tag *tag)
{
    int code = store_get_tag(store, txn, tag->tag, &tag->position);
    tag->here = code == 0;
    tag->place = (struct tag_place){.leader = tag->tag};
    if (code != MDB_NOTFOUND)
        return code;
    code = get_late(store, txn, tag->tag, &tag->place);
    return code == MDB_NOTFOUND ? 0 : code;
}

/* Those that are greater than the leader of AFTER are left out. */
static int take_late(struct journal_look *look, const struct late_entry *entry)
{
    const struct journal_late late = {.tag = (int64_t)get_u64(entry->bytes + PLACE_BYTES),
                                      .place = decode_place(entry->bytes)};
    look->late_up_to = late.place;
    if (late.tag <= look->after.leader)
        look->late[look->late_count++] = late;
    return 0;
}

static int look_up_late(const struct store *store, MDB_txn *txn, struct journal_look *look)
{
    unsigned char from[PLACE_BYTES];
    MDB_cursor *cursor;
    MDB_val value;
    struct late_entry entry;
    encode_place(look->after, from);
    MDB_val key = {sizeof(from), from};
    look->late_count = 0;
    look->late_all = false;
    int code = mdb_cursor_open(txn, store->late_order, &cursor);
    if (code != 0)
        return code;
    code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (int n = 0; code == 0 && n < LATE_LOOK && look->late_count < look->late_room; n++) {
        code = unseal(&entry, &key, &value);
        if (code == 0 && tag_place_compare(decode_place(entry.bytes), look->after) > 0)
            code = take_late(look, &entry);
        if (code == 0)
            code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    look->late_all = code == MDB_NOTFOUND;
    return code == MDB_NOTFOUND ? 0 : code;
}

static int look_up_late_newest(const struct store *store, MDB_txn *txn, struct position *ret_newest)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    struct late_entry entry;
    *ret_newest = (struct position){0};
    int code = mdb_cursor_open(txn, store->late_order, &cursor);
    if (code != 0)
        return code;
    code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (code == 0)
        code = unseal(&entry, &key, &value);
    if (code == 0)
        *ret_newest = decode_place(entry.bytes).late;
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

int store_look_up(struct store *store, struct journal_look *look)
{
    MDB_txn *txn;
    struct store_state state;
    struct store_leader leader;
    int code = store_begin_read(store, &txn);
    if (code != 0)
        return store_error(store, code, "read", NULL);
    code = store_get_state(store, txn, &state);
    if (code == 0)
        code = store_get_leader(store, txn, &leader);
    for (size_t i = 0; code == 0 && i < look->tag_count; i++)
        code = look_up_tag(store, txn, &look->tags[i]);
    if (code == 0)
        code = look_up_late(store, txn, look);
    if (code == 0)
        code = look_up_late_newest(store, txn, &look->late_newest);
    store_end_read(store, txn, 0);
    if (code != 0)
        return store_error(store, code, "read", NULL);
    look->trimmed = state.trimmed;
    look->has_leader = leader.known;
    look->leader = leader.tag;
    return 0;
}

/* --- verifying --------------------------------------------------------------------------- */

/* What the table of places says of it. */
static int check_late_entry(const struct store *store, MDB_txn *txn, const MDB_val *key,
                            const MDB_val *value)
{
    struct late_entry by_tag;
    struct late_entry by_place;
    MDB_val place = {PLACE_BYTES, by_tag.bytes + RECORD_TAG_BYTES};
    MDB_val tag;
    int code = unseal(&by_tag, key, value);
    if (code == 0)
        code = mdb_get(txn, store->late_order, &place, &tag);
    if (code == 0)
        code = unseal(&by_place, &place, &tag);
    if (code == 0 && memcmp(by_place.bytes + PLACE_BYTES, by_tag.bytes, RECORD_TAG_BYTES) != 0)
        code = MDB_CORRUPTED;
    return code == MDB_NOTFOUND ? MDB_CORRUPTED : code;
}

int store_check_late(const struct store *store, MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    MDB_stat by_tag;
    MDB_stat by_place;
    int code = mdb_stat(txn, store->late, &by_tag);
    if (code == 0)
        code = mdb_stat(txn, store->late_order, &by_place);
    if (code == 0 && by_tag.ms_entries != by_place.ms_entries)
        return MDB_CORRUPTED;
    if (code == 0)
        code = mdb_cursor_open(txn, store->late, &cursor);
    if (code != 0)
        return code;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        if ((code = check_late_entry(store, txn, &key, &value)) != 0)
            break;
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}
