#define DECODER wal2json_decoder
#include "decoding.h"

#include <inttypes.h>

#define RENDERED_MAX (1UL << 20)

static void load_golden(void)
{
    golden_load(&golden);
}

static void set_up(void)
{
    load_golden();
    open_decoder();
    golden_add_types(&golden, cache, 0);
}

/* wal2json says null for these; nothing can bring them back. */
static bool is_lost(const struct relation_column *column, struct str text)
{
    return column->type->kind == JSON_KIND_NUMBER &&
           (str_equal(text, STR("NaN")) || str_equal(text, STR("Infinity")));
}

static int decode(const char *message)
{
    return decode_at(0x1543C90, str_from(message));
}

static void must_decode(const char *message, enum decoded_kind kind)
{
    int r = decode(message);

    ck_assert_msg(r == 0, "%s: %s", message, error.text);
    ck_assert_int_eq(decoded.kind, kind);
}

static void must_fail(const char *message, const char *story)
{
    struct decoded before = decoded;

    ck_assert_msg(decode(message) == -EBADMSG, "%s is accepted", message);
    ck_assert_int_eq(error.code, -EBADMSG);
    ck_assert_msg(strstr(error.text, story) != NULL, "\"%s\" is not in: %s", story, error.text);
    ck_assert_msg(strstr(error.text, "wal2json message at 0/1543C90") == error.text, "%s",
                  error.text);
    ck_assert_mem_eq(&before, &decoded, sizeof(decoded));
}

#define BEGIN                                                                                      \
    "{\"action\":\"B\",\"xid\":727,\"timestamp\":\"2026-11-21 08:41:26.739092+00\","               \
    "\"lsn\":\"0/1543C90\",\"nextlsn\":\"0/1543F30\"}"
#define COMMIT                                                                                     \
    "{\"action\":\"C\",\"xid\":727,\"timestamp\":\"2026-11-21 08:41:26.739092+00\","               \
    "\"lsn\":\"0/1543C90\",\"nextlsn\":\"0/1543F30\"}"
#define ID_COLUMN "{\"name\":\"id\",\"typeoid\":23,\"value\":1}"
#define PK "\"pk\":[{\"name\":\"id\",\"typeoid\":23}]"
#define CHANGE(action)                                                                             \
    "{\"action\":\"" action "\",\"xid\":727,\"schema\":\"public\",\"table\":\"t\""
#define INSERT CHANGE("I") ",\"columns\":[" ID_COLUMN "]," PK "}"

static void render_text(struct buffer *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < ' ' || c == '\\')
            buffer_printf(out, "\\%02x", c);
        else
            buffer_append_char(out, (char)c);
    }
}

static void render_value(struct buffer *out, const char *label, const struct value *value)
{
    static const char *const kinds[] = {
        [VALUE_ABSENT] = "absent", [VALUE_NULL] = "null", [VALUE_UNCHANGED] = "unchanged"};

    if (value->kind != VALUE_TEXT) {
        buffer_printf(out, " %s %s", label, kinds[value->kind]);
        return;
    }
    buffer_printf(out, " %s '", label);
    render_text(out, value->text);
    buffer_append_char(out, '\'');
}

static void render_change(struct buffer *out, const struct change *change)
{
    static const char *const types[] = {[EVENT_INSERT] = "insert",
                                        [EVENT_UPDATE] = "update",
                                        [EVENT_DELETE] = "delete",
                                        [EVENT_TRUNCATE] = "truncate",
                                        [EVENT_MESSAGE] = "message"};
    const struct relation *relation = change->relation;

    buffer_printf(out, "%s", types[change->type]);
    if (relation == NULL) {
        buffer_append(out, " prefix '", 9);
        render_text(out, change->prefix);
        buffer_append(out, "' content '", 11);
        render_text(out, change->content);
        buffer_append(out, "'\n", 2);
        return;
    }
    buffer_printf(out, " %.*s | %.*s\n", STR_ARG(relation->schema), STR_ARG(relation->table));
    for (uint16_t i = 0; i < relation->column_count; i++) {
        const struct relation_column *column = &relation->columns[i];
        buffer_printf(out, "  %.*s %s%s", STR_ARG(column->name), column->type->name,
                      column->primary_key ? " key" : "");
        if (change->new_values != NULL)
            render_value(out, "new", &change->new_values[i]);
        if (change->old_values != NULL)
            render_value(out, "old", &change->old_values[i]);
        buffer_append_char(out, '\n');
    }
}

