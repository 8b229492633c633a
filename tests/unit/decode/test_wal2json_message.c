#include "decode/wal2json_message.h"

#include "golden.h"
#include "unit.h"

static struct wal2json_message message;
static struct json_reader reader;
static struct error error;

static int read_text(const char *text)
{
    error_clear(&error);
    return wal2json_message_read(&message, &reader, str_from(text), &error);
}

static void must_read(const char *text)
{
    ck_assert_msg(read_text(text) == 0, "%s: %s", text, error.text);
}

static void must_fail(const char *text, const char *story)
{
    ck_assert_msg(read_text(text) == -EBADMSG, "%s is accepted", text);
    ck_assert_msg(strstr(error.text, story) != NULL, "\"%s\" is not in: %s", story, error.text);
}

#define CHANGE(action)                                                                             \
    "{\"action\":\"" action "\",\"xid\":727,\"schema\":\"public\",\"table\":\"t\""
#define COLUMN "{\"name\":\"id\",\"typeoid\":23,\"value\":1}"
#define PK ",\"pk\":[{\"name\":\"id\",\"typeoid\":23}]"
#define INSERT_OF(column) CHANGE("I") ",\"columns\":[" column "]" PK "}"

START_TEST(test_begin)
{
    must_read("{\"action\":\"B\",\"xid\":4294967295,\"timestamp\":\"1970-01-01 00:00:01+00\","
              "\"lsn\":\"16/B374D848\",\"nextlsn\":\"FFFFFFFF/FFFFFFFF\"}");
    ck_assert_int_eq(message.action, 'B');
    ck_assert_uint_eq(message.xid, 4294967295);
    ck_assert_int_eq(message.timestamp, 1000000);
    ck_assert_uint_eq(message.lsn, UINT64_C(0x16B374D848));
    ck_assert_uint_eq(message.nextlsn, UINT64_MAX);
}
END_TEST

#define COMMIT_AT(time)                                                                            \
    "{\"action\":\"C\",\"xid\":1,\"timestamp\":\"" time "\",\"lsn\":\"0/1\",\"nextlsn\":\"0/2\"}"

/* The time of the message before is not parsed again, and not taken for another one. */
START_TEST(test_times)
{
    must_read(COMMIT_AT("1970-01-01 00:00:01+00"));
    ck_assert_int_eq(message.timestamp, 1000000);
    must_read(COMMIT_AT("1970-01-01 00:00:01+00"));
    ck_assert_int_eq(message.timestamp, 1000000);
    must_read(COMMIT_AT("1970-01-01 00:00:02+00"));
    ck_assert_int_eq(message.timestamp, 2000000);
    must_fail(COMMIT_AT("1970-01-01 00:00:02"), "not a timestamp");
    must_fail(COMMIT_AT("1970-01-01 00:00:02"), "not a timestamp");
    must_fail(COMMIT_AT(""), "not a timestamp");
    must_read(COMMIT_AT("1970-01-01 00:00:01+00"));
    ck_assert_int_eq(message.timestamp, 1000000);
}
END_TEST

START_TEST(test_row)
{
    must_read(CHANGE("U") ",\"columns\":[" COLUMN ",{\"name\":\"s\",\"typeoid\":25,\"value\":null}]"
                          ",\"identity\":[" COLUMN "]" PK "}");
    ck_assert(str_equal(message.schema, STR("public")));
    ck_assert(str_equal(message.table, STR("t")));
    ck_assert_uint_eq(message.columns.count, 2);
    ck_assert_uint_eq(message.columns.items[0].type_oid, 23);
    ck_assert(str_equal(message.columns.items[0].value.text, STR("1")));
    ck_assert_int_eq(message.columns.items[1].value.kind, SCALAR_NULL);
    ck_assert_uint_eq(message.identity.count, 1);
    ck_assert_uint_eq(message.pk.count, 1);
    ck_assert(str_equal(message.pk.items[0].name, STR("id")));
}
END_TEST

/* Fields of the message before do not show in the next one. */
START_TEST(test_nothing_is_left_over)
{
    must_read(CHANGE("I") ",\"columns\":[" COLUMN "]" PK "}");
    must_read(CHANGE("T") "}");
    ck_assert_uint_eq(message.columns.count, 0);
    ck_assert_uint_eq(message.pk.count, 0);
    ck_assert_uint_eq(message.fields & WAL2JSON_COLUMNS, 0);
    must_fail("{}", "\"action\" is missing");
}
END_TEST

