#define DECODER pgoutput_decoder
#include "decoding.h"

#include "event/record.h"
#include "wire.h"

#define RECORD_MAX (1UL << 20)
#define COMMIT_LSN UINT64_C(0x1543C90)
#define END_LSN UINT64_C(0x1543F30)
#define TIME_2000 UINT64_C(848565686739092) /* 2026-11-21 08:41:26.739092 UTC */

static const struct event_origin origin = {
    .epoch = STR("7f3a91c2"), .database = STR("demo"), .version = STR("0.1.0")};

static void load_golden(void)
{
    golden_load_binary(&golden, "pgoutput.messages");
}

static void set_up(void)
{
    load_golden();
    open_decoder();
    golden_add_types(&golden, cache, 0);
    golden_add_relations(cache);
}

/* Values come as text: nothing is lost, NaN and the infinities neither. */
static bool is_lost(const struct relation_column *column, struct str text)
{
    return false;
}

static int decode(struct str message)
{
    return decode_at(COMMIT_LSN, message);
}

static void must_decode(struct str message, enum decoded_kind kind)
{
    int r = decode(message);

    ck_assert_msg(r == 0, "%s", error.text);
    ck_assert_int_eq(decoded.kind, kind);
}

static void must_fail(struct str message, const char *story)
{
    struct decoded before = decoded;

    ck_assert_int_eq(decode(message), -EBADMSG);
    ck_assert_int_eq(error.code, -EBADMSG);
    ck_assert_msg(strstr(error.text, story) != NULL, "\"%s\" is not in: %s", story, error.text);
    ck_assert_msg(strstr(error.text, "pgoutput message") == error.text, "%s", error.text);
    ck_assert_ptr_nonnull(strstr(error.text, " at 0/1543C90"));
    ck_assert_mem_eq(&before, &decoded, sizeof(decoded));
}

static struct str begin(void)
{
    return wire("cqqw", 'B', COMMIT_LSN, TIME_2000, 727);
}

static struct str commit(void)
{
    return wire("cbqqq", 'C', 0, COMMIT_LSN, END_LSN, TIME_2000);
}

/* Relation 7, public.t: id int4, the key; s text; by bytea. */
static struct str relation_t(char identity)
{
    int others = identity == 'f';

    return wire("cwsschbswwbswwbsww", 'R', 7, "public", "t", identity, 3, 1, "id", 23, -1, others,
                "s", 25, -1, others, "by", 17, -1);
}

static struct str insert(void)
{
    return wire("cwchttt", 'I', 7, 'N', 3, "1", "a", "\\x00");
}

static void start_transaction(char identity)
{
    pgoutput_decoder.set_end(decoder, END_LSN);
    must_decode(begin(), DECODED_BEGIN);
    must_decode(relation_t(identity), DECODED_NOTHING);
}

/* --- what a server sent ---------------------------------------------------------------------- */

struct events {
    int count;
    struct str records[GOLDEN_MESSAGES_MAX];
};

static void add_event(struct events *events, const struct decoded *of, uint32_t ordinal)
{
    struct buffer record;

    buffer_init(&record, RECORD_MAX);
    int r = event_encode(&record, &origin, &of->transaction, ordinal, &of->change, &error);
    ck_assert_msg(r == 0, "%s", error.text);
    ck_assert_int_lt(events->count, GOLDEN_MESSAGES_MAX);
    events->records[events->count++] = buffer_str(&record);
}

/* The events of all golden messages as OPS makes them: the loop of the capture, in small. */
static void make_events(const struct decoder_ops *ops, struct events *events)
{
    struct decoder *of = ops->create(cache);
    uint32_t ordinal = 0;

    events->count = 0;
    for (int i = 0; i < golden.count; i++) {
        const struct golden_message *message = &golden.messages[i];
        announce_end(ops, of, i);
        do {
            int r = ops->decode(of, message->text, message->lsn, &decoded, &missing_type, &error);
            ck_assert_msg(r == 0, "%s", error.text);
            if (decoded.kind == DECODED_BEGIN || decoded.kind == DECODED_MESSAGE)
                ordinal = 0;
            if (decoded.kind != DECODED_CHANGE && decoded.kind != DECODED_MESSAGE)
                break;
            add_event(events, &decoded, ++ordinal);
            if (ops->take != NULL)
                ops->take(of);
        } while (decoded.more);
    }
    ops->destroy(of);
}

