#include "source/capture.h"
#include "temp_dir.h"
#include "unit.h"
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static char directory[TEMP_DIR_MAX];
static struct journal *journal;
static struct relation_cache *cache;
static struct config config;
static struct capture capture;
static const struct event_origin origin = {
    .epoch = {"7f3a91c2", 8}, .database = {"demo", 4}, .version = {"0.1.0", 5}};

static pthread_mutex_t progress_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t progress = PTHREAD_COND_INITIALIZER;

static void on_durable(struct journal_listener *listener)
{
    (void)listener;
    pthread_mutex_lock(&progress_lock);
    pthread_cond_broadcast(&progress);
    pthread_mutex_unlock(&progress_lock);
}

static struct journal_listener listener = {.on_durable = on_durable};

static void wait_durable(uint64_t lsn)
{
    pthread_mutex_lock(&progress_lock);
    while (journal_durable_lsn(journal) < lsn)
        pthread_cond_wait(&progress, &progress_lock);
    pthread_mutex_unlock(&progress_lock);
}

static void open_journal(void)
{
    struct error err = {0};
    const struct journal_options options = {
        .path = directory, .ring_bytes = 1 << 20, .batch_bytes = 1 << 16, .ahead_bytes = 1 << 20};
    ck_assert_msg(journal_open(&journal, &options, &err) == 0, "%s", err.text);
    journal_listen(journal, &listener);
}

static void setup(void)
{
    struct error err = {0};
    temp_dir_make(directory, "capture");
    open_journal();
    ck_assert_int_eq(
        journal_begin_epoch(journal, &(struct journal_identity){.slot = "s"}, 0x100, &err), 0);
    cache = relation_cache_new();
    relation_cache_add_type(cache, 20, STR("int8"), 0, 0, ',');
    relation_cache_add_type(cache, 25, STR("text"), 0, 0, ',');
    config.events.enabled = true;
    static char schema[] = "public", table[] = "events", id[] = "id";
    config.events.schema = schema;
    config.events.table = table;
    config.events.id = id;
    config.journal.path = directory;
    config.journal.max_event = 64 << 20;
    capture_init(&capture, cache, journal, &config);
    ck_assert_int_eq(capture_restart(&capture, &wal2json_decoder, &origin), 0);
}

static void teardown(void)
{
    capture_release(&capture);
    relation_cache_free(cache);
    journal_unlisten(journal, &listener);
    journal_close(journal);
    temp_dir_remove(directory);
}

static void message(const char *text)
{
    struct error err = {0};
    uint32_t missing;
    ck_assert_msg(capture_message(&capture, str_from(text), 0x200, &missing, &err) == 0, "%s",
                  err.text);
}

#define HEAD "\"xid\":7,\"timestamp\":\"2026-11-21 08:41:26.739092+00\""
#define BEGIN "{\"action\":\"B\"," HEAD ",\"lsn\":\"0/200\",\"nextlsn\":\"0/300\"}"
#define COMMIT "{\"action\":\"C\"," HEAD ",\"lsn\":\"0/200\",\"nextlsn\":\"0/300\"}"
#define INSERT INSERT_OF("7")
#define INSERT_OF(xid)                                                                             \
    "{\"action\":\"I\",\"xid\":" xid                                                               \
    ",\"lsn\":\"0/180\",\"schema\":\"public\",\"table\":\"events\","                               \
    "\"columns\":[{\"name\":\"id\",\"typeoid\":20,\"value\":42}],"                                 \
    "\"pk\":[{\"name\":\"id\",\"typeoid\":20}]}"

static size_t records(void)
{
    struct error err = {0};
    struct journal_cursor *cursor;
    struct journal_entry entry;
    size_t count = 0;
    ck_assert_int_eq(journal_cursor_open(journal, &cursor, (struct position){0}, &err), 0);
    while (journal_cursor_next(cursor, &entry) == 1)
        count++;
    journal_cursor_close(cursor);
    return count;
}