static void render(struct buffer *out)
{
    const struct transaction *t = &decoded.transaction;
    char commit[LSN_TEXT_MAX], end[LSN_TEXT_MAX];

    switch (decoded.kind) {
    case DECODED_NOTHING:
        buffer_printf(out, "nothing\n");
        break;
    case DECODED_CHANGE:
        render_change(out, &decoded.change);
        break;
    case DECODED_MESSAGE:
        buffer_printf(out, "by itself, ends %s: ", lsn_format(t->end_lsn, end));
        render_change(out, &decoded.change);
        break;
    case DECODED_BEGIN:
    case DECODED_COMMIT:
        buffer_printf(out, "%s %u at %s, ends %s, %" PRId64 "\n",
                      decoded.kind == DECODED_BEGIN ? "begin" : "commit", t->xid,
                      lsn_format(t->commit_lsn, commit), lsn_format(t->end_lsn, end),
                      t->commit_time);
        break;
    }
}

static void write_golden(const char *name, struct str text)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", GOLDEN_DIR, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text.data, 1, text.len, file), text.len);
    fclose(file);
}

static void assert_same_lines(struct str actual, struct str expected)
{
    for (int line = 1; actual.len > 0 || expected.len > 0; line++) {
        struct str a = str_cut(&actual, '\n');
        struct str e = str_cut(&expected, '\n');
        ck_assert_msg(str_equal(a, e), "line %d is\n%.*s\nand should be\n%.*s", line, STR_ARG(a),
                      STR_ARG(e));
    }
}

/* What a real server sent becomes the changes of golden/wal2json.decoded. */
START_TEST(test_golden)
{
    struct buffer out;

    set_up();
    buffer_init(&out, RENDERED_MAX);
    for (int i = 0; i < golden.count; i++) {
        const struct golden_message *message = &golden.messages[i];
        ck_assert_msg(decode_at(message->lsn, message->text) == 0, "%s", error.text);
        render(&out);
    }
    ck_assert_int_eq(out.failed, 0);
    if (getenv("UPDATE_GOLDEN") != NULL)
        write_golden("wal2json.decoded", buffer_str(&out));
    struct str expected = golden_file("wal2json.decoded");
    assert_same_lines(buffer_str(&out), expected);
    free((char *)expected.data);
    buffer_release(&out);
    tear_down();
}
END_TEST

/* Once the relations are known, a stream without DDL is decoded without one allocation. */
START_TEST(test_steady_state)
{
    static const char escaped[] =
        CHANGE("I") ",\"columns\":[" ID_COLUMN
                    ",{\"name\":\"s\",\"typeoid\":25,\"value\":\"a\\nb\"}"
                    ",{\"name\":\"by\",\"typeoid\":17,\"value\":\"00ff\"}]," PK "}";

    set_up();
    must_decode(BEGIN, DECODED_BEGIN);
    must_decode(escaped, DECODED_CHANGE);
    allocations_start(0);
    for (int i = 0; i < 1000; i++) {
        int r;
        WATCHED(r = decode(escaped));
        ck_assert_int_eq(r, 0);
    }
    ck_assert_int_eq(allocations, 0);
    tear_down();
}
END_TEST

/* What decode() returned can be read until the next one, though that relation was replaced. */
START_TEST(test_lifetime)
{
    set_up();
    must_decode(BEGIN, DECODED_BEGIN);
    must_decode(INSERT, DECODED_CHANGE);
    const struct relation *relation = decoded.change.relation;
    const struct relation_cache_column columns[] = {{STR("other"), 25, false, false}};
    const struct relation *other;
    ck_assert_int_eq(
        relation_cache_put(cache, STR("public"), STR("t"), columns, 1, &other, &missing_type), 0);
    ck_assert(str_equal(relation->columns[0].name, STR("id")));
    relation_cache_clear_relations(cache);
    ck_assert(str_equal(relation->columns[0].name, STR("id")));
    tear_down();
}
END_TEST

