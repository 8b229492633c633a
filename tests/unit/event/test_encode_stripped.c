#include "base/failing_memory.h"
#include "event/changes.h"

#include <stdio.h>

#define LIMIT 2000

static struct buffer out;
static char large[3000], longest_kept[1024], shortest_cut[1025];

static const struct event_origin limited = {
    .epoch = {"7f3a91c2", 8}, .database = {"demo", 4}, .version = {"0.1.0", 5}, .max_event = LIMIT};

static struct value text_of(const char *bytes, size_t len)
{
    return (struct value){.kind = VALUE_TEXT, .text = {bytes, len}};
}

#define TEXT_OF(array) text_of(array, sizeof(array))

static void setup(void)
{
    memset(large, 'x', sizeof(large));
    memset(longest_kept, 'k', sizeof(longest_kept));
    memset(shortest_cut, 'c', sizeof(shortest_cut));
}

static struct event stripped(const struct change *change)
{
    struct error err = {.text = ""};
    struct event event;

    buffer_init(&out, 1 << 20);
    int r = event_encode_stripped(&out, &limited, &transaction, 3, change, &err);
    ck_assert_msg(r == 0, "%d: %s", r, err.text);
    ck_assert_int_eq(event_read(&event, buffer_str(&out)), 0);
    return event;
}

#define ERROR_OF(bytes)                                                                            \
    "\"public.comments: its values have " bytes                                                    \
    " bytes, too many for an event of at most 2000 bytes (journal.max_event)\""
#define STRIPPED_OF(type, bytes)                                                                   \
    JSON_OF(type, ",\"new_record\":null,\"old_record\":null,\"changes\":null,"                     \
                  "\"error\":" ERROR_OF(bytes))

static void expect_json(const struct event *event, const char *json)
{
    char frame[4096];

    ck_assert_msg(str_equal(event->json, str_from(json)), "\n%.*s\nis not\n%s",
                  STR_ARG(event->json), json);
    snprintf(frame, sizeof(frame), "id: 7f3a91c2-16B3748-3\nevent: %s\ndata: %s\n\n",
             event_type_name(event->type), json);
    ck_assert(str_equal(event->frame, str_from(frame)));
}

static void expect_column(const struct event *event, uint16_t index, struct event_column expected)
{
    struct event_column column = event_column_at(event, index);

    ck_assert(str_equal(column.name, comments.columns[index].name));
    ck_assert(column.primary_key == (index == ID));
    ck_assert_msg(str_equal(column.new_value, expected.new_value), "new of %d: %.*s", index,
                  STR_ARG(column.new_value));
    ck_assert_msg(str_equal(column.old_value, expected.old_value), "old of %d: %.*s", index,
                  STR_ARG(column.old_value));
    ck_assert((column.new_value.data == NULL) == (expected.new_value.data == NULL));
    ck_assert((column.old_value.data == NULL) == (expected.old_value.data == NULL));
    ck_assert_int_eq(column.left_out, expected.left_out);
}

START_TEST(insert_says_why_it_has_no_records_and_keeps_its_small_values)
{
    setup();
    const struct value row[] = {TEXT_VALUE("89"), TEXT_VALUE("p-\"1"), TEXT_OF(large), NULL_VALUE};
    const struct change change = {EVENT_INSERT, &comments, .new_values = row};
    struct event event = stripped(&change);

    expect_json(&event, STRIPPED_OF("insert", "3006"));
    ck_assert(str_equal(event.error, STR(ERROR_OF("3006"))));
    ck_assert(str_equal(event.id, STR("7f3a91c2-16B3748-3")));
    ck_assert_uint_eq(event.xid, 8841);
    expect_column(&event, ID, (struct event_column){.new_value = STR("89")});
    expect_column(&event, POST_ID, (struct event_column){.new_value = STR("\"p-\\\"1\"")});
    expect_column(&event, BODY, (struct event_column){.left_out = true});
    expect_column(&event, RATING, (struct event_column){.new_value = STR("null")});
    buffer_release(&out);
}
END_TEST

