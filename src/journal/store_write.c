#include "journal/store_internal.h"
#include <errno.h>
#include <stdlib.h>

/* The most records that one transaction trims, beside twice as many as it appends: each may dirty a
 * page of the table of tags. */
enum { TRIM_RECORDS = 8192, TAG_ROOM = 4096 };

/* The most blocks that one transaction counts as past their age. */
enum { AGED_BLOCKS = 16384 };

struct writing {
    struct store *store;
    MDB_txn *txn;
    MDB_cursor *records;
    struct store_state state;
    struct store_aged aged;
    struct store_leader leader;
};

/* --- append ------------------------------------------------------------------------------ */

static int put_tags(const struct writing *w, const struct block_draft *draft)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < draft->count; i++) {
        const struct record *record = &draft->records[i];
        if (record->has_tag)
            code = store_put_tag(w->store, w->txn, record->tag, record->position);
    }
    return code;
}

static int append_block(struct writing *w, const struct block_draft *draft)
{
    unsigned char last[POSITION_BYTES];
    position_encode(draft->records[draft->count - 1].position, last);
    MDB_val key = {sizeof(last), last};
    MDB_val value = {draft->size, NULL};
    int code = mdb_cursor_put(w->records, &key, &value, MDB_APPEND | MDB_RESERVE);
    if (code != 0)
        return code;
    block_write(draft, value.mv_data);
    w->state.bytes += block_footprint(draft->size, draft->tags);
    return draft->tags > 0 ? put_tags(w, draft) : 0;
}

/* A commit whose last step failed may be on disk all the same, so the records of a second try are
 * compared with what is there. */
static int append_all(struct writing *w, const struct store_change *change)
{
    struct store_extent before;
    size_t at = 0;
    int code = store_get_extent(w->store, w->txn, &before);
    if (code != 0)
        return code;
    while (at < change->count && position_compare(change->records[at].position, before.newest) <= 0)
        at++;
    while (code == 0 && at < change->count) {
        const struct record *records = &change->records[at];
        struct block_draft draft;
        size_t count = block_fit(records, change->count - at);
        if (block_draft(&w->store->packer, w->state.newest, records, count, &draft) != 0)
            return ENOMEM;
        code = append_block(w, &draft);
        w->state.newest = records[count - 1].position;
        at += count;
    }
    return code;
}

/* --- trim -------------------------------------------------------------------------------- */

/* The entry of the tag goes with its record, unless a newer record has it by now; the order in
 * which tags came is remembered. */
static int delete_tag(struct writing *w, int64_t tag, struct position position)
{
    unsigned char bytes[RECORD_TAG_BYTES];
    record_tag_encode(tag, bytes);
    MDB_val key = {sizeof(bytes), bytes};
    struct position newest;
    int code = store_note_tag(w->store, w->txn, &w->leader, tag, position);
    if (code != 0)
        return code;
    code = store_get_tag(w->store, w->txn, tag, &newest);
    if (code != 0 || position_compare(newest, position) != 0)
        return code == MDB_NOTFOUND ? 0 : code;
    return mdb_del(w->txn, w->store->tags, &key, NULL);
}

static bool is_surplus(const struct writing *w, const struct store_trim *rules,
                       const struct block *block)
{
    uint64_t over = w->state.bytes > rules->max_bytes ? w->state.bytes - rules->max_bytes : 0;
    if (over == 0 && block->time_us >= rules->before_us)
        return false;
    if (!rules->held || position_compare(block->last, rules->hold) <= 0)
        return true;
    return (over > w->aged.bytes ? over : w->aged.bytes) > rules->max_held;
}

/* What a block takes without its tags: their number is not in its head. */
static uint64_t aged_footprint(const MDB_val *value)
{
    return block_footprint(value->mv_size, 0);
}

