/* Whichever allocation fails on the way from the server's messages and its catalog to the journal:
 * -ENOMEM with a story, nothing is lost, doubled or left behind, and the same work is done when
 * there is memory again. */
#include "decode/golden.h"
#include "failing_malloc.h"
#include "source/capture.h"
#include "source/catalog.h"
#include "temp_dir.h"
#include "unit.h"
#include <errno.h>

static const struct event_origin origin = {
    .epoch = STR("7f3a91c2"), .database = STR("demo"), .version = STR("0.1.0")};

/* --- the capture ----------------------------------------------------------------------------- */

/* In place of src/journal: takes what is new, and remembers all of it in one number. */
static struct journal {
    struct position last;
    unsigned records;
    uint64_t digest;
} journal;

static char directory[TEMP_DIR_MAX];
static struct golden golden;
static struct relation_cache *cache;
static struct capture capture;
static struct config config;

static void digest(struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        journal.digest = (journal.digest ^ (unsigned char)bytes.data[i]) * UINT64_C(1099511628211);
}

int journal_append(struct journal *to, struct position position, struct str bytes,
                   const int64_t *tag)
{
    (void)tag;
    if (position_compare(position, to->last) <= 0)
        return 1;
    to->last = position;
    to->records++;
    digest((struct str){(const char *)&position.lsn, sizeof(position.lsn)});
    digest((struct str){(const char *)&position.ordinal, sizeof(position.ordinal)});
    digest(bytes);
    return 0;
}

void journal_mark(struct journal *to, uint64_t lsn, bool urgent)
{
    (void)to;
    (void)lsn;
    (void)urgent;
}

/* It is empty for who compares what is sent again. */
bool journal_bounds(const struct journal *of, struct position *ret_oldest,
                    struct position *ret_newest)
{
    (void)of;
    *ret_oldest = *ret_newest = (struct position){0};
    return false;
}

uint64_t journal_durable_lsn(const struct journal *of)
{
    (void)of;
    return 0;
}

int journal_cursor_open(struct journal *of, struct journal_cursor **ret_cursor,
                        struct position after, struct error *err)
{
    (void)of;
    (void)after;
    *ret_cursor = NULL;
    return error_set(err, -ENOENT, "no cursor here");
}

int journal_cursor_next(struct journal_cursor *cursor, struct journal_entry *ret)
{
    (void)cursor;
    (void)ret;
    return 0;
}

void journal_cursor_close(struct journal_cursor *cursor)
{
    (void)cursor;
}

/* The cache is made unwatched, and freed watched: its allocations are missing from the count. */
static void load_capture(const struct decoder_ops *plugin)
{
    int r;
    journal = (struct journal){0};
    cache = relation_cache_new();
    golden_add_types(&golden, cache, 0);
    golden_add_relations(cache);
    capture_init(&capture, cache, &journal, &config);
    allocations_start(0);
    WATCHED(r = capture_restart(&capture, plugin, &origin));
    ck_assert_int_eq(r, 0);
}

static int take(const struct golden_message *message, struct error *err)
{
    uint32_t missing;
    int r;
    do
        WATCHED(r = capture_message(&capture, message->text, message->lsn, &missing, err));
    while (r == -EINPROGRESS);
    return r;
}

/* All messages; after a failure the stream starts anew, and nothing of it was confirmed. */
static int take_all(const struct decoder_ops *plugin)
{
    int failures = 0;
    for (int i = 0; i < golden.count; i++) {
        struct error err = {0};
        int r = take(&golden.messages[i], &err);
        ck_assert_msg(r == 0 || r == -ENOMEM, "%d: %s", r, err.text);
        ck_assert_int_eq(err.code, r);
        ck_assert_int_eq(err.text[0] != '\0', r < 0);
        if (r == 0)
            continue;
        failures++;
        WATCHED(r = capture_restart(&capture, plugin, &origin));
        ck_assert_int_eq(r, 0);
        i = -1;
    }
    return failures;
}

/* What is left of the allocations, less those of the loaded cache. */
static long release_capture(void)
{
    WATCHED(capture_release(&capture));
    WATCHED(relation_cache_free(cache));
    return live_allocations;
}