START_TEST(update_keeps_what_a_row_was_and_what_it_is)
{
    setup();
    const struct value before[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), TEXT_OF(large),
                                   TEXT_VALUE("4")};
    const struct value after[] = {TEXT_VALUE("89"), TEXT_VALUE("p-2"), TEXT_VALUE("short"),
                                  TEXT_VALUE("4")};
    const struct change change = {EVENT_UPDATE, &comments, .new_values = after,
                                  .old_values = before};
    struct event event = stripped(&change);

    expect_json(&event, STRIPPED_OF("update", "3014"));
    expect_column(&event, ID,
                  (struct event_column){.new_value = STR("89"), .old_value = STR("89")});
    expect_column(&event, POST_ID,
                  (struct event_column){.new_value = STR("\"p-2\""), .old_value = STR("\"p-1\"")});
    expect_column(&event, BODY,
                  (struct event_column){.new_value = STR("\"short\""), .left_out = true});
    buffer_release(&out);
}
END_TEST

/* wal2json gives the key of an update that left it alone, pgoutput does not. */
START_TEST(a_value_that_stayed_counts_once)
{
    setup();
    const struct value row[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), TEXT_OF(large), NULL_VALUE};
    const struct value key[] = {TEXT_VALUE("89"), ABSENT_VALUE, ABSENT_VALUE, ABSENT_VALUE};
    const struct change with_key = {EVENT_UPDATE, &comments, .new_values = row, .old_values = key};
    const struct change without = {EVENT_UPDATE, &comments, .new_values = row};
    const struct change full = {EVENT_UPDATE, &comments, .new_values = row, .old_values = row};
    const struct change *changes[] = {&with_key, &without, &full};

    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        struct event event = stripped(changes[i]);
        expect_json(&event, STRIPPED_OF("update", "3005"));
        buffer_release(&out);
    }
}
END_TEST

START_TEST(delete_keeps_the_old_values)
{
    setup();
    const struct value before[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), TEXT_OF(large),
                                   TEXT_VALUE("4")};
    const struct change change = {EVENT_DELETE, &comments, .old_values = before};
    struct event event = stripped(&change);

    expect_json(&event, STRIPPED_OF("delete", "3006"));
    expect_column(&event, POST_ID, (struct event_column){.old_value = STR("\"p-1\"")});
    expect_column(&event, BODY, (struct event_column){.left_out = true});
    buffer_release(&out);
}
END_TEST

/* What the server did not send was not left out here. */
START_TEST(an_unchanged_large_value_is_not_known_and_not_left_out)
{
    setup();
    const struct value after[] = {TEXT_VALUE("89"), UNCHANGED_VALUE, TEXT_OF(large), NULL_VALUE};
    const struct change change = {EVENT_UPDATE, &comments, .new_values = after};
    struct event event = stripped(&change);

    expect_column(&event, POST_ID, (struct event_column){.left_out = false});
    buffer_release(&out);
}
END_TEST

START_TEST(values_of_1024_bytes_are_kept_and_longer_ones_are_not)
{
    setup();
    const struct value row[] = {TEXT_VALUE("1"), TEXT_OF(longest_kept), TEXT_OF(shortest_cut),
                                NULL_VALUE};
    const struct change change = {EVENT_INSERT, &comments, .new_values = row};
    struct event event = stripped(&change);

    ck_assert_uint_eq(event_column_at(&event, POST_ID).new_value.len, sizeof(longest_kept) + 2);
    expect_column(&event, BODY, (struct event_column){.left_out = true});
    buffer_release(&out);
}
END_TEST

START_TEST(message_keeps_its_prefix)
{
    setup();
    const struct change change = {
        .type = EVENT_MESSAGE, .prefix = STR("audit"), .content = {large, sizeof(large)}};
    struct event event = stripped(&change);
    const char *tail = ",\"prefix\":\"audit\",\"content\":null,\"error\":\"message audit: its "
                       "values have 3005 bytes, too many";

    ck_assert_ptr_nonnull(memmem(event.json.data, event.json.len, tail, strlen(tail)));
    buffer_release(&out);

    const struct change odd = {
        .type = EVENT_MESSAGE, .prefix = {large, sizeof(large)}, .content = STR("x")};
    event = stripped(&odd);
    ck_assert_ptr_nonnull(memmem(event.json.data, event.json.len, ",\"prefix\":null,", 15));
    buffer_release(&out);
}
END_TEST

START_TEST(a_value_that_is_none_of_its_type_is_an_error_here_too)
{
    const struct value row[] = {TEXT_VALUE("x"), NULL_VALUE, NULL_VALUE, NULL_VALUE};
    const struct change change = {EVENT_INSERT, &comments, .new_values = row};
    struct error err = {.text = ""};

    buffer_init(&out, 1 << 20);
    ck_assert_int_eq(event_encode_stripped(&out, &limited, &transaction, 3, &change, &err),
                     -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "public.comments: a value of column id is no int4"));
    ck_assert_uint_eq(out.len, 0);
    buffer_release(&out);
}
END_TEST