START_TEST(the_end_of_a_transaction_is_confirmed_once_it_is_on_disk)
{
    setup();
    message(BEGIN);
    message(INSERT);
    journal_flush(journal);
    message(COMMIT);
    wait_durable(0x300);
    ck_assert_uint_eq(journal_durable_lsn(journal), 0x300);
    ck_assert_uint_eq(records(), 1);
    teardown();
}
END_TEST

START_TEST(a_keepalive_inside_a_transaction_confirms_nothing)
{
    setup();
    message(BEGIN);
    message(INSERT);
    capture_keepalive(&capture, 0x2000, true);
    capture_finish(&capture);
    journal_close(journal); /* all that was appended or marked is on disk now */
    open_journal();
    ck_assert_uint_eq(journal_durable_lsn(journal), 0x100);
    teardown();
}
END_TEST

START_TEST(a_keepalive_between_transactions_lets_an_idle_database_go_on)
{
    setup();
    capture_keepalive(&capture, 0x2000, true);
    wait_durable(0x2000);
    message(BEGIN);
    message(COMMIT);
    ck_assert_uint_eq(journal_durable_lsn(journal), 0x2000);
    teardown();
}
END_TEST

START_TEST(what_comes_again_after_a_restart_is_not_kept_twice)
{
    setup();
    message(BEGIN);
    message(INSERT);
    ck_assert_int_eq(capture_restart(&capture, &wal2json_decoder, &origin), 0);
    message(BEGIN);
    message(INSERT);
    message(INSERT);
    message(COMMIT);
    wait_durable(0x300);
    ck_assert_uint_eq(records(), 2);
    teardown();
}
END_TEST

START_TEST(a_row_of_the_events_table_is_found_by_its_id)
{
    setup();
    struct position position;
    message(BEGIN);
    message(INSERT);
    message(COMMIT);
    wait_durable(0x300);
    ck_assert(journal_find_tag(journal, 42, &position));
    ck_assert_uint_eq(position.lsn, 0x300);
    ck_assert_uint_eq(position.ordinal, 1);
    ck_assert(!journal_find_tag(journal, 41, &position));
    teardown();
}
END_TEST

START_TEST(a_type_that_is_not_known_yet_costs_nothing_but_a_second_look)
{
    static const char with_uuid[] =
        "{\"action\":\"I\"," HEAD ",\"lsn\":\"0/180\",\"schema\":\"public\",\"table\":\"t\","
        "\"columns\":[{\"name\":\"u\",\"typeoid\":2950,\"value\":\"x\"}],\"pk\":[]}";
    setup();
    struct error err = {0};
    uint32_t missing = 0;
    message(BEGIN);
    ck_assert_int_eq(capture_message(&capture, str_from(with_uuid), 0x180, &missing, &err),
                     -ENOENT);
    ck_assert_uint_eq(missing, 2950);
    ck_assert_uint_eq(capture.xid, 7); /* that the question is about */
    relation_cache_add_type(cache, 2950, STR("uuid"), 0, 0, ',');
    message(with_uuid);
    message(COMMIT);
    wait_durable(0x300);
    ck_assert_uint_eq(records(), 1);
    teardown();
}
END_TEST

#define MESSAGE_AT(lsn)                                                                            \
    "{\"action\":\"M\",\"xid\":null,\"timestamp\":null,\"lsn\":\"" lsn                             \
    "\",\"transactional\":false,\"prefix\":\"p\",\"content\":\"c\"}"

START_TEST(a_message_outside_of_transactions_stands_and_is_confirmed_by_itself)
{
    setup();
    message(MESSAGE_AT("0/180"));
    wait_durable(0x180);
    message(BEGIN);
    message(INSERT);
    message(COMMIT);
    message(MESSAGE_AT("0/310"));
    wait_durable(0x310);
    ck_assert_uint_eq(records(), 3);
    struct position oldest, newest;
    ck_assert(journal_bounds(journal, &oldest, &newest));
    ck_assert_uint_eq(newest.lsn, 0x310);
    ck_assert_uint_eq(newest.ordinal, 1);
    capture_keepalive(&capture, 0x400, true);
    wait_durable(0x400);
    teardown();
}
END_TEST

