#include "base/cleanup.h"
#include "journal/verify_internal.h"
#include <errno.h>
#include <inttypes.h>

/* Entries of the table of tags that one transaction copies. */
enum { TAGS_AT_ONCE = 1024 };

struct tagged {
    int64_t tag;
    struct position position;
};

struct tag_page {
    struct tagged entries[TAGS_AT_ONCE];
    size_t count;
    struct store_state state;
    bool begun;
    unsigned char key[RECORD_TAG_BYTES]; /* the last one that was read */
    bool out_of_order;
    uint64_t damaged;
};

static int copy_tag(struct tag_page *page, const MDB_val *key, const MDB_val *value)
{
    struct tagged tagged;
    if (key->mv_size != sizeof(page->key))
        return MDB_CORRUPTED;
    page->out_of_order = page->begun && memcmp(key->mv_data, page->key, sizeof(page->key)) <= 0;
    memcpy(page->key, key->mv_data, sizeof(page->key));
    page->begun = true;
    if (store_read_tag(key, value, &tagged.tag, &tagged.position) != 0)
        page->damaged++;
    else
        page->entries[page->count++] = tagged;
    return 0;
}

static int copy_tags_from(struct tag_page *page, MDB_cursor *cursor)
{
    MDB_val key = {sizeof(page->key), page->key};
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, page->begun ? MDB_SET_RANGE : MDB_FIRST);
    if (code == 0 && page->begun && key.mv_size == sizeof(page->key) &&
        memcmp(key.mv_data, page->key, sizeof(page->key)) == 0)
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    while (code == 0) {
        code = copy_tag(page, &key, &value);
        if (code != 0 || page->out_of_order || page->count + page->damaged >= TAGS_AT_ONCE)
            return code;
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return code;
}

/* MDB_NOTFOUND when these are the last ones. */
static int copy_tags(struct verify *v, struct tag_page *page)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    page->count = 0;
    page->damaged = 0;
    int code = store_begin_read(v->store, &txn);
    if (code != 0)
        return code;
    code = store_get_state(v->store, txn, &page->state);
    if (code == 0)
        code = mdb_cursor_open(txn, v->store->tags, &cursor);
    if (code == 0) {
        code = copy_tags_from(page, cursor);
        mdb_cursor_close(cursor);
    }
    store_end_read(v->store, txn, page->count * sizeof(struct tagged));
    return code;
}

static bool copy_has(const struct verify_copy *copy, const struct tagged *tagged)
{
    struct str body = copy->body;
    struct block_record record;
    while (block_next(&body, &record) > 0)
        if (position_compare(record.position, tagged->position) == 0)
            return record.view.has_tag && record.view.tag == tagged->tag;
    return false;
}

/* Tags mostly follow each other as their records do: the copy is the block of the last one. */
static int check_tag(struct verify *v, const struct tagged *tagged, const struct tag_page *page)
{
    struct verify_copy *copy = &v->copy;
    bool trimmed = position_compare(tagged->position, page->state.trimmed) <= 0;
    v->report->tags++;
    if (trimmed || position_compare(tagged->position, page->state.newest) > 0) {
        verify_found(v, tagged->position, "the tag %" PRId64 " leads here, where no record is",
                     tagged->tag);
        return 0;
    }
    bool inside = copy->sound && position_compare(copy->block.first, tagged->position) <= 0 &&
                  position_compare(tagged->position, copy->last) <= 0;
    if (!inside) {
        int code = verify_copy_block(v, tagged->position);
        if (code != 0)
            return code == MDB_NOTFOUND ? 0 : code; /* told as a missing block */
        if (verify_open_copy(copy) != NULL)
            return 0; /* told when blocks were walked */
    }
    if (!copy_has(copy, tagged) && position_compare(tagged->position, v->state.trimmed) > 0)
        verify_found(v, tagged->position, "the tag %" PRId64 " leads here, where no record has it",
                     tagged->tag);
    return 0;
}

int verify_tags(struct verify *v)
{
    struct tag_page *page cleanup_free = calloc(1, sizeof(*page));
    int code = page ? 0 : ENOMEM;
    v->copy.sound = false;
    while (code == 0) {
        code = copy_tags(v, page);
        if (code != 0 && code != MDB_NOTFOUND)
            return code;
        if (page->damaged > 0)
            verify_found(v, (struct position){0},
                         "%" PRIu64 " entries of tags do not fit their checksum", page->damaged);
        for (size_t i = 0; i < page->count; i++) {
            int failed = check_tag(v, &page->entries[i], page);
            if (failed != 0)
                return failed;
        }
        if (page->out_of_order) {
            verify_found(v, (struct position){0}, "the entries of tags are out of order");
            return 0;
        }
    }
    return code == MDB_NOTFOUND ? 0 : code;
}