/* wal2json prints OIDs with %d. */
START_TEST(test_large_oids)
{
    must_read(INSERT_OF("{\"name\":\"a\",\"typeoid\":-2147483648,\"value\":1}"));
    ck_assert_uint_eq(message.columns.items[0].type_oid, 2147483648);
    must_read(INSERT_OF("{\"name\":\"a\",\"typeoid\":-1,\"value\":1}"));
    ck_assert_uint_eq(message.columns.items[0].type_oid, 4294967295);
    must_read(INSERT_OF("{\"name\":\"a\",\"typeoid\":4294967295,\"value\":1}"));
    ck_assert_uint_eq(message.columns.items[0].type_oid, 4294967295);
}
END_TEST

/* What a newer wal2json may add is passed over, whatever its form; the order does not matter. */
START_TEST(test_unknown_members)
{
    must_read(
        "{\"origin\":0,\"new\":{\"a\":[1,{\"b\":null}]},\"table\":\"t\",\"schema\":\"public\","
        "\"columns\":[{\"optional\":true,\"value\":1,\"position\":[1],\"typeoid\":23,"
        "\"name\":\"id\",\"default\":null}],\"pk\":[{\"name\":\"id\",\"typeoid\":23,"
        "\"x\":{}}],\"xid\":727,\"action\":\"I\"}");
    ck_assert_uint_eq(message.columns.count, 1);
    must_fail(CHANGE("T") ",\"new\":[1,}", "a value is expected");
}
END_TEST

/* The members of a column as wal2json writes them are read in one step each: in any other form, and
 * from any of them on, they are read all the same, and as strictly. */
START_TEST(test_columns_in_other_forms)
{
    static const char *const forms[] = {
        COLUMN,
        "{ \"name\" : \"id\" , \"typeoid\" : 23 , \"value\" : 1 }",
        "{\"name\":\"id\", \"typeoid\":23,\"value\":1}",
        "{\"name\":\"id\",\"value\":1,\"typeoid\":23}",
        "{\"typeoid\":23,\"name\":\"id\",\"value\":1}",
        "{\"n\\u0061me\":\"id\",\"typeoid\":23,\"value\":1}",
        "{\"name\":\"id\",\"typeoid\":23,\"position\":1,\"value\":1,\"default\":null}",
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "%s,\"columns\":[%s]%s}", CHANGE("I"), forms[i], PK);
        must_read(text);
        ck_assert_uint_eq(message.columns.count, 1);
        ck_assert(str_equal(message.columns.items[0].name, STR("id")));
        ck_assert_uint_eq(message.columns.items[0].type_oid, 23);
        ck_assert(str_equal(message.columns.items[0].value.text, STR("1")));
    }
    must_fail(INSERT_OF("{,\"typeoid\":23,\"name\":\"a\",\"value\":1}"), "a string is expected");
    must_fail(INSERT_OF("{\"name\":\"a\"\"typeoid\":23,\"value\":1}"), "a comma");
    must_fail(INSERT_OF("{\"name\":\"a\",,\"typeoid\":23,\"value\":1}"), "a string is expected");
    must_fail(INSERT_OF("{\"name\":,\"typeoid\":23,\"value\":1}"), "a string is expected");
    must_fail(INSERT_OF("{\"name\":\"a\",\"name\":\"a\",\"value\":1}"), "is there twice");
    must_fail(CHANGE("I") ",\"columns\":[{\"name\":", "the text ends too early");
}
END_TEST

/* A missing field is an error that names the option which makes wal2json send it. */
#define COLUMN_OF(name, type, rest) "{\"name\":\"" name "\",\"typeoid\":" type rest "}"
#define ONE ",\"value\":1"

static void must_be(const char *text, const char *name, uint32_t type)
{
    must_read(text);
    ck_assert_uint_eq(message.columns.count, 1);
    const struct wal2json_column *column = &message.columns.items[0];
    ck_assert(str_equal(column->name, str_from(name)));
    ck_assert_uint_eq(column->type_oid, type);
    ck_assert(str_equal(column->value.text, STR("1")));
}

/* What the message before said of the column at this place is not read again, and not taken for
 * what only begins like it. */
