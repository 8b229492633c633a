#include "feed/match.h"

#include "feed/records.h"
#include "unit.h"

static const struct position at = {0x100, 1};
static struct config config;
static struct feed_tables tables;
static struct buffer record, scratch;

static void setup(void)
{
    struct error err = {0};

    config = record_config();
    ck_assert_int_eq(feed_tables_init(&tables, &config, &err), 0);
    ck_assert_int_eq(match_scratch(&scratch), 0);
    buffer_init(&record, 1 << 20);
}

static void teardown(void)
{
    feed_tables_release(&tables);
    buffer_release(&scratch);
    buffer_release(&record);
}

/* PATH: "comments", "comments/1", "posts/1/comments", or "@consumer". */
static bool belongs(const char *path)
{
    struct str rest = str_from(path);
    struct str segments[3];
    size_t count = 0;
    struct topic topic = {.kind = TOPIC_CONSUMER, .table = table_name_parse(STR("events"))};
    struct buffer key;
    struct event event;

    if (path[0] == '@') {
        topic.id = str_from(path + 1);
    } else {
        while (rest.data != NULL)
            segments[count++] = str_cut(&rest, '/');
        ck_assert_int_eq(topic_parse(&topic, segments, count, NULL), 0);
    }
    buffer_init(&key, TOPIC_KEY_MAX);
    ck_assert_int_eq(topic_key(&key, &topic), 0);
    ck_assert_int_eq(event_read(&event, buffer_str(&record)), 0);
    bool found = match_key(&tables, &event, &scratch, buffer_str(&key));
    buffer_release(&key);
    return found;
}

/* An insert belongs to its table, its row and its scope, and to no other row or scope. */
START_TEST(test_insert)
{
    setup();
    record_comment(&record, at, NULL, &(struct comment){"1", "7", "hi"});
    ck_assert(belongs("comments"));
    ck_assert(belongs("comments/1"));
    ck_assert(belongs("posts/7/comments"));
    ck_assert(!belongs("comments/7"));
    ck_assert(!belongs("comments/11"));
    ck_assert(!belongs("posts/1/comments"));
    ck_assert(!belongs("events"));
    ck_assert(!belongs("@1"));
    teardown();
}
END_TEST

/* A moved row reaches the scope it left and the one it came to; a renumbered row both ids. */
START_TEST(test_moved)
{
    setup();
    record_comment(&record, at, &(struct comment){"1", "7", "hi"},
                   &(struct comment){"2", "8", "hi"});
    ck_assert(belongs("posts/7/comments"));
    ck_assert(belongs("posts/8/comments"));
    ck_assert(belongs("comments/1"));
    ck_assert(belongs("comments/2"));
    teardown();
}
END_TEST

/* Without the old row only what is known is matched. */
START_TEST(test_unknown_old)
{
    setup();
    record_comment(&record, at, &(struct comment){"1", "?", "?"},
                   &(struct comment){"1", "8", "hi"});
    ck_assert(belongs("posts/8/comments"));
    ck_assert(!belongs("posts/7/comments"));
    record_comment(&record, at, &(struct comment){"1", "?", "?"}, NULL);
    ck_assert(belongs("comments"));
    ck_assert(belongs("comments/1"));
    ck_assert(!belongs("posts/8/comments"));
    teardown();
}
END_TEST

/* A delete belongs to where the row was. */
START_TEST(test_delete)
{
    setup();
    record_comment(&record, at, &(struct comment){"1", "7", "hi"}, NULL);
    ck_assert(belongs("comments/1"));
    ck_assert(belongs("posts/7/comments"));
    teardown();
}
END_TEST

/* NULL is nobody's scope, and not the scope of the text "null". */
START_TEST(test_null)
{
    setup();
    record_comment(&record, at, NULL, &(struct comment){"1", NULL, "hi"});
    ck_assert(belongs("comments/1"));
    ck_assert(!belongs("posts/null/comments"));
    teardown();
}
END_TEST

/* The configured id column wins over the primary key. */
START_TEST(test_id_column)
{
    setup();
    tables.tables[0].id = STR("body");
    record_comment(&record, at, NULL, &(struct comment){"1", "7", "a \"b\"/é\n"});
    ck_assert(!belongs("comments/1"));
    record_comment(&record, at, NULL, &(struct comment){"1", "7", "a \"b\" é\n"});
    ck_assert(belongs("comments/a \"b\" é\n"));
    teardown();
}
END_TEST

/* TRUNCATE belongs to the table and whatever is in it. */
START_TEST(test_truncate)
{
    setup();
    record_truncate(&record, at);
    ck_assert(belongs("comments"));
    ck_assert(belongs("comments/1"));
    ck_assert(belongs("posts/7/comments"));
    ck_assert(!belongs("events"));
    teardown();
}
END_TEST

/* A row of the events table belongs to its consumer, exactly, and to its table. */
START_TEST(test_consumer)
{
    setup();
    record_event(&record, at, "5", "insert", "toto", "{\"foo\":\"bar\"}");
    ck_assert(belongs("@toto"));
    ck_assert(!belongs("@toto2"));
    ck_assert(!belongs("@tot"));
    ck_assert(belongs("events"));
    ck_assert(belongs("events/5"));
    record_event(&record, at, "5", "insert", NULL, "{}");
    ck_assert(!belongs("@null"));
    ck_assert(!belongs("@"));
    teardown();
}
END_TEST

/* A value too long for a topic is no failure: it has none, and the others are found. */
START_TEST(test_long_value)
{
    static char text[2 * TOPIC_KEY_MAX];

    setup();
    memset(text, 'x', sizeof(text) - 1);
    tables.tables[0].id = STR("body");
    record_comment(&record, at, NULL, &(struct comment){"1", "7", text});
    ck_assert(belongs("comments"));
    ck_assert(belongs("posts/7/comments"));
    teardown();
}
END_TEST

UNIT_SUITE("feed/match", test_insert, test_moved, test_unknown_old, test_delete, test_null,
           test_id_column, test_truncate, test_consumer, test_long_value)