/* B, changes, C, all of one transaction; whatever else is refused and consumes nothing. */
START_TEST(test_order)
{
    set_up();
    must_fail(INSERT, "relation public.t: it comes outside of a transaction");
    must_fail(COMMIT, "it comes outside of a transaction");
    must_decode(BEGIN, DECODED_BEGIN);
    must_fail(BEGIN, "transaction 727 begins, but 727 is still open");
    must_fail("{\"action\":\"T\",\"xid\":728,\"schema\":\"public\",\"table\":\"t\"}",
              "it is of transaction 728, but 727 is open");
    must_fail("{\"action\":\"C\",\"xid\":728,\"timestamp\":\"2026-11-21 08:41:26+00\","
              "\"lsn\":\"0/1543C90\",\"nextlsn\":\"0/1543F30\"}",
              "it is of transaction 728, but 727 is open");
    must_fail("{\"action\":\"C\",\"xid\":727,\"timestamp\":\"2026-11-21 08:41:26+00\","
              "\"lsn\":\"0/1543C91\",\"nextlsn\":\"0/1543F30\"}",
              "commits at another LSN");
    must_fail("{\"action\":\"C\",\"xid\":727,\"timestamp\":\"2026-11-21 08:41:26+00\","
              "\"lsn\":\"0/1543C90\",\"nextlsn\":\"0/1543F31\"}",
              "commits at another LSN");
    must_decode(INSERT, DECODED_CHANGE);
    must_decode(COMMIT, DECODED_COMMIT);
    must_fail(COMMIT, "it comes outside of a transaction");
    tear_down();
}
END_TEST

/* The transaction is told with every message of it, from B on. */
START_TEST(test_transaction)
{
    static const char *const messages[] = {BEGIN, INSERT, COMMIT};

    set_up();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(decode(messages[i]), 0);
        ck_assert_uint_eq(decoded.transaction.xid, 727);
        ck_assert_uint_eq(decoded.transaction.commit_lsn, 0x1543C90);
        ck_assert_uint_eq(decoded.transaction.end_lsn, 0x1543F30);
        ck_assert_int_eq(decoded.transaction.commit_time, 1795250486739092);
    }
    tear_down();
}
END_TEST

/* After a reset the stream starts with B again, whatever was open. */
START_TEST(test_reset)
{
    set_up();
    must_decode(BEGIN, DECODED_BEGIN);
    wal2json_decoder.reset(decoder);
    must_fail(INSERT, "it comes outside of a transaction");
    must_decode(BEGIN, DECODED_BEGIN);
    tear_down();
}
END_TEST

/* A message outside of transactions is one of its own, at the end of its record; inside it is a
 * change. */