START_TEST(test_columns_that_are_known)
{
    static const char *const other[] = {
        INSERT_OF(COLUMN_OF("id", "23", "")),
        INSERT_OF(COLUMN_OF("id", "23", ",\"name\":\"id\"" ONE)),
        INSERT_OF(COLUMN_OF("id", "23", ",\"typeoid\":23" ONE)),
        INSERT_OF(COLUMN_OF("id", "23.5", ONE)),
        CHANGE("I") ",\"columns\":[{\"name\":\"id\",\"typeoid\":23",
    };

    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        must_be(INSERT_OF(COLUMN_OF("id", "23", ONE)), "id", 23);
        must_be(INSERT_OF(COLUMN_OF("id", "23", ONE)), "id", 23);
        ck_assert_int_eq(read_text(other[i]), -EBADMSG);
    }
    must_be(INSERT_OF(COLUMN_OF("id", "230", ONE)), "id", 230);
    must_be(INSERT_OF(COLUMN_OF("id", "23", ONE)), "id", 23);
    must_be(INSERT_OF(COLUMN_OF("ids", "23", ONE)), "ids", 23);
    must_be(INSERT_OF(COLUMN_OF("i\\\"d", "23", ONE)), "i\"d", 23);
    must_be(INSERT_OF(COLUMN_OF("i\\\"d", "23", ONE)), "i\"d", 23);
    must_be(INSERT_OF("{\"typeoid\":25,\"name\":\"s\",\"value\":1}"), "s", 25);
    must_be(INSERT_OF("{\"typeoid\":25,\"name\":\"s\",\"value\":1}"), "s", 25);
    must_be(INSERT_OF(COLUMN_OF("id", "-2", ONE)), "id", 4294967294);
    must_be(INSERT_OF(COLUMN_OF("id", "-2", ONE)), "id", 4294967294);
}
END_TEST

START_TEST(test_missing)
{
#define TIME "\"timestamp\":\"1970-01-01 00:00:00+00\""
    must_fail("{\"change\":[]}", "\"action\" is missing: start the stream with format-version=2");
    must_fail("{\"action\":\"B\"," TIME ",\"lsn\":\"0/1\",\"nextlsn\":\"0/2\"}", "include-xids");
    must_fail("{\"action\":\"B\",\"xid\":1,\"lsn\":\"0/1\",\"nextlsn\":\"0/2\"}",
              "include-timestamp");
    must_fail("{\"action\":\"C\",\"xid\":1," TIME ",\"nextlsn\":\"0/2\"}", "\"lsn\" is missing");
    must_fail("{\"action\":\"C\",\"xid\":1," TIME ",\"lsn\":\"0/1\"}", "\"nextlsn\" is missing");
    must_fail(CHANGE("I") PK "}", "\"columns\" is missing");
    must_fail(CHANGE("U") PK ",\"identity\":[" COLUMN "]}", "\"columns\" is missing");
    must_fail(CHANGE("I") ",\"columns\":[" COLUMN "]}", "include-pk");
    must_fail(CHANGE("D") PK "}", "\"identity\" is missing");
    must_fail(CHANGE("D") ",\"identity\":[" COLUMN "]}", "\"pk\" is missing");
    must_fail("{\"action\":\"T\",\"xid\":1,\"table\":\"t\"}", "include-schemas");
    must_fail("{\"action\":\"T\",\"xid\":1,\"schema\":\"s\"}", "\"table\" is missing");
    must_fail("{\"action\":\"T\",\"xid\":null,\"schema\":\"s\",\"table\":\"t\"}", "include-xids");
    must_fail("{\"action\":\"M\",\"lsn\":\"0/1\",\"prefix\":\"\",\"content\":\"\"}",
              "\"transactional\"");
    must_fail("{\"action\":\"M\",\"lsn\":\"0/1\",\"transactional\":false,\"content\":\"\"}",
              "\"prefix\"");
    must_fail("{\"action\":\"M\",\"lsn\":\"0/1\",\"transactional\":false,\"prefix\":\"\"}",
              "\"content\"");
    must_fail("{\"action\":\"M\",\"transactional\":false,\"prefix\":\"\",\"content\":\"\"}",
              "\"lsn\" is missing: start the stream with include-lsn");
    must_fail("{\"action\":\"M\",\"transactional\":true,\"prefix\":\"\",\"content\":\"\"}",
              "\"xid\"");
    must_fail(INSERT_OF("{\"name\":\"a\",\"value\":1}"), "include-type-oids=true");
    must_fail(INSERT_OF("{\"typeoid\":23,\"value\":1}"), "no name or no value");
    must_fail(INSERT_OF("{\"name\":\"a\",\"typeoid\":23}"), "no name or no value");
}
END_TEST