static void events_release(struct events *events)
{
    for (int i = 0; i < events->count; i++)
        free((char *)events->records[i].data);
}

static struct event event_of(struct str record)
{
    struct event event;

    ck_assert_int_eq(event_read(&event, record), 0);
    return event;
}

static bool contains(struct str text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

/* What wal2json cannot tell: NaN and the infinities; and that a column of variable length was
 * renamed or dropped, before the next insert. */
static bool may_differ(const struct event *binary, const struct event *json)
{
    return contains(binary->json, "\"NaN\"") || contains(binary->json, "\"Infinity\"") ||
           (str_equal(binary->table, STR("altered")) && contains(json->json, "\"s\":\"text\",") &&
            contains(json->json, "\"s2\":\"text\""));
}

/* Both plugins, of one workload: the same events to the byte, ids included. */
START_TEST(test_equal_events)
{
    static struct events binary, json;
    int different = 0;

    set_up();
    make_events(&pgoutput_decoder, &binary);
    golden_release(&golden);
    golden_load(&golden);
    relation_cache_clear_relations(cache);
    golden_add_relations(cache);
    make_events(&wal2json_decoder, &json);

    for (int i = 0; i < binary.count && i < json.count; i++) {
        struct event b = event_of(binary.records[i]), j = event_of(json.records[i]);
        ck_assert_msg(str_equal(b.id, j.id), "%.*s\n%.*s", STR_ARG(b.json), STR_ARG(j.json));
        if (may_differ(&b, &j)) {
            ck_assert(!str_equal(b.json, j.json));
            different++;
            continue;
        }
        ck_assert_msg(str_equal(b.json, j.json), "pgoutput:\n%.*s\nwal2json:\n%.*s",
                      STR_ARG(b.json), STR_ARG(j.json));
        ck_assert_msg(str_equal(binary.records[i], json.records[i]), "records of %.*s differ",
                      STR_ARG(b.json));
    }
    ck_assert_int_eq(binary.count, json.count);
    ck_assert_int_gt(binary.count, 60);
    ck_assert_int_lt(different, 8);
    events_release(&binary);
    events_release(&json);
    tear_down();
}
END_TEST

/* --- hostile input --------------------------------------------------------------------------- */

static void touch(const struct change *change, const struct value *values)
{
    volatile char seen = 0;

    for (uint16_t i = 0; values != NULL && i < change->relation->column_count; i++)
        for (size_t at = 0; values[i].kind == VALUE_TEXT && at < values[i].text.len; at++)
            seen = values[i].text.data[at];
    (void)seen;
}

/* Any bit may be wrong: the message is decoded or refused, and nothing outside of it is read. */
START_TEST(test_bit_flips)
{
    set_up();
    for (int i = 0; i < golden.count; i++) {
        struct str text = golden.messages[i].text;
        if (text.len > 600)
            continue;
        for (size_t bit = 0; bit < 8 * text.len; bit++) {
            struct str copy = exact(text, text.len);
            ((char *)copy.data)[bit / 8] ^= (char)(1 << bit % 8);
            pgoutput_decoder.reset(decoder);
            start_transaction('d');
            int r = decode_at(golden.messages[i].lsn, copy);
            ck_assert_msg(r == 0 || r == -EBADMSG || r == -ENOENT, "%d: %s", r, error.text);
            if (r == 0 && decoded.kind == DECODED_CHANGE) {
                touch(&decoded.change, decoded.change.new_values);
                touch(&decoded.change, decoded.change.old_values);
            }
            free((char *)copy.data);
        }
    }
    tear_down();
}
END_TEST

/* Once the relations are known, rows are decoded without one allocation. */
START_TEST(test_steady_state)
{
    set_up();
    start_transaction('d');
    struct str message = insert();
    allocations_start(0);
    for (int i = 0; i < 1000; i++) {
        int r;
        WATCHED(r = decode(message));
        ck_assert_int_eq(r, 0);
    }
    ck_assert_int_eq(allocations, 0);
    tear_down();
}
END_TEST

/* --- the order of messages ------------------------------------------------------------------- */

/* B, changes, C, with the end that was told before; whatever else is refused and consumes nothing.
 */
START_TEST(test_order)
{
    set_up();
    must_fail(insert(), "it comes outside of a transaction");
    must_fail(relation_t('d'), "it comes outside of a transaction");
    must_fail(wire("cwss", 'Y', 1, "s", "t"), "it comes outside of a transaction");
    must_fail(wire("cqs", 'O', COMMIT_LSN, "origin"), "it comes outside of a transaction");
    must_fail(wire("cwb", 'T', 0, 0), "it comes outside of a transaction");
    must_fail(commit(), "it comes outside of a transaction");
    must_fail(begin(), "transaction 727 begins before its end is known");
    start_transaction('d');
    must_fail(begin(), "transaction 727 begins, but 727 is still open");
    must_fail(wire("cbqqq", 'C', 0, COMMIT_LSN + 1, END_LSN, TIME_2000), "at another LSN");
    must_fail(wire("cbqqq", 'C', 0, COMMIT_LSN, END_LSN + 1, TIME_2000), "at another LSN");
    must_fail(wire("cbqqq", 'C', 0, COMMIT_LSN, COMMIT_LSN, TIME_2000), "ends before it commits");
    must_fail(wire("cbqqq", 'C', 1, COMMIT_LSN, END_LSN, TIME_2000), "unknown flags 1");
    must_fail(wire("cbqqq", 'C', 0, COMMIT_LSN, END_LSN, (uint64_t)INT64_MAX), "its time");
    must_decode(insert(), DECODED_CHANGE);
    must_decode(commit(), DECODED_COMMIT);
    must_fail(commit(), "it comes outside of a transaction");
    must_fail(begin(), "before its end is known");
    tear_down();
}
END_TEST

/* The transaction is told with every message of it, from B on. */
START_TEST(test_transaction)
{
    set_up();
    start_transaction('d');
    pgoutput_decoder.reset(decoder);
    pgoutput_decoder.set_end(decoder, END_LSN);
    for (int i = 0; i < 3; i++) {
        must_decode(i == 0   ? begin()
                    : i == 1 ? wire("cbqsw", 'M', 1, COMMIT_LSN, "p", 0)
                             : commit(),
                    i == 0   ? DECODED_BEGIN
                    : i == 1 ? DECODED_CHANGE
                             : DECODED_COMMIT);
        ck_assert_uint_eq(decoded.transaction.xid, 727);
        ck_assert_uint_eq(decoded.transaction.commit_lsn, COMMIT_LSN);
        ck_assert_uint_eq(decoded.transaction.end_lsn, END_LSN);
        ck_assert_int_eq(decoded.transaction.commit_time, 1795250486739092);
    }
    tear_down();
}
END_TEST

/* Whoever keeps a transaction until its end finds begin and end without a decoder. */
START_TEST(test_peek)
{
    struct transaction seen = {0};
    enum decoded_kind kind;

    ck_assert_int_eq(pgoutput_decoder.peek(begin(), 1, &kind, &seen, &error), 0);
    ck_assert_int_eq(kind, DECODED_BEGIN);
    ck_assert_uint_eq(seen.xid, 727);
    ck_assert_uint_eq(seen.commit_lsn, COMMIT_LSN);
    ck_assert_int_eq(seen.commit_time, 1795250486739092);
    ck_assert_int_eq(pgoutput_decoder.peek(commit(), 1, &kind, &seen, &error), 0);
    ck_assert_int_eq(kind, DECODED_COMMIT);
    ck_assert_uint_eq(seen.commit_lsn, COMMIT_LSN);
    ck_assert_uint_eq(seen.end_lsn, END_LSN);
    ck_assert_int_eq(pgoutput_decoder.peek(STR("I"), 1, &kind, &seen, &error), 0);
    ck_assert_int_eq(kind, DECODED_NOTHING);
    ck_assert_int_eq(pgoutput_decoder.peek(STR(""), 1, &kind, &seen, &error), 0);
    ck_assert_int_eq(kind, DECODED_NOTHING);
    ck_assert_int_eq(pgoutput_decoder.peek(STR("B1234"), 0x10, &kind, &seen, &error), -EBADMSG);
    ck_assert_str_eq(error.text, "pgoutput message B at 0/10: it ends in the middle");
    ck_assert_int_eq(pgoutput_decoder.peek(STR("C"), 0x10, &kind, &seen, NULL), -EBADMSG);
}
END_TEST

/* After a reset the stream starts with B again, whatever was open, and shows its relations again.
 */
START_TEST(test_reset)
{
    set_up();
    start_transaction('d');
    pgoutput_decoder.reset(decoder);
    must_fail(begin(), "before its end is known");
    pgoutput_decoder.set_end(decoder, END_LSN);
    must_decode(begin(), DECODED_BEGIN);
    must_fail(insert(), "relation 7 was not described before");
    must_decode(relation_t('d'), DECODED_NOTHING);
    must_decode(insert(), DECODED_CHANGE);
    tear_down();
}
END_TEST

/* Types and origins are passed over; other protocol versions are refused. */
START_TEST(test_other_messages)
{
    set_up();
    start_transaction('d');
    must_decode(wire("cwss", 'Y', 16400, "public", "int4"), DECODED_NOTHING);
    must_decode(wire("cqs", 'O', COMMIT_LSN, "origin"), DECODED_NOTHING);
    must_fail(wire("cw", 'S', 727), "pgoutput message S at 0/1543C90: such a message is not part");
    must_fail(wire("b", 7), "pgoutput message 0x07 at");
    must_fail(STR(""), "it is empty");
    tear_down();
}
END_TEST

/* A message outside of transactions is one of its own, at the end of its record; inside it is a
 * change. */
START_TEST(test_messages)
{
    set_up();
    must_decode(wire("cbqswc", 'M', 0, 0x16C74B8, "nt", 1, 'x'), DECODED_MESSAGE);
    ck_assert_int_eq(decoded.change.type, EVENT_MESSAGE);
    ck_assert_ptr_null(decoded.change.relation);
    ck_assert(str_equal(decoded.change.prefix, STR("nt")));
    ck_assert(str_equal(decoded.change.content, STR("x")));
    ck_assert_uint_eq(decoded.transaction.end_lsn, 0x16C74B8);
    ck_assert_uint_eq(decoded.transaction.xid, 0);
    must_fail(wire("cbqswc", 'M', 1, COMMIT_LSN, "p", 1, 'x'), "outside of a transaction");
    start_transaction('d');
    must_fail(wire("cbqswc", 'M', 0, COMMIT_LSN, "nt", 1, 'x'), "it is of no transaction, but 727");
    must_decode(wire("cbqswcbc", 'M', 1, COMMIT_LSN, "p", 3, 'x', 0, 'y'), DECODED_CHANGE);
    ck_assert_int_eq(decoded.change.type, EVENT_MESSAGE);
    ck_assert_ptr_null(decoded.change.relation);
    ck_assert(str_equal(decoded.change.prefix, STR("p")));
    /* wal2json would cut it off at the NUL. */
    ck_assert(str_equal(decoded.change.content, STR("x\0y")));
    must_fail(wire("cbqsw", 'M', 2, COMMIT_LSN, "p", 0), "unknown flags 2");
    must_fail(wire("cbqsw", 'M', 1, COMMIT_LSN, "p", -1), "it ends in the middle");
    tear_down();
}
END_TEST

/* --- truncates and the rest ------------------------------------------------------------------ */

/* What is wrong with a row is told with its relation and column. */
START_TEST(test_row_errors)
{
    set_up();
    start_transaction('d');
    must_fail(wire("cwchcc", 'I', 7, 'N', 3, 'n', 'b'),
              "relation public.t: column s: its value is of the unknown kind 0x62");
    must_fail(wire("cw", 'I', 8), "relation 8 was not described before");
    must_fail(STR("I"), "it ends in the middle");
    tear_down();
}
END_TEST

static void assert_truncated(const char *table, bool more)
{
    ck_assert_int_eq(decoded.kind, DECODED_CHANGE);
    ck_assert_int_eq(decoded.change.type, EVENT_TRUNCATE);
    ck_assert(str_equal(decoded.change.relation->table, str_from(table)));
    ck_assert_ptr_null(decoded.change.new_values);
    ck_assert_ptr_null(decoded.change.old_values);
    ck_assert(decoded.more == more);
}

/* A truncate of several tables is a change of each; one that was not taken is given again. */
START_TEST(test_truncate)
{
    set_up();
    start_transaction('d');
    must_decode(wire("cwssch", 'R', 8, "public", "u", 'n', 0), DECODED_NOTHING);
    for (int i = 0; i < 2; i++) {
        struct str message = wire("cwbww", 'T', 2, 3, 7, 8);
        must_decode(message, DECODED_CHANGE);
        assert_truncated("t", true);
        must_decode(message, DECODED_CHANGE);
        assert_truncated("t", true);
        pgoutput_decoder.take(decoder);
        must_decode(message, DECODED_CHANGE);
        assert_truncated("u", false);
        must_decode(message, DECODED_CHANGE);
        assert_truncated("u", false);
        pgoutput_decoder.take(decoder);
    }
    must_decode(wire("cwbww", 'T', 2, 0, 7, 8), DECODED_CHANGE);
    pgoutput_decoder.take(decoder);
    pgoutput_decoder.reset(decoder);
    start_transaction('d');
    must_decode(wire("cwbw", 'T', 1, 0, 7), DECODED_CHANGE);
    assert_truncated("t", false);
    pgoutput_decoder.take(decoder);
    must_decode(insert(), DECODED_CHANGE);
    pgoutput_decoder.take(decoder);
    must_fail(wire("cwbw", 'T', 2, 0, 7), "4 bytes are no list of 2 relations");
    must_fail(wire("cwbwb", 'T', 1, 0, 7, 0), "5 bytes are no list of 1 relations");
    must_fail(wire("cwb", 'T', 0, 0), "it has only 0 relations");
    must_fail(wire("cwbw", 'T', 1, 0, 9), "relation 9 was not described before");
    tear_down();
}
END_TEST

/* What the catalog and the relation cache do in between does not matter to a stream. */
START_TEST(test_independent_of_cache)
{
    set_up();
    start_transaction('d');
    relation_cache_clear_relations(cache);
    relation_cache_collect(cache);
    must_decode(insert(), DECODED_CHANGE);
    ck_assert(str_equal(decoded.change.relation->columns[1].name, STR("s")));
    tear_down();
}
END_TEST

/* Names in errors are cut and kept on one line. */
START_TEST(test_hostile_names)
{
    char name[3000];

    set_up();
    start_transaction('d');
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    must_fail(wire("cwssch", 'R', 7, "a\nb", name, 'x', 0), "relation a b.nnnn");
    ck_assert_ptr_nonnull(strstr(error.text, "unknown replica identity"));
    tear_down();
}
END_TEST

UNIT_SUITE("decode/pgoutput", test_equal_events, test_values_are_text_output, test_truncated,
           test_bit_flips, test_missing_types, test_no_memory, test_steady_state, test_order,
           test_transaction, test_peek, test_reset, test_other_messages, test_messages,
           test_row_errors, test_truncate, test_independent_of_cache, test_hostile_names)