static unsigned touch(struct str s)
{
    unsigned sum = 0;

    for (size_t i = 0; i < s.len; i++)
        sum += (unsigned char)s.data[i];
    return sum;
}

/* Reads BYTES from a heap block of just their size, and every byte that the event gives. */
static int read_copy(struct str bytes)
{
    char *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    struct event event;

    memcpy(copy, bytes.data, bytes.len);
    int r = event_read(&event, (struct str){copy, bytes.len});
    unsigned sum = 0;
    for (uint16_t i = 0; r == 0 && i < event.column_count; i++) {
        struct event_column column = event_column_at(&event, i);
        sum += touch(column.name) + touch(column.new_value) + touch(column.old_value);
    }
    if (r == 0)
        sum += touch(event.error) + touch(event.json) + touch(event.frame);
    free(copy);
    return r < 0 ? r : sum > 0;
}

START_TEST(broken_records_are_refused_or_stay_inside)
{
    setup();
    const struct value row[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), TEXT_OF(large), NULL_VALUE};
    const struct change change = {EVENT_INSERT, &comments, .new_values = row};
    size_t refused = 0;

    stripped(&change);
    for (size_t len = 0; len < out.len; len++)
        ck_assert_int_eq(read_copy((struct str){out.data, len}), -EBADMSG);
    for (size_t i = 0; i < out.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            out.data[i] = (char)(out.data[i] ^ 1 << bit);
            refused += read_copy(buffer_str(&out)) < 0;
            out.data[i] = (char)(out.data[i] ^ 1 << bit);
        }
    }
    ck_assert_uint_gt(refused, 300);
    buffer_release(&out);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    setup();
    const struct value row[] = {TEXT_VALUE("89"), TEXT_VALUE("p-1"), TEXT_OF(large), NULL_VALUE};
    const struct change change = {EVENT_INSERT, &comments, .new_values = row};
    int r = -ENOMEM, failures = 0;

    for (; r < 0; failures++) {
        buffer_init(&out, 1 << 20);
        memory_left = failures;
        r = event_encode_stripped(&out, &limited, &transaction, 1, &change, NULL);
        memory_left = -1;
        ck_assert(r == 0 || r == -ENOMEM);
        buffer_release(&out);
    }
    ck_assert_int_gt(failures, 2);
}
END_TEST

START_TEST(test_an_excluded_value_neither_counts_nor_is_kept)
{
    struct relation_column columns[COLUMNS];
    memcpy(columns, comment_columns, sizeof(comment_columns));
    columns[POST_ID].excluded = true;
    columns[BODY].excluded_before = columns[RATING].excluded_before = 1;
    const struct relation relation = {.schema = STR("public"),
                                      .table = STR("comments"),
                                      .column_count = COLUMNS,
                                      .excluded_count = 1,
                                      .columns = columns};
    setup();
    const struct value row[] = {TEXT_VALUE("1"), TEXT_VALUE("hunter2"), TEXT_OF(large),
                                TEXT_VALUE("4")};
    const struct change change = {.type = EVENT_INSERT, .relation = &relation, .new_values = row};
    struct event_column column;

    struct event event = stripped(&change);
    ck_assert_uint_eq(event.column_count, 3);
    ck_assert(str_equal(event.error, STR(ERROR_OF("3002"))));
    ck_assert(!event_column_find(&event, STR("post_id"), &column));
    ck_assert(event_column_find(&event, STR("rating"), &column));
    ck_assert(str_equal(column.new_value, STR("4")));
    ck_assert_ptr_null(memmem(out.data, out.len, "hunter2", 7));
    buffer_release(&out);
}
END_TEST

UNIT_SUITE("event/encode_stripped", test_an_excluded_value_neither_counts_nor_is_kept,
           insert_says_why_it_has_no_records_and_keeps_its_small_values,
           update_keeps_what_a_row_was_and_what_it_is, a_value_that_stayed_counts_once,
           delete_keeps_the_old_values, an_unchanged_large_value_is_not_known_and_not_left_out,
           values_of_1024_bytes_are_kept_and_longer_ones_are_not, message_keeps_its_prefix,
           a_value_that_is_none_of_its_type_is_an_error_here_too,
           broken_records_are_refused_or_stay_inside, every_allocation_may_fail)