#define OF_TRANSACTION(action, xid, time, end)                                                     \
    "{\"action\":\"" action "\",\"xid\":" xid ",\"timestamp\":\"2026-11-21 08:00:" time            \
    "+00\",\"lsn\":\"0/200\",\"nextlsn\":\"" end "\"}"

static void expect_next_end(struct journal_cursor *cursor, const char *expected)
{
    struct journal_entry entry;
    struct event event;
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 1);
    ck_assert_int_eq(event_read(&event, entry.bytes), 0);
    ck_assert_msg(memmem(event.json.data, event.json.len, expected, strlen(expected)) != NULL,
                  "%s is not in %.*s", expected, STR_ARG(event.json));
}

START_TEST(each_event_says_the_time_and_the_place_of_its_own_transaction)
{
    setup();
    struct error err = {0};
    struct journal_cursor *cursor;
    message(OF_TRANSACTION("B", "7", "01", "0/300"));
    message(INSERT);
    message(INSERT);
    message(OF_TRANSACTION("C", "7", "01", "0/300"));
    message(MESSAGE_AT("0/310"));
    message(OF_TRANSACTION("B", "8", "02", "0/320"));
    message(INSERT_OF("8"));
    message(OF_TRANSACTION("C", "8", "02", "0/320"));
    wait_durable(0x320);
    ck_assert_int_eq(journal_cursor_open(journal, &cursor, (struct position){0}, &err), 0);
    expect_next_end(cursor, "\"2026-11-21T08:00:01.000000Z\",\"lsn\":[0,768],\"xid\":7}");
    expect_next_end(cursor, "\"2026-11-21T08:00:01.000000Z\",\"lsn\":[0,768],\"xid\":7}");
    expect_next_end(cursor, "\"timestamp\":null,\"lsn\":[0,784],\"xid\":null}");
    expect_next_end(cursor, "\"2026-11-21T08:00:02.000000Z\",\"lsn\":[0,800],\"xid\":8}");
    journal_cursor_close(cursor);
    teardown();
}
END_TEST

START_TEST(a_message_that_comes_again_is_not_kept_twice)
{
    setup();
    message(MESSAGE_AT("0/180"));
    ck_assert_int_eq(capture_restart(&capture, &wal2json_decoder, &origin), 0);
    message(MESSAGE_AT("0/180"));
    message(MESSAGE_AT("0/190"));
    wait_durable(0x190);
    ck_assert_uint_eq(records(), 2);
    teardown();
}
END_TEST

static void put_big_endian(char *at, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--, value >>= 8)
        at[i - 1] = (char)value;
}

/* As pgoutput sends it: 'M', flags, LSN, prefix, length, content. */
static struct str large_message(uint64_t lsn)
{
    static char bytes[1 + 1 + 8 + 2 + 4 + 900000] = "M";

    put_big_endian(bytes + 2, lsn, 8);
    bytes[10] = 'p';
    put_big_endian(bytes + 12, sizeof(bytes) - 16, 4);
    memset(bytes + 16, 'x', sizeof(bytes) - 16);
    return (struct str){bytes, sizeof(bytes)};
}

START_TEST(a_message_for_which_the_journal_had_no_room_is_taken_later)
{
    struct error err = {0};
    uint32_t missing;
    uint64_t lsn = 0x400;
    int rc = 0;

    setup();
    ck_assert_int_eq(capture_restart(&capture, &pgoutput_decoder, &origin), 0);
    while (rc == 0) {
        lsn++;
        rc = capture_message(&capture, large_message(lsn), lsn, &missing, &err);
    }
    ck_assert_int_eq(rc, -EAGAIN);
    while (rc == -EAGAIN) {
        journal_flush(journal);
        rc = capture_message(&capture, large_message(lsn), lsn, &missing, &err);
    }
    ck_assert_msg(rc == 0, "%s", err.text);
    wait_durable(lsn);
    ck_assert_uint_eq(records(), lsn - 0x400);
    capture_keepalive(&capture, lsn + 1, true); /* no transaction is open */
    wait_durable(lsn + 1);
    teardown();
}
END_TEST