/* Goes on counting where the last transaction stopped. */
static int count_aged(struct writing *w, const struct store_trim *rules)
{
    MDB_val key;
    MDB_val value;
    struct block block;
    w->aged = w->store->aged;
    if (position_compare(w->aged.up_to, w->state.trimmed) < 0)
        w->aged = (struct store_aged){.up_to = w->state.trimmed};
    if (!rules->held || rules->max_held == UINT64_MAX || rules->before_us == INT64_MIN)
        return 0;
    int code = store_seek_after(w->records, w->aged.up_to, &key, &value);
    for (int n = 0; code == 0 && n < AGED_BLOCKS; n++) {
        if (store_open_block(&block, &key, &value) != 0)
            return MDB_CORRUPTED;
        if (block.time_us >= rules->before_us)
            return 0;
        w->aged.bytes += aged_footprint(&value);
        w->aged.up_to = block.last;
        code = mdb_cursor_get(w->records, &key, &value, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

static void forget_aged(struct writing *w, struct position last, uint64_t footprint)
{
    if (position_compare(last, w->aged.up_to) <= 0)
        w->aged.bytes -= footprint < w->aged.bytes ? footprint : w->aged.bytes;
}

struct tagged {
    int64_t tag;
    struct position position;
};

/* Copies what the block says of its tags: LMDB lends a value only until the next change. The caller
 * frees the array. */
static int read_tags(const struct block *block, struct tagged **ret_tagged, size_t *ret_count)
{
    struct buffer scratch;
    struct str body = {0};
    struct block_record record;
    size_t count = 0;
    struct tagged *tagged = calloc(block->count, sizeof(*tagged));
    if (!tagged)
        return ENOMEM;
    buffer_init(&scratch, BLOCK_PACKED_MAX);
    int rc = block_body(block, &scratch, &body);
    while (rc >= 0 && count < block->count && (rc = block_next(&body, &record)) > 0)
        if (record.view.has_tag)
            tagged[count++] = (struct tagged){record.view.tag, record.position};
    buffer_release(&scratch);
    if (rc < 0) {
        free(tagged);
        return store_block_code(rc);
    }
    *ret_tagged = tagged;
    *ret_count = count;
    return 0;
}

struct freed {
    uint64_t bytes;
    size_t records; /* 0: nothing is surplus */
};

/* Removes the oldest block if it is surplus. */
static int trim_one(struct writing *w, const struct store_trim *rules, struct freed *ret_freed)
{
    MDB_val key;
    MDB_val value;
    struct block block;
    struct tagged *tagged = NULL;
    size_t tags = 0;
    *ret_freed = (struct freed){0};
    int code = mdb_cursor_get(w->records, &key, &value, MDB_FIRST);
    if (code != 0)
        return code == MDB_NOTFOUND ? 0 : code;
    if (store_open_block(&block, &key, &value) != 0)
        return MDB_CORRUPTED;
    if (!is_surplus(w, rules, &block))
        return 0;
    uint64_t aged = aged_footprint(&value);
    if (block.has_tags)
        code = read_tags(&block, &tagged, &tags);
    struct freed freed = {block_footprint(value.mv_size, tags), block.count};
    if (code == 0)
        code = mdb_cursor_del(w->records, 0);
    for (size_t i = 0; code == 0 && i < tags; i++)
        code = delete_tag(w, tagged[i].tag, tagged[i].position);
    free(tagged);
    if (code != 0)
        return code;
    w->state.bytes -= freed.bytes < w->state.bytes ? freed.bytes : w->state.bytes;
    w->state.trimmed = block.last;
    forget_aged(w, block.last, aged);
    *ret_freed = freed;
    return 0;
}

static int trim(struct writing *w, const struct store_trim *rules, size_t records_max)
{
    uint64_t bytes = 0;
    for (size_t records = 0; records < records_max && bytes < rules->budget;) {
        struct freed freed;
        int code = trim_one(w, rules, &freed);
        if (code != 0)
            return code;
        if (freed.records == 0)
            break;
        bytes += freed.bytes;
        records += freed.records;
    }
    resident_touched(&w->store->resident, bytes);
    return 0;
}

/* --- the transactions -------------------------------------------------------------------- */

static int write_change(struct store *store, MDB_txn *txn, const void *argument)
{
    const struct store_change *change = argument;
    struct writing w = {.store = store, .txn = txn};
    int code = store_get_state(store, txn, &w.state);
    if (code == 0)
        code = store_get_leader(store, txn, &w.leader);
    if (code == 0)
        code = mdb_cursor_open(txn, store->records, &w.records);
    if (code != 0)
        return code;
    code = append_all(&w, change);
    if (code == 0)
        code = count_aged(&w, &change->trim);
    if (code == 0)
        code = trim(&w, &change->trim, TRIM_RECORDS + 2 * change->count);
    if (code == 0 && w.leader.changed)
        code = store_put_leader(store, txn, &w.leader);
    mdb_cursor_close(w.records);
    if (change->mark > w.state.mark)
        w.state.mark = change->mark;
    if (code == 0)
        code = store_put_state(store, txn, &w.state);
    if (code == 0 && change->given != 0)
        code = store_put_given(store, txn, change->given);
    if (code == 0 && change->holds.data)
        code = store_put_meta(store, txn, "holds", change->holds);
    store->aged_next = w.aged;
    return code;
}

int store_write(struct store *store, const struct store_change *change,
                struct store_extent *ret_extent, struct error *err)
{
    uint64_t room = 0;
    for (size_t i = 0; i < change->count; i++)
        room += block_footprint(BLOCK_HEAD_BYTES + record_value_size(&change->records[i]), 1);
    /* Pages may be half full, and each record that comes or goes may touch a page of tags. */
    struct store_task task = {
        .body = write_change, .argument = change, .room = 2 * room + 4 * change->count * TAG_ROOM};
    int rc = store_transact(store, &task, ret_extent, err);
    if (rc != 0)
        return rc;
    store->aged = store->aged_next;
    resident_touched(&store->resident, room);
    return 0;
}

static int write_identity(struct store *store, MDB_txn *txn, const void *argument)
{
    return store_put_identity(store, txn, argument);
}

int store_set_identity(struct store *store, const struct journal_identity *identity,
                       struct store_extent *ret_extent, struct error *err)
{
    struct store_task task = {.body = write_identity, .argument = identity};
    return store_transact(store, &task, ret_extent, err);
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
        code = store_forget_late(store, txn);
    if (code == 0)
        code = store_put_state(store, txn, &(struct store_state){.mark = epoch->mark});
    if (code == 0)
        code = store_put_given(store, txn, 0);
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
    int rc = store_transact(store, &task, ret_extent, err);
    if (rc == 0)
        store->aged = (struct store_aged){0};
    return rc;
}