static void sweep_capture(const struct decoder_ops *plugin)
{
    temp_dir_make(directory, "memory");
    config.journal.path = directory;
    config.journal.max_event = 64 << 20;

    load_capture(plugin);
    long loaded = release_capture();
    load_capture(plugin);
    ck_assert_int_eq(take_all(plugin), 0);
    struct journal whole = journal;
    ck_assert_uint_gt(whole.records, 50);
    ck_assert_int_eq(release_capture(), loaded);

    int failures = 1;
    for (long failing = 1; failures > 0; failing++) {
        load_capture(plugin);
        allocations = 0;
        failing_allocation = failing;
        failures = take_all(plugin);
        ck_assert_int_eq(failures, allocations_failed());
        ck_assert_uint_eq(journal.records, whole.records);
        ck_assert_uint_eq(journal.digest, whole.digest);
        ck_assert_int_eq(release_capture(), loaded);
        ck_assert(failures > 0 || failing > 10);
    }
    golden_release(&golden);
    temp_dir_remove(directory);
}

START_TEST(a_session_of_wal2json_loses_nothing)
{
    golden_load(&golden);
    sweep_capture(&wal2json_decoder);
}
END_TEST

START_TEST(a_session_of_pgoutput_loses_nothing)
{
    golden_load_binary(&golden, "pgoutput.messages");
    sweep_capture(&pgoutput_decoder);
}
END_TEST

START_TEST(a_stream_that_cannot_start_can_later)
{
    struct capture none;
    int r;
    config.journal.max_event = 1 << 20;
    capture_init(&none, NULL, &journal, &config);
    allocations_start(1);
    WATCHED(r = capture_restart(&none, &pgoutput_decoder, &origin));
    ck_assert(allocations_failed());
    ck_assert_int_eq(r, -ENOMEM);
    WATCHED(r = capture_restart(&none, &pgoutput_decoder, &origin));
    ck_assert_int_eq(r, 0);
    WATCHED(capture_release(&none));
    ck_assert_int_eq(live_allocations, 0);
}
END_TEST

/* --- the spool ------------------------------------------------------------------------------- */

#define SPOOLED 40
#define SPOOLED_BYTES ((size_t)300 << 10) /* so that most of them are in the file */

static int fill_and_read(struct spool *spool, char *text, struct error *err)
{
    struct str message;
    uint64_t lsn;
    int r = 0, count = 0;
    for (int n = 0; n < SPOOLED && r == 0; n++) {
        memset(text, 'a' + n % 26, SPOOLED_BYTES);
        r = spool_add(spool, (struct str){text, SPOOLED_BYTES}, 1000u + (unsigned)n, err);
    }
    while (r == 0 && (r = spool_next(spool, &message, &lsn, err)) > 0) {
        memset(text, 'a' + count % 26, SPOOLED_BYTES);
        if (lsn != 1000u + (unsigned)count ||
            !str_equal(message, (struct str){text, SPOOLED_BYTES}))
            return -EIO;
        count++;
        r = 0;
    }
    return r < 0 ? r : count;
}

START_TEST(a_spool_gives_all_back_or_says_why_not)
{
    static char text[SPOOLED_BYTES];
    bool failed = true;
    temp_dir_make(directory, "memory");
    for (long failing = 1; failed; failing++) {
        struct error err = {0};
        struct spool spool;
        int r;
        allocations_start(failing);
        WATCHED(spool_init(&spool, directory));
        WATCHED(r = fill_and_read(&spool, text, &err));
        failed = allocations_failed();
        ck_assert_int_eq(r, failed ? -ENOMEM : SPOOLED);
        ck_assert_int_eq(err.code, failed ? -ENOMEM : 0);
        ck_assert_int_eq(err.text[0] != '\0', failed);
        WATCHED(spool_clear(&spool));
        WATCHED(r = fill_and_read(&spool, text, &err));
        ck_assert_int_eq(r, SPOOLED);
        WATCHED(spool_release(&spool));
        ck_assert_int_eq(live_allocations, 0);
        ck_assert(failed || failing > 2);
    }
    temp_dir_remove(directory);
}
END_TEST

/* --- the catalog ----------------------------------------------------------------------------- */

