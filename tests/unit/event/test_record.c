#include "event/changes.h"

static struct buffer out;

/* Reads every byte that an event gives, so that a sanitizer sees a slice that leaves the record. */
static unsigned touch(struct str s)
{
    unsigned sum = 0;

    for (size_t i = 0; i < s.len; i++)
        sum += (unsigned char)s.data[i];
    return sum;
}

static unsigned touch_all(const struct event *event)
{
    struct event_column found;
    unsigned sum = touch(event->schema) + touch(event->table) + touch(event->id) +
                   touch(event->json) + touch(event->frame);

    for (uint16_t i = 0; i < event->column_count; i++) {
        struct event_column column = event_column_at(event, i);
        sum += touch(column.name) + touch(column.new_value) + touch(column.old_value);
    }
    sum += event_column_find(event, STR("no such column"), &found);
    return sum;
}

/* Reads BYTES from a heap block of just their size. */
static int read_copy(struct str bytes)
{
    char *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    struct event event;

    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    int r = event_read(&event, (struct str){copy, bytes.len});
    if (r == 0)
        touch_all(&event);
    free(copy);
    return r;
}

static void encode_update(void)
{
    const struct change change = {EVENT_UPDATE, &comments, .new_values = row_after,
                                  .old_values = row_before};

    encoded(&out, &change);
}

START_TEST(column_is_found_by_its_name)
{
    struct event_column column = {.name = STR("untouched")};

    encode_update();
    struct event event;
    ck_assert_int_eq(event_read(&event, buffer_str(&out)), 0);
    ck_assert(event_column_find(&event, STR("rating"), &column));
    ck_assert(str_equal(column.name, STR("rating")));
    ck_assert(str_equal(column.new_value, STR("5")));
    ck_assert(str_equal(column.old_value, STR("4")));
    ck_assert(!column.primary_key);
    ck_assert(event_column_find(&event, STR("id"), &column));
    ck_assert(column.primary_key);
    ck_assert(!event_column_find(&event, STR("ratin"), &column));
    ck_assert(!event_column_find(&event, STR("ratings"), &column));
    ck_assert(!event_column_find(&event, STR(""), &column));
    ck_assert(str_equal(column.name, STR("id")));
    buffer_release(&out);
}
END_TEST

/* Whether the event of an update has a primary key of one column, with these as parts of it. */
static bool has_primary_key(bool id, bool rating, struct event_column *ret)
{
    struct event event;

    comment_columns[ID].primary_key = id;
    comment_columns[RATING].primary_key = rating;
    encode_update();
    comment_columns[ID].primary_key = true;
    comment_columns[RATING].primary_key = false;
    ck_assert_int_eq(event_read(&event, buffer_str(&out)), 0);
    bool found = event_primary_key(&event, ret);
    if (found)
        ck_assert(str_equal(ret->name, id ? STR("id") : STR("rating")));
    buffer_release(&out);
    return found;
}

START_TEST(primary_key_is_one_column)
{
    struct event_column column = {.name = STR("untouched")};

    ck_assert(!has_primary_key(false, false, &column));
    ck_assert(!has_primary_key(true, true, &column));
    ck_assert(str_equal(column.name, STR("untouched")));
    ck_assert(has_primary_key(true, false, &column));
    ck_assert(has_primary_key(false, true, &column));
}
END_TEST

START_TEST(record_need_not_be_aligned)
{
    encode_update();
    for (size_t shift = 0; shift < 8; shift++) {
        char *copy = malloc(out.len + shift);
        struct event event;
        memcpy(copy + shift, out.data, out.len);
        ck_assert_int_eq(event_read(&event, (struct str){copy + shift, out.len}), 0);
        ck_assert(str_equal(event_column_at(&event, RATING).new_value, STR("5")));
        free(copy);
    }
    buffer_release(&out);
}
END_TEST

START_TEST(every_cut_is_refused)
{
    encode_update();
    for (size_t len = 0; len < out.len; len++)
        ck_assert_int_eq(read_copy((struct str){out.data, len}), -EBADMSG);
    buffer_append_char(&out, 'x');
    ck_assert_int_eq(read_copy(buffer_str(&out)), -EBADMSG);
    ck_assert_int_eq(read_copy((struct str){NULL, 0}), -EBADMSG);
    buffer_release(&out);
}
END_TEST

/* A broken byte may give a wrong text, which the journal's checks are for, but never a read past
 * the record. */
START_TEST(flipped_bytes_never_lead_outside)
{
    size_t refused = 0;

    encode_update();
    for (size_t i = 0; i < out.len; i++) {
        const unsigned char masks[] = {0x01, 0x80, 0xFF};
        for (size_t m = 0; m < sizeof(masks); m++) {
            out.data[i] = (char)(out.data[i] ^ masks[m]);
            refused += read_copy(buffer_str(&out)) < 0;
            out.data[i] = (char)(out.data[i] ^ masks[m]);
        }
    }
    ck_assert_uint_gt(refused, 100);
    ck_assert_int_eq(read_copy(buffer_str(&out)), 0);
    buffer_release(&out);
}
END_TEST

START_TEST(random_index_never_leads_outside)
{
    const size_t index_len = 40 + 24 * COLUMNS;
    const uint32_t values[] = {0, 1, 39, 40, 41, 136, 200, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    uint32_t state = 1;

    encode_update();
    for (int round = 0; round < 20000; round++) {
        struct buffer copy;
        buffer_init(&copy, out.len);
        buffer_append(&copy, out.data, out.len);
        for (int change = 0; change < 2; change++) {
            state = state * 1664525 + 1013904223;
            uint32_t value = values[(state >> 8) % COUNT_OF(values)];
            /* Magic, version, type and length stay, so that what comes after them is looked at. */
            memcpy(copy.data + 12 + (state >> 16) % (index_len - 12 - 3), &value, sizeof(value));
        }
        read_copy(buffer_str(&copy));
        buffer_release(&copy);
    }
    buffer_release(&out);
}
END_TEST

START_TEST(other_versions_and_types_are_refused)
{
    encode_update();
    char *version = out.data + 4, *type = out.data + 6;
    const char types[] = {0, 6, 127};

    *version = 3;
    ck_assert_int_eq(read_copy(buffer_str(&out)), -EBADMSG);
    *version = 1;
    for (size_t i = 0; i < sizeof(types); i++) {
        *type = types[i];
        ck_assert_int_eq(read_copy(buffer_str(&out)), -EBADMSG);
    }
    *type = EVENT_UPDATE;
    ck_assert_int_eq(read_copy(buffer_str(&out)), 0);
    buffer_release(&out);
}
END_TEST

START_TEST(types_have_names)
{
    ck_assert_str_eq(event_type_name(EVENT_INSERT), "insert");
    ck_assert_str_eq(event_type_name(EVENT_UPDATE), "update");
    ck_assert_str_eq(event_type_name(EVENT_DELETE), "delete");
    ck_assert_str_eq(event_type_name(EVENT_TRUNCATE), "truncate");
    ck_assert_str_eq(event_type_name(EVENT_MESSAGE), "message");
    ck_assert_str_eq(event_type_name((enum event_type)0), "unknown");
}
END_TEST

UNIT_SUITE("event/record", column_is_found_by_its_name, primary_key_is_one_column,
           record_need_not_be_aligned, every_cut_is_refused, flipped_bytes_never_lead_outside,
           random_index_never_leads_outside, other_versions_and_types_are_refused, types_have_names)
