#include "journal/verify_internal.h"
#include <inttypes.h>

static int copy_value(struct verify_copy *copy, const MDB_val *key, const MDB_val *value)
{
    if (key->mv_size != POSITION_BYTES)
        return MDB_CORRUPTED;
    copy->last = position_decode(key->mv_data);
    buffer_reset(&copy->value);
    return -buffer_append(&copy->value, value->mv_data, value->mv_size);
}

static int seek(MDB_cursor *cursor, struct position from, MDB_val *key, MDB_val *value)
{
    unsigned char wanted[POSITION_BYTES];
    position_encode(from, wanted);
    *key = (MDB_val){sizeof(wanted), wanted};
    return mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
}

int verify_copy_block(struct verify *v, struct position from)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int code = store_begin_read(v->store, &txn);
    if (code != 0)
        return code;
    code = store_get_state(v->store, txn, &v->state);
    if (code == 0)
        code = mdb_cursor_open(txn, v->store->records, &cursor);
    if (code == 0) {
        code = seek(cursor, from, &key, &value);
        if (code == 0)
            code = copy_value(&v->copy, &key, &value);
        mdb_cursor_close(cursor);
    }
    store_end_read(v->store, txn, v->copy.value.len);
    return code;
}

static struct position next_position(struct position position)
{
    if (position.ordinal < UINT32_MAX)
        return (struct position){position.lsn, position.ordinal + 1};
    return (struct position){position.lsn + 1, 0};
}

const char *verify_open_copy(struct verify_copy *copy)
{
    struct block *block = &copy->block;
    copy->sound = false;
    if (block_open(block, copy->last, copy->value.data, copy->value.len) != 0)
        return "the head of the block that ends here does not fit its checksum";
    if (block_body(block, &copy->scratch, &copy->body) != 0)
        return "the records of the block that ends here do not fit their checksum";
    struct str body = copy->body;
    struct block_record record;
    struct position before = block->previous;
    size_t count = 0;
    size_t tags = 0;
    int rc;
    while ((rc = block_next(&body, &record)) > 0) {
        if (position_compare(record.position, before) <= 0)
            return "the records of the block that ends here are out of order";
        if (count == 0 && position_compare(record.position, block->first) != 0)
            return "the first record of the block that ends here is not the one that its head "
                   "names";
        before = record.position;
        count++;
        tags += record.view.has_tag;
    }
    if (rc < 0 || count != block->count || block->has_tags != (tags > 0) ||
        position_compare(before, copy->last) != 0)
        return "the records of the block that ends here are not those that its head names";
    copy->sound = true;
    return NULL;
}

/* Each record's tag leads to it or to a newer one, unless retention has removed it by now. */
static int check_tags_of_records(struct verify *v, MDB_txn *txn, size_t *ret_tags)
{
    struct str body = v->copy.body;
    struct block_record record;
    struct store_state state;
    int code = store_get_state(v->store, txn, &state);
    while (code == 0 && block_next(&body, &record) > 0) {
        struct position newest = {0};
        if (!record.view.has_tag)
            continue;
        (*ret_tags)++;
        code = store_get_tag(v->store, txn, record.view.tag, &newest);
        if (code != 0 && code != MDB_NOTFOUND && code != MDB_CORRUPTED)
            return code;
        if (code == MDB_CORRUPTED)
            verify_found(v, record.position,
                         "the entry of its tag %" PRId64 " does not fit its checksum",
                         record.view.tag);
        else if (position_compare(newest, record.position) < 0 &&
                 position_compare(record.position, state.trimmed) > 0)
            verify_found(v, record.position, "its tag %" PRId64 " does not lead to it",
                         record.view.tag);
        code = 0;
    }
    return code;
}

/* The last one stands for all that have no place of their own. */
static struct verify_range *range_now(struct verify_report *report)
{
    uint64_t count = report->range_count;
    return &report->ranges[(count < VERIFY_RANGES_MAX ? count : VERIFY_RANGES_MAX) - 1];
}

static void count_range(struct verify *v, const struct block *block)
{
    if (v->broken || v->report->range_count == 0) {
        v->report->range_count++;
        *range_now(v->report) = (struct verify_range){.first = block->first};
    }
    struct verify_range *range = range_now(v->report);
    range->last = block->last;
    range->records += block->count;
    v->broken = false;
}

static int count_block(struct verify *v)
{
    const struct block *block = &v->copy.block;
    size_t tags = 0;
    if (block->has_tags) {
        MDB_txn *txn;
        int code = store_begin_read(v->store, &txn);
        if (code != 0)
            return code;
        code = check_tags_of_records(v, txn, &tags);
        store_end_read(v->store, txn, 0);
        if (code != 0)
            return code;
    }
    v->report->blocks++;
    v->report->records += block->count;
    v->report->bytes += block_footprint(v->copy.value.len, tags);
    count_range(v, block);
    return 0;
}

static int examine_block(struct verify *v)
{
    const char *damage = verify_open_copy(&v->copy);
    if (damage) {
        verify_found(v, v->copy.last, "%s", damage);
        v->broken = true;
        v->at = v->copy.last;
        return 0;
    }
    if (!block_follows(&v->copy.block, v->at) && !v->broken) {
        verify_found(v, v->copy.block.first,
                     "records between the one before and this one are missing");
        v->broken = true;
    }
    v->at = v->copy.last;
    return count_block(v);
}

/* Retention has overtaken us: what we had counted is no more. */
static void start_over(struct verify *v)
{
    v->at = v->trimmed = v->state.trimmed;
    v->broken = false;
    v->report->blocks = v->report->records = v->report->bytes = v->report->range_count = 0;
}

static void finish_blocks(struct verify *v)
{
    if (position_compare(v->at, v->state.newest) != 0)
        verify_found(v, v->state.newest, "the records up to this one are missing");
    /* Only a state of which no block went since we have seen it can be compared. */
    else if (v->report->damage_count == 0 && position_compare(v->trimmed, v->state.trimmed) == 0 &&
             v->report->bytes != v->state.bytes)
        verify_found(v, v->state.newest,
                     "the blocks up to here take %" PRIu64 " bytes, the state says %" PRIu64,
                     v->report->bytes, v->state.bytes);
}

int verify_blocks(struct verify *v)
{
    for (;;) {
        int code = verify_copy_block(v, next_position(v->at));
        if (code != 0 && code != MDB_NOTFOUND)
            return code;
        if (position_compare(v->at, v->state.trimmed) < 0) {
            start_over(v);
            continue;
        }
        if (code == MDB_NOTFOUND) {
            finish_blocks(v);
            return 0;
        }
        if (position_compare(v->copy.last, v->at) <= 0) {
            verify_found(v, v->at, "the blocks after this record are out of order");
            return 0;
        }
        code = examine_block(v);
        if (code != 0)
            return code;
    }
}