#define FIELDS_MAX 11

/* What the server would answer: ROWS of FIELDS texts. */
static PGresult *answer(const char *const *cells, int rows, int fields)
{
    static char name[] = "f";
    PGresAttDesc columns[FIELDS_MAX];
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    for (int i = 0; i < fields; i++)
        columns[i] = (PGresAttDesc){.name = name};
    ck_assert(PQsetResultAttrs(result, fields, columns));
    for (int i = 0; i < rows * fields; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "%s", cells[i]);
        ck_assert(PQsetvalue(result, i / fields, i % fields, text, len));
    }
    return result;
}

/* clang-format off */
static const char *const types[] = {
    "23", "int4", "0", "0", ",",
    "25", "text", "0", "0", ",",
    "1007", "_int4", "0", "23", ",",
};
/* schema, table, column, type, primary key, published, in the identity, OID, for all, full, since */
static const char *const relations[] = {
    "public", "posts", "id", "23", "t", "t", "t", "16401", "f", "f", "0",
    "public", "posts", "tags", "1007", "f", "t", "t", "16401", "f", "f", "0",
    "public", "posts", "twice", "23", "f", "f", "t", "16401", "f", "f", "0",
    "public", "comments", "id", "23", "t", "t", "t", "16402", "f", "t", "0",
    "public", "comments", "message", "25", "f", "t", "t", "16402", "f", "t", "0",
};
static const char *const partitions[] = {"public", "posts_1", "public", "posts"};
/* clang-format on */

static PGresult *type_rows, *relation_rows, *partition_rows;

static int read_catalog(struct buffer *marked, struct error *err)
{
    size_t count = 0;
    int r = catalog_read_types(cache, type_rows);
    if (r == 0)
        r = catalog_read_relations(cache, relation_rows, &count, err);
    if (r == 0)
        r = catalog_read_partitions(cache, partition_rows);
    if (r == 0)
        r = catalog_read_marked(cache, relation_rows, marked);
    return r < 0 ? r : (int)count;
}

static void check_catalog(void)
{
    const struct relation *posts = NULL;
    const struct relation_name partition = {STR("public"), STR("posts_1")};
    ck_assert_int_eq(relation_cache_resolve(cache, partition, 0, &posts), RELATION_PARTITION);
    ck_assert_ptr_eq(posts, relation_cache_find(cache, STR("public"), STR("posts")));
    ck_assert_uint_eq(posts->column_count, 2);
    ck_assert(relation_cache_leaves_out(posts, STR("twice")));
    ck_assert_ptr_nonnull(relation_cache_find(cache, STR("public"), STR("comments")));
}

START_TEST(the_catalog_is_read_or_not_and_can_be_read_again)
{
    bool failed = true;
    type_rows = answer(types, 3, 5);
    relation_rows = answer(relations, 5, 11);
    partition_rows = answer(partitions, 1, 4);
    for (long failing = 1; failed; failing++) {
        struct error err = {0};
        struct buffer marked;
        int r;
        buffer_init(&marked, 1000);
        allocations_start(0);
        WATCHED(cache = relation_cache_new());
        allocations = 0;
        failing_allocation = failing;
        WATCHED(r = read_catalog(&marked, &err));
        failed = allocations_failed();
        ck_assert_int_eq(r, failed ? -ENOMEM : 2);
        WATCHED(buffer_release(&marked));
        buffer_init(&marked, 1000);
        WATCHED(relation_cache_clear_relations(cache));
        WATCHED(r = read_catalog(&marked, &err));
        ck_assert_int_eq(r, 2);
        check_catalog();
        WATCHED(buffer_release(&marked));
        WATCHED(relation_cache_free(cache));
        ck_assert_int_eq(live_allocations, 0);
        ck_assert(failed || failing > 5);
    }
    PQclear(type_rows);
    PQclear(relation_rows);
    PQclear(partition_rows);
}
END_TEST

UNIT_SUITE("source/memory", a_session_of_wal2json_loses_nothing,
           a_session_of_pgoutput_loses_nothing, a_stream_that_cannot_start_can_later,
           a_spool_gives_all_back_or_says_why_not, the_catalog_is_read_or_not_and_can_be_read_again)
