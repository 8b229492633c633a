#include "journal/verify.h"
#include "base/cleanup.h"
#include "journal/directory.h"
#include "journal/holds.h"
#include "journal/store_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Entries of the table of tags that one transaction copies. */
enum { TAGS_AT_ONCE = 1024 };

struct tagged {
    int64_t tag;
    struct position position;
};

/* A block as it was in one transaction, copied out of the mapping. */
struct copy {
    struct buffer value;
    struct buffer scratch;
    struct block block;
    struct position last; /* the key */
    struct str body;
    bool sound;
};

struct verify {
    struct store *store;
    struct verify_report *report;
    struct store_state state; /* of the last transaction */
    struct position trimmed;  /* when it began */
    struct position at;       /* all up to here was examined */
    bool broken;              /* the next record begins another range */
    struct copy copy;
};

/* --- what is found ----------------------------------------------------------------------- */

static void found(struct verify *v, struct position at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void found(struct verify *v, struct position at, const char *format, ...)
{
    struct verify_report *report = v->report;
    if (report->damage_count < VERIFY_DAMAGES_MAX) {
        struct verify_damage *damage = &report->damages[report->damage_count];
        va_list arguments;
        damage->at = at;
        va_start(arguments, format);
        vsnprintf(damage->what, sizeof(damage->what), format, arguments);
        va_end(arguments);
    }
    report->damage_count++;
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

static bool is_zero(struct position position)
{
    return position.lsn == 0 && position.ordinal == 0;
}

/* --- blocks ------------------------------------------------------------------------------ */

static int copy_value(struct copy *copy, const MDB_val *key, const MDB_val *value)
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

/* The block with the first record at FROM or after it, and the state of the same moment. */
static int copy_block(struct verify *v, struct position from)
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

/* Damage that the block tells by itself, or NULL. */
static const char *open_copy(struct copy *copy)
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
            found(v, record.position, "the entry of its tag %" PRId64 " does not fit its checksum",
                  record.view.tag);
        else if (position_compare(newest, record.position) < 0 &&
                 position_compare(record.position, state.trimmed) > 0)
            found(v, record.position, "its tag %" PRId64 " does not lead to it", record.view.tag);
        code = 0;
    }
    return code;
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
    const char *damage = open_copy(&v->copy);
    if (damage) {
        found(v, v->copy.last, "%s", damage);
        v->broken = true;
        v->at = v->copy.last;
        return 0;
    }
    if (!block_follows(&v->copy.block, v->at) && !v->broken) {
        found(v, v->copy.block.first, "records between the one before and this one are missing");
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
        found(v, v->state.newest, "the records up to this one are missing");
    /* Only a state of which no block went since we have seen it can be compared. */
    else if (v->report->damage_count == 0 && position_compare(v->trimmed, v->state.trimmed) == 0 &&
             v->report->bytes != v->state.bytes)
        found(v, v->state.newest,
              "the blocks up to here take %" PRIu64 " bytes, the state says %" PRIu64,
              v->report->bytes, v->state.bytes);
}

static int walk_blocks(struct verify *v)
{
    for (;;) {
        int code = copy_block(v, next_position(v->at));
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
            found(v, v->at, "the blocks after this record are out of order");
            return 0;
        }
        code = examine_block(v);
        if (code != 0)
            return code;
    }
}

/* --- tags -------------------------------------------------------------------------------- */

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

static bool copy_has(const struct copy *copy, const struct tagged *tagged)
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
    struct copy *copy = &v->copy;
    bool trimmed = position_compare(tagged->position, page->state.trimmed) <= 0;
    v->report->tags++;
    if (trimmed || position_compare(tagged->position, page->state.newest) > 0) {
        found(v, tagged->position, "the tag %" PRId64 " leads here, where no record is",
              tagged->tag);
        return 0;
    }
    bool inside = copy->sound && position_compare(copy->block.first, tagged->position) <= 0 &&
                  position_compare(tagged->position, copy->last) <= 0;
    if (!inside) {
        int code = copy_block(v, tagged->position);
        if (code != 0)
            return code == MDB_NOTFOUND ? 0 : code; /* told as a missing block */
        if (open_copy(copy) != NULL)
            return 0; /* told when blocks were walked */
    }
    if (!copy_has(copy, tagged) && position_compare(tagged->position, v->state.trimmed) > 0)
        found(v, tagged->position, "the tag %" PRId64 " leads here, where no record has it",
              tagged->tag);
    return 0;
}

