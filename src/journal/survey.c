#include "journal/survey.h"
#include "journal/directory.h"
#include "journal/holds.h"
#include "journal/store_internal.h"
#include <errno.h>
#include <sys/stat.h>

/* Heads of blocks that one transaction reads. */
enum { BLOCKS_AT_ONCE = 4096 };

struct counting {
    struct survey *survey;
    struct position at; /* the last record that was counted */
    size_t hold;        /* all before this one are behind us */
};

/* --- records ----------------------------------------------------------------------------- */

/* Each hold notes how many records there were before it, and turns that around at the end. */
static void count_block(struct counting *c, const struct block *block)
{
    struct survey *survey = c->survey;
    while (c->hold < survey->hold_count &&
           position_compare(survey->holds[c->hold].position, block->last) < 0)
        survey->holds[c->hold++].records = survey->records;
    survey->records += block->count;
    survey->blocks++;
    survey->last = c->at = block->last;
    survey->last_time_us = block->time_us;
}

static int first_time(struct survey *survey, const struct block *block)
{
    struct buffer scratch;
    struct str body;
    struct block_record record = {0};
    buffer_init(&scratch, BLOCK_PACKED_MAX);
    int rc = block_body(block, &scratch, &body);
    if (rc == 0)
        rc = block_next(&body, &record);
    if (rc > 0) {
        survey->first = record.position;
        survey->first_time_us = record.view.time_us;
    }
    buffer_release(&scratch);
    return rc < 0 ? store_block_code(rc) : 0;
}

static int count_blocks(struct counting *c, MDB_cursor *cursor)
{
    MDB_val key;
    MDB_val value;
    int code = store_seek_after(cursor, c->at, &key, &value);
    for (size_t n = 0; code == 0 && n < BLOCKS_AT_ONCE; n++) {
        struct block block;
        if (store_open_block(&block, &key, &value) != 0 || position_compare(block.last, c->at) <= 0)
            return MDB_CORRUPTED;
        if (c->survey->blocks == 0)
            code = first_time(c->survey, &block);
        if (code != 0)
            return code;
        count_block(c, &block);
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return code;
}

/* MDB_NOTFOUND at the end. */
static int count_some(struct counting *c, struct store *store)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    int code = store_begin_read(store, &txn);
    if (code != 0)
        return code;
    code = mdb_cursor_open(txn, store->records, &cursor);
    if (code == 0) {
        code = count_blocks(c, cursor);
        mdb_cursor_close(cursor);
    }
    store_end_read(store, txn, BLOCKS_AT_ONCE * 64);
    return code;
}

static int count(struct survey *survey, struct store *store, struct error *err)
{
    struct counting c = {.survey = survey};
    int code;
    do
        code = count_some(&c, store);
    while (code == 0);
    if (code != MDB_NOTFOUND)
        return store_error(store, code, "read", err);
    for (size_t i = 0; i < survey->hold_count; i++)
        survey->holds[i].records = i < c.hold ? survey->records - survey->holds[i].records : 0;
    return 0;
}

/* --- holds ------------------------------------------------------------------------------- */

static int compare_holds(const void *a, const void *b)
{
    return position_compare(((const struct survey_hold *)a)->position,
                            ((const struct survey_hold *)b)->position);
}

/* Takes the names of HOLDS. */
static int take_holds(struct survey *survey, struct holds *holds)
{
    if (holds->count == 0)
        return 0;
    survey->holds = calloc(holds->count, sizeof(*survey->holds));
    if (!survey->holds)
        return -ENOMEM;
    for (size_t i = 0; i < holds->count; i++) {
        survey->holds[i].name = holds->items[i].name;
        survey->holds[i].position = holds->items[i].position;
        holds->items[i].name = NULL;
    }
    survey->hold_count = holds->count;
    qsort(survey->holds, survey->hold_count, sizeof(*survey->holds), compare_holds);
    return 0;
}

static int read_holds(struct survey *survey, struct store *store, struct error *err)
{
    struct buffer coded;
    struct holds holds = {0};
    buffer_init(&coded, HOLDS_CODED_MAX);
    int rc = store_holds(store, &coded, err);
    if (rc == 0) {
        rc = holds_decode(&holds, buffer_str(&coded));
        if (rc == 0)
            rc = take_holds(survey, &holds);
        if (rc != 0)
            store_error(store, rc == -EIO ? MDB_CORRUPTED : -rc, "read", err);
    }
    holds_release(&holds);
    buffer_release(&coded);
    return rc;
}

/* --- all of it --------------------------------------------------------------------------- */

static int read_store(struct survey *survey, struct store *store, struct error *err)
{
    struct store_extent extent;
    int rc = store_identity(store, &survey->identity, err);
    if (rc == 0)
        rc = store_extent(store, &extent, err);
    if (rc == 0)
        rc = read_holds(survey, store, err);
    if (rc == 0)
        rc = count(survey, store, err);
    if (rc != 0)
        return rc;
    survey->durable = extent.mark;
    survey->bytes = extent.bytes;
    return 0;
}

static int look_at_files(struct survey *survey, const char *path, struct error *err)
{
    struct stat file;
    int rc = directory_data(path, &file, err);
    if (rc != 0)
        return rc;
    survey->file_bytes = (uint64_t)file.st_blocks * 512;
    survey->in_use = directory_examine_lock(path, NULL) == -EBUSY;
    return 0;
}

int survey_take(struct survey *ret_survey, const char *path, struct error *err)
{
    struct survey survey = {.format = STORE_FORMAT};
    struct store *store;
    int rc = look_at_files(&survey, path, err);
    if (rc == 0)
        rc = store_open_to_read(&store, path, err);
    if (rc != 0)
        return rc;
    rc = read_store(&survey, store, err);
    store_close(store);
    if (rc == 0)
        *ret_survey = survey;
    else
        survey_release(&survey);
    return rc;
}

void survey_release(struct survey *survey)
{
    for (size_t i = 0; i < survey->hold_count; i++)
        free(survey->holds[i].name);
    free(survey->holds);
    *survey = (struct survey){0};
}