/* The process starts again with another configuration. */
static void configure(uint64_t max_event, enum config_on_large_event on_large_event)
{
    capture_release(&capture);
    config.journal.max_event = max_event;
    config.journal.on_large_event = on_large_event;
    capture_init(&capture, cache, journal, &config);
    ck_assert_int_eq(capture_restart(&capture, &wal2json_decoder, &origin), 0);
}

/* An insert of a text of BYTES bytes into table t. */
static int large_insert(size_t bytes, struct error *err)
{
    uint32_t missing;
    struct buffer text;
    buffer_init(&text, 1 << 20);
    buffer_append_str(&text, STR("{\"action\":\"I\"," HEAD
                                 ",\"lsn\":\"0/180\",\"schema\":\"public\",\"table\":\"t\","
                                 "\"columns\":[{\"name\":\"v\",\"typeoid\":25,\"value\":\""));
    for (size_t i = 0; i < bytes; i++)
        buffer_append_char(&text, 'x');
    buffer_append_str(&text, STR("\"}],\"pk\":[]}"));
    int rc = capture_message(&capture, buffer_str(&text), 0x180, &missing, err);
    buffer_release(&text);
    return rc;
}

/* The only record of the journal is an event of table t. */
static void expect_only_event(bool stripped)
{
    struct error err = {0};
    struct journal_cursor *cursor;
    struct journal_entry entry;
    struct event event;
    ck_assert_uint_eq(records(), 1);
    ck_assert_int_eq(journal_cursor_open(journal, &cursor, (struct position){0}, &err), 0);
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 1);
    ck_assert_int_eq(event_read(&event, entry.bytes), 0);
    ck_assert(str_equal(event.table, STR("t")));
    ck_assert((event.error.data != NULL) == stripped);
    journal_cursor_close(cursor);
}

START_TEST(an_event_that_is_too_large_comes_without_its_records)
{
    setup();
    struct error err = {0};
    configure(1000, CONFIG_STRIP_EVENT);
    message(BEGIN);
    ck_assert_int_eq(large_insert(1000, &err), 0);
    message(COMMIT);
    wait_durable(0x300);
    expect_only_event(true);
    teardown();
}
END_TEST

START_TEST(an_event_that_is_too_large_stops_capture_where_the_configuration_says_so)
{
    setup();
    struct error err = {0};
    configure(1000, CONFIG_STOP_CAPTURE);
    message(BEGIN);
    ck_assert_int_eq(large_insert(1000, &err), -EMSGSIZE);
    ck_assert_ptr_nonnull(strstr(err.text, "public.t: the values of a change in transaction 7"));
    ck_assert_uint_eq(journal_durable_lsn(journal), 0x100);
    /* The same again with a larger limit goes on from there. */
    configure(10000, CONFIG_STOP_CAPTURE);
    message(BEGIN);
    ck_assert_int_eq(large_insert(1000, &err), 0);
    message(COMMIT);
    wait_durable(0x300);
    expect_only_event(false);
    teardown();
}
END_TEST

START_TEST(scratch_memory_is_given_back_after_a_large_event)
{
    setup();
    struct error err = {0};
    message(BEGIN);
    ck_assert_int_eq(large_insert((1 << 20) - 200, &err), 0);
    ck_assert_ptr_null(capture.record.data);
    teardown();
}
END_TEST

/* --- what is sent again ------------------------------------------------------------------- */

/* The journal has the transaction that ends at 0x300; the stream begins at FROM. */
static void begin_again(uint64_t from)
{
    ck_assert_int_eq(capture_restart(&capture, &wal2json_decoder, &origin), 0);
    resent_begin(&capture.resent, journal, from);
}