/* Fields of the wrong kind are refused at their place. */
START_TEST(test_wrong_kinds)
{
    must_fail("{\"action\":\"X\"}", "an action that walpiper does not know, at byte 13 of 14");
    must_fail("{\"action\":\"\"}", "an action that walpiper does not know");
    must_fail("{\"action\":\"BC\"}", "an action that walpiper does not know");
    must_fail("{\"action\":1}", "a string is expected");
    must_fail("{\"xid\":0}", "not a transaction id");
    must_fail("{\"xid\":-1}", "not a transaction id");
    must_fail("{\"xid\":4294967296}", "not a transaction id");
    must_fail("{\"xid\":1.0}", "not a transaction id");
    must_fail("{\"xid\":\"1\"}", "not a transaction id");
    must_fail("{\"timestamp\":\"yesterday\"}", "not a timestamp");
    must_fail("{\"timestamp\":1}", "not a timestamp");
    must_fail("{\"lsn\":\"1\"}", "not an LSN");
    must_fail("{\"nextlsn\":\"0/G\"}", "not an LSN");
    must_fail("{\"lsn\":null}", "a string is expected");
    must_fail("{\"schema\":null}", "a string is expected");
    must_fail("{\"transactional\":1}", "true or false");
    must_fail("{\"columns\":{}}", "an array is expected");
    must_fail("{\"columns\":[1]}", "an object is expected");
    must_fail(INSERT_OF("{\"name\":\"a\",\"typeoid\":0,\"value\":1}"), "typeoid is no OID");
    must_fail(INSERT_OF("{\"name\":\"a\",\"typeoid\":1e3,\"value\":1}"), "typeoid is no OID");
    must_fail(INSERT_OF("{\"name\":\"a\",\"typeoid\":-2147483649,\"value\":1}"), "no OID");
    must_fail(INSERT_OF("{\"name\":\"a\",\"typeoid\":4294967296,\"value\":1}"), "no OID");
    must_fail(INSERT_OF("{\"name\":\"a\",\"typeoid\":23,\"value\":[1]}"), "null is expected");
    must_fail("[]", "an object is expected, at byte 0 of 2");
    must_fail("", "the text ends too early");
    must_fail(CHANGE("T") "}}", "text follows");
}
END_TEST

/* Two answers to one question are no answer. */
START_TEST(test_twice)
{
    must_fail("{\"xid\":1,\"xid\":1}", "a member is there twice");
    must_fail("{\"columns\":[],\"columns\":[]}", "a member is there twice");
    must_fail(INSERT_OF("{\"name\":\"a\",\"typeoid\":23,\"value\":1,\"value\":1}"), "twice");
}
END_TEST

/* A row is of one kind: an insert has no old values, a delete no new ones. */
START_TEST(test_wrong_halves)
{
    must_fail(CHANGE("I") ",\"columns\":[" COLUMN "],\"identity\":[" COLUMN "]" PK "}",
              "\"identity\" does not belong to action I");
    must_fail(CHANGE("D") ",\"columns\":[" COLUMN "],\"identity\":[" COLUMN "]" PK "}",
              "\"columns\" does not belong to action D");
}
END_TEST

/* PostgreSQL's most columns are read, one more is refused. */
START_TEST(test_many_columns)
{
    static char text[100000];
    size_t len = (size_t)snprintf(text, sizeof(text), "%s,\"columns\":[" COLUMN, CHANGE("I"));

    for (int i = 1; i < WAL2JSON_COLUMNS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "," COLUMN);
    snprintf(text + len, sizeof(text) - len, "]" PK "}");
    must_read(text);
    ck_assert_uint_eq(message.columns.count, WAL2JSON_COLUMNS_MAX);
    snprintf(text + len, sizeof(text) - len, "," COLUMN "]" PK "}");
    must_fail(text, "more than 1600 columns");
}
END_TEST

/* Any byte of a real message may be wrong: it is read or refused, never crashed upon. */
START_TEST(test_changed_bytes)
{
    static const char wrong[] = {'\0', '"', '\\', '}', ']', ',', ':', '0', '\n', '\x80', 'u', '-'};
    struct golden golden;

    golden_load(&golden);
    for (int i = 0; i < golden.count; i++) {
        struct str text = golden.messages[i].text;
        char *copy = malloc(text.len);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, text.data, text.len);
        for (size_t at = 0; at < text.len; at++) {
            copy[at] = wrong[at % sizeof(wrong)];
            int r = wal2json_message_read(&message, &reader, (struct str){copy, text.len}, &error);
            ck_assert(r == 0 || r == -EBADMSG);
            copy[at] = text.data[at];
        }
        free(copy);
    }
    golden_release(&golden);
    json_reader_release(&reader);
}
END_TEST

UNIT_SUITE("decode/wal2json_message", test_begin, test_times, test_row, test_nothing_is_left_over,
           test_large_oids, test_unknown_members, test_columns_in_other_forms,
           test_columns_that_are_known, test_missing, test_wrong_kinds, test_twice,
           test_wrong_halves, test_many_columns, test_changed_bytes)