START_TEST(test_messages)
{
    static const char outside[] =
        "{\"action\":\"M\",\"xid\":null,\"timestamp\":null,\"lsn\":\"0/16C74B8\","
        "\"transactional\":false,\"prefix\":\"nt\",\"content\":\"now\"}";

    set_up();
    must_decode(outside, DECODED_MESSAGE);
    ck_assert_int_eq(decoded.change.type, EVENT_MESSAGE);
    ck_assert_ptr_null(decoded.change.relation);
    ck_assert(str_equal(decoded.change.prefix, STR("nt")));
    ck_assert(str_equal(decoded.change.content, STR("now")));
    ck_assert_uint_eq(decoded.transaction.end_lsn, 0x16C74B8);
    ck_assert_uint_eq(decoded.transaction.xid, 0);
    must_fail("{\"action\":\"M\",\"transactional\":false,\"prefix\":\"\",\"content\":\"\"}",
              "\"lsn\" is missing");
    must_decode(BEGIN, DECODED_BEGIN);
    must_fail(outside, "it is of no transaction, but 727 is open");
    must_decode("{\"action\":\"M\",\"xid\":727,\"timestamp\":\"2026-11-21 08:41:26.739092+00\","
                "\"lsn\":\"0/16C74B8\",\"transactional\":true,\"prefix\":\"p\",\"content\":\"\"}",
                DECODED_CHANGE);
    ck_assert_int_eq(decoded.change.type, EVENT_MESSAGE);
    ck_assert_ptr_null(decoded.change.relation);
    ck_assert(str_equal(decoded.change.prefix, STR("p")));
    ck_assert_uint_eq(decoded.change.content.len, 0);
    must_fail("{\"action\":\"M\",\"xid\":728,\"transactional\":true,\"prefix\":\"p\","
              "\"content\":\"\"}",
              "it is of transaction 728");
    must_fail("{\"action\":\"M\",\"xid\":null,\"transactional\":true,\"prefix\":\"p\","
              "\"content\":\"\"}",
              "\"xid\" is missing");
    tear_down();
}
END_TEST

/* bytea that is not hex has lost two bytes in the plugin: better no event than a wrong one. */
START_TEST(test_bytea)
{
#define BYTEA(value)                                                                               \
    CHANGE("I") ",\"columns\":[{\"name\":\"by\",\"typeoid\":17,\"value\":" value "}],\"pk\":[]}"
    set_up();
    must_decode(BEGIN, DECODED_BEGIN);
    must_decode(BYTEA("\"\""), DECODED_CHANGE);
    ck_assert(str_equal(decoded.change.new_values[0].text, STR("\\x")));
    must_decode(BYTEA("\"00ff\""), DECODED_CHANGE);
    ck_assert(str_equal(decoded.change.new_values[0].text, STR("\\x00ff")));
    must_fail(BYTEA("\"00f\""), "relation public.t: column by: bytea that is not hex");
    must_fail(BYTEA("\"\\\\000\""), "bytea_output=hex");
    must_fail(BYTEA("\"llo\""), "bytea_output=hex");
    tear_down();
}
END_TEST

/* One value for one column. */
START_TEST(test_column_twice)
{
    set_up();
    must_decode(BEGIN, DECODED_BEGIN);
    must_fail(CHANGE("I") ",\"columns\":[" ID_COLUMN "," ID_COLUMN "]," PK "}", "there twice");
    must_decode(INSERT, DECODED_CHANGE);
    must_fail(CHANGE("D") ",\"identity\":[" ID_COLUMN "," ID_COLUMN "]," PK "}",
              "column id: it is there twice");
    tear_down();
}
END_TEST

/* A truncate has no values, whatever a newer plugin may tell with it. */
START_TEST(test_truncate_with_columns)
{
    set_up();
    must_decode(BEGIN, DECODED_BEGIN);
    must_decode(CHANGE("T") ",\"columns\":[" ID_COLUMN "],\"identity\":[" ID_COLUMN "]," PK "}",
                DECODED_CHANGE);
    ck_assert_int_eq(decoded.change.type, EVENT_TRUNCATE);
    ck_assert_ptr_null(decoded.change.new_values);
    ck_assert_ptr_null(decoded.change.old_values);
    tear_down();
}
END_TEST

/* Names in errors are cut and kept on one line. */
START_TEST(test_hostile_names)
{
    char message[20000];
    char name[10000];

    set_up();
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(message, sizeof(message),
             "{\"action\":\"T\",\"xid\":1,\"schema\":\"a\\nb\",\"table\":\"%s\"}", name);
    must_fail(message, "relation a b.nnnn");
    ck_assert_ptr_nonnull(strstr(error.text, "it comes outside of a transaction"));
    tear_down();
}
END_TEST

UNIT_SUITE("decode/wal2json", test_golden, test_values_are_text_output, test_truncated,
           test_missing_types, test_no_memory, test_steady_state, test_lifetime, test_order,
           test_transaction, test_reset, test_messages, test_bytea, test_column_twice,
           test_truncate_with_columns, test_hostile_names)