static int commit_of(const char *xid, const char *end)
{
    struct error err = {0};
    uint32_t missing;
    char text[256];
    static const char format[] =
        "{\"action\":\"%s\",\"xid\":%s,\"timestamp\":\"2026-11-21 08:41:26.739092+00\","
        "\"lsn\":\"0/200\",\"nextlsn\":\"%s\"}";
    snprintf(text, sizeof(text), format, "B", xid, end);
    message(text);
    snprintf(text, sizeof(text), format, "C", xid, end);
    return capture_message(&capture, str_from(text), 0x200, &missing, &err);
}

static void setup_filled(void)
{
    setup();
    message(BEGIN);
    message(INSERT);
    message(COMMIT);
    wait_durable(0x300);
}

START_TEST(the_same_transaction_in_the_same_place_is_the_same_history)
{
    setup_filled();
    begin_again(0x100);
    ck_assert_int_eq(commit_of("6", "0/280"), 0); /* one without events */
    message(BEGIN);
    message(INSERT);
    message(COMMIT);
    ck_assert_uint_eq(records(), 1);
    ck_assert_int_eq(commit_of("8", "0/400"), 0);
    teardown();
}
END_TEST

START_TEST(another_transaction_in_the_same_place_is_another_history)
{
    setup_filled();
    begin_again(0x100);
    ck_assert_int_eq(commit_of("8", "0/300"), -ESTALE);
    begin_again(0x300); /* nothing is sent again: nothing is compared */
    ck_assert_int_eq(commit_of("8", "0/300"), 0);
    teardown();
}
END_TEST

START_TEST(a_transaction_that_does_not_come_again_is_another_history)
{
    setup_filled();
    begin_again(0x100);
    ck_assert_int_eq(commit_of("8", "0/400"), -ESTALE);
    begin_again(0x100);
    ck_assert_int_eq(capture_keepalive(&capture, 0x2ff, true), 0);
    ck_assert_int_eq(capture_keepalive(&capture, 0x300, true), -ESTALE);
    teardown();
}
END_TEST

START_TEST(a_stream_begins_where_the_slot_stands_and_never_past_the_journal)
{
    setup_filled();
    ck_assert_uint_eq(resent_start(journal, 0x100), 0x100);
    ck_assert_uint_eq(resent_start(journal, 0x400), 0x300);
    ck_assert_uint_eq(resent_start(journal, 0), 0x300);
    /* Not all of it again when that is much. */
    uint64_t far = UINT64_C(1) << 30;
    capture_keepalive(&capture, far, true);
    wait_durable(far);
    ck_assert_uint_eq(resent_start(journal, 0x100),
                      0x100); /* where nothing nearer can be compared */
    teardown();
}
END_TEST

UNIT_SUITE("source/capture", the_same_transaction_in_the_same_place_is_the_same_history,
           another_transaction_in_the_same_place_is_another_history,
           a_transaction_that_does_not_come_again_is_another_history,
           a_stream_begins_where_the_slot_stands_and_never_past_the_journal,
           the_end_of_a_transaction_is_confirmed_once_it_is_on_disk,
           a_keepalive_inside_a_transaction_confirms_nothing,
           a_keepalive_between_transactions_lets_an_idle_database_go_on,
           what_comes_again_after_a_restart_is_not_kept_twice,
           a_row_of_the_events_table_is_found_by_its_id,
           a_type_that_is_not_known_yet_costs_nothing_but_a_second_look,
           a_message_outside_of_transactions_stands_and_is_confirmed_by_itself,
           each_event_says_the_time_and_the_place_of_its_own_transaction,
           a_message_that_comes_again_is_not_kept_twice,
           a_message_for_which_the_journal_had_no_room_is_taken_later,
           an_event_that_is_too_large_comes_without_its_records,
           an_event_that_is_too_large_stops_capture_where_the_configuration_says_so,
           scratch_memory_is_given_back_after_a_large_event)
