#include "journal/store_internal.h"

/* The most records that one transaction trims, beside twice as many as it appends: each may dirty a
 * page of the table of tags. */
enum { TRIM_RECORDS = 8192, TAG_ROOM = 4096 };

struct writing {
    struct store *store;
    MDB_txn *txn;
    MDB_cursor *records;
    struct store_state state;
};

/* --- append ------------------------------------------------------------------------------ */

static int put_tag(const struct writing *w, int64_t tag, MDB_val *position)
{
    unsigned char bytes[RECORD_TAG_BYTES];
    record_tag_encode(tag, bytes);
    MDB_val key = {sizeof(bytes), bytes};
    return mdb_put(w->txn, w->store->tags, &key, position, 0);
}

static int append_one(struct writing *w, const struct record *record)
{
    unsigned char position[POSITION_BYTES];
    position_encode(record->position, position);
    MDB_val key = {sizeof(position), position};
    MDB_val value = {record_value_size(record), NULL};
    int code = mdb_cursor_put(w->records, &key, &value, MDB_APPEND | MDB_RESERVE);
    if (code != 0)
        return code;
    record_encode(record, value.mv_data);
    w->state.bytes += record_footprint(value.mv_size, record->has_tag);
    if (!record->has_tag)
        return 0;
    MDB_val tagged = {sizeof(position), position};
    return put_tag(w, record->tag, &tagged);
}

/* A commit whose last step failed may be on disk all the same, so the records of a second try are
 * compared with what is there. */
static int append_all(struct writing *w, const struct store_change *change)
{
    struct store_extent before;
    int code = store_get_extent(w->store, w->txn, &before);
    for (size_t i = 0; code == 0 && i < change->count; i++)
        if (position_compare(change->records[i].position, before.newest) > 0)
            code = append_one(w, &change->records[i]);
    return code;
}

/* --- trim -------------------------------------------------------------------------------- */

/* The entry of the tag goes with its record, unless a newer record has it by now. */
static int delete_tag(const struct writing *w, int64_t tag, struct position position)
{
    unsigned char bytes[RECORD_TAG_BYTES];
    record_tag_encode(tag, bytes);
    MDB_val key = {sizeof(bytes), bytes};
    MDB_val value;
    struct position newest;
    int code = mdb_get(w->txn, w->store->tags, &key, &value);
    if (code != 0)
        return code == MDB_NOTFOUND ? 0 : code;
    code = store_get_position(&value, &newest);
    if (code != 0 || position_compare(newest, position) != 0)
        return code;
    return mdb_del(w->txn, w->store->tags, &key, NULL);
}

static bool is_surplus(const struct writing *w, const struct store_trim *rules,
                       struct position position, const struct record_view *view)
{
    if (rules->held && position_compare(position, rules->hold) > 0)
        return false;
    return w->state.bytes > rules->max_bytes || view->time_us < rules->before_us;
}

/* Removes the oldest record if it is surplus. *RET_FREED is what that gave, 0 when nothing is
 * surplus. */
static int trim_one(struct writing *w, const struct store_trim *rules, uint64_t *ret_freed)
{
    MDB_val key;
    MDB_val value;
    struct position position;
    struct record_view view;
    *ret_freed = 0;
    int code = mdb_cursor_get(w->records, &key, &value, MDB_FIRST);
    if (code != 0)
        return code == MDB_NOTFOUND ? 0 : code;
    code = store_get_position(&key, &position);
    if (code == 0 && record_decode(&view, value.mv_data, value.mv_size) != 0)
        code = MDB_CORRUPTED;
    if (code != 0 || !is_surplus(w, rules, position, &view))
        return code;
    uint64_t freed = record_footprint(value.mv_size, view.has_tag);
    code = mdb_cursor_del(w->records, 0);
    if (code == 0 && view.has_tag)
        code = delete_tag(w, view.tag, position);
    if (code != 0)
        return code;
    w->state.bytes -= freed < w->state.bytes ? freed : w->state.bytes;
    w->state.trimmed = position;
    *ret_freed = freed;
    return 0;
}

static int trim(struct writing *w, const struct store_trim *rules, size_t records_max)
{
    uint64_t total = 0;
    for (size_t i = 0; i < records_max && total < rules->budget; i++) {
        uint64_t freed;
        int code = trim_one(w, rules, &freed);
        if (code != 0)
            return code;
        if (freed == 0)
            break;
        total += freed;
    }
    resident_touched(&w->store->resident, total);
    return 0;
}

/* --- the transactions -------------------------------------------------------------------- */

static int write_change(struct store *store, MDB_txn *txn, const void *argument)
{
    const struct store_change *change = argument;
    struct writing w = {.store = store, .txn = txn};
    int code = store_get_state(store, txn, &w.state);
    if (code == 0)
        code = mdb_cursor_open(txn, store->records, &w.records);
    if (code != 0)
        return code;
    code = append_all(&w, change);
    if (code == 0)
        code = trim(&w, &change->trim, TRIM_RECORDS + 2 * change->count);
    mdb_cursor_close(w.records);
    if (change->mark > w.state.mark)
        w.state.mark = change->mark;
    if (code == 0)
        code = store_put_state(store, txn, &w.state);
    if (code == 0 && change->holds.data)
        code = store_put_meta(store, txn, "holds", change->holds);
    return code;
}

int store_write(struct store *store, const struct store_change *change,
                struct store_extent *ret_extent, struct error *err)
{
    uint64_t room = 0;
    for (size_t i = 0; i < change->count; i++)
        room += record_footprint(record_value_size(&change->records[i]), true);
    /* Pages may be half full, and each record that comes or goes may touch a page of tags. */
    struct store_task task = {
        .body = write_change, .argument = change, .room = 2 * room + 4 * change->count * TAG_ROOM};
    int rc = store_transact(store, &task, ret_extent, err);
    if (rc == 0)
        resident_touched(&store->resident, room);
    return rc;
}

struct epoch {
    const struct journal_identity *identity;
    uint64_t mark;
};

static int write_epoch(struct store *store, MDB_txn *txn, const void *argument)
{
    const struct epoch *epoch = argument;
    int code = mdb_drop(txn, store->records, 0);
    if (code == 0)
        code = mdb_drop(txn, store->tags, 0);
    if (code == 0)
        code = store_put_state(store, txn, &(struct store_state){.mark = epoch->mark});
    if (code == 0)
        code = store_put_meta(store, txn, "holds", STR(""));
    if (code == 0)
        code = store_put_identity(store, txn, epoch->identity);
    return code;
}

int store_begin_epoch(struct store *store, const struct journal_identity *identity, uint64_t mark,
                      struct store_extent *ret_extent, struct error *err)
{
    struct epoch epoch = {.identity = identity, .mark = mark};
    struct store_task task = {.body = write_epoch, .argument = &epoch};
    return store_transact(store, &task, ret_extent, err);
}