static int walk_tags(struct verify *v)
{
    struct tag_page *page cleanup_free = calloc(1, sizeof(*page));
    int code = page ? 0 : ENOMEM;
    v->copy.sound = false;
    while (code == 0) {
        code = copy_tags(v, page);
        if (code != 0 && code != MDB_NOTFOUND)
            return code;
        if (page->damaged > 0)
            found(v, (struct position){0}, "%" PRIu64 " entries of tags do not fit their checksum",
                  page->damaged);
        for (size_t i = 0; i < page->count; i++) {
            int failed = check_tag(v, &page->entries[i], page);
            if (failed != 0)
                return failed;
        }
        if (page->out_of_order) {
            found(v, (struct position){0}, "the entries of tags are out of order");
            return 0;
        }
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

/* --- all of it --------------------------------------------------------------------------- */

static int check_holds(struct verify *v, struct error *err)
{
    struct buffer coded;
    struct holds holds = {0};
    buffer_init(&coded, HOLDS_CODED_MAX);
    int rc = store_holds(v->store, &coded, err);
    if (rc == 0)
        rc = holds_decode(&holds, buffer_str(&coded));
    if (rc == -EIO)
        found(v, (struct position){0}, "the holds of readers are damaged");
    v->report->holds = holds.count;
    holds_release(&holds);
    buffer_release(&coded);
    return rc == -EIO ? 0 : rc;
}

static int check_pages(struct verify *v)
{
    MDB_txn *txn;
    int code = store_begin_read(v->store, &txn);
    if (code != 0)
        return code;
    code = store_check_pages(v->store, txn);
    store_end_read(v->store, txn, 0);
    if (code != MDB_CORRUPTED)
        return code;
    found(v, (struct position){0},
          "the pages in use and the free ones are not all pages there are");
    return 0;
}

/* They are few: one transaction reads them all. */
static int check_late(struct verify *v)
{
    MDB_txn *txn;
    int code = store_begin_read(v->store, &txn);
    if (code != 0)
        return code;
    code = store_check_late(v->store, txn);
    store_end_read(v->store, txn, 0);
    if (code != MDB_CORRUPTED)
        return code;
    found(v, (struct position){0}, "what is remembered of removed tags that came late is damaged");
    return 0;
}

/* Nothing that was read before tells anything of what is there now. */
static int check_epoch(const struct verify *v, struct error *err)
{
    struct journal_identity now;
    int rc = store_identity(v->store, &now, err);
    if (rc == 0 && strcmp(now.epoch, v->report->identity.epoch) != 0)
        return error_set(err, -EAGAIN, "journal %s: a new epoch began meanwhile; try again",
                         v->store->path);
    return rc == -EIO ? 0 : rc;
}

static int walk(struct verify *v, struct error *err)
{
    int rc = store_identity(v->store, &v->report->identity, err);
    if (rc == -EIO)
        found(v, (struct position){0}, "the identity is damaged");
    rc = check_holds(v, err);
    if (rc != 0)
        return rc;
    int code = walk_blocks(v);
    if (code == 0)
        code = walk_tags(v);
    if (code == 0)
        code = check_late(v);
    if (code == 0)
        code = check_pages(v);
    if (code == 0)
        return check_epoch(v, err);
    rc = store_error(v->store, code, "read", err);
    if (rc != -EIO)
        return rc;
    found(v, v->at, "after this record: %s",
          code == MDB_CORRUPTED ? "the state or a key is damaged" : mdb_strerror(code));
    return 0;
}

/* What the process that reads leaves for the one that waits. */
struct shared_report {
    bool done;
    int rc;
    struct error err;
    struct verify v;
    struct verify_report report;
};

static int examine(const char *path, struct shared_report *shared)
{
    struct verify *v = &shared->v;
    v->report = &shared->report;
    int rc = store_open_to_read(&v->store, path, &shared->err);
    if (rc != 0)
        return rc;
    buffer_init(&v->copy.value, UINT32_MAX);
    buffer_init(&v->copy.scratch, BLOCK_PACKED_MAX);
    rc = walk(v, &shared->err);
    buffer_release(&v->copy.value);
    buffer_release(&v->copy.scratch);
    store_close(v->store);
    return rc;
}

/* Its death is an answer: it says nothing and leaves no core. */
static void examine_and_exit(const char *path, struct shared_report *shared)
{
    const struct rlimit none = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &none);
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (quiet >= 0)
        dup2(quiet, STDERR_FILENO);
    shared->rc = examine(path, shared);
    shared->done = true;
    _exit(0);
}

static int examine_apart(const char *path, struct shared_report *shared, struct error *err)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        examine_and_exit(path, shared);
    if (pid < 0)
        return error_set(err, -errno, "journal %s: cannot start a process: %s; raise the limit",
                         path, strerrordesc_np(errno));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_set(err, -errno, "journal %s: lost the process that reads it: %s", path,
                             strerrordesc_np(errno));
    if (!shared->done) {
        shared->v.report = &shared->report;
        found(&shared->v, shared->v.at,
              is_zero(shared->v.at) ? "its pages cannot be followed"
                                    : "after this record its pages cannot be followed");
        return 0;
    }
    if (shared->rc != 0 && err)
        *err = shared->err;
    return shared->rc;
}

int journal_verify(const char *path, struct verify_report *ret_report, struct error *err)
{
    struct stat file;
    int rc = directory_data(path, &file, err);
    if (rc != 0)
        return rc;
    struct shared_report *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return error_set(err, -ENOMEM, "journal %s: out of memory", path);
    rc = examine_apart(path, shared, err);
    if (rc == 0)
        *ret_report = shared->report;
    munmap(shared, sizeof(*shared));
    return rc;
}
