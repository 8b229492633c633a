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

/* As record_config(), with comments in the scopes of SCOPES. */
static void setup_scopes(struct config_scope *scopes, size_t count)
{
    static struct config_table table;
    struct error err = {0};

    setup();
    feed_tables_release(&tables);
    table = record_table;
    table.scopes = scopes;
    table.scope_count = count;
    config.tables = &table;
    ck_assert_int_eq(feed_tables_init(&tables, &config, &err), 0);
}

/* authors/<body>/posts/<post_id>/comments, for the test's records have no more columns. */
static struct config_scope_column nested_columns[] = {
    {(char *)"body", (char *)"authors"},
    {(char *)"post_id", (char *)"posts"},
};
static struct config_scope nested[] = {{nested_columns, 2}};

/* PATH: "comments", "comments/1", "posts/1/comments", or "@consumer". */
static bool belongs(const char *path)
{
    struct str rest = str_from(path);
    struct str segments[TOPIC_SEGMENTS_MAX];
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

/* A row belongs to the nested scope of all its values together, in their order. */
START_TEST(test_nested)
{
    setup_scopes(nested, 1);
    record_comment(&record, at, NULL, &(struct comment){"1", "7", "ann"});
    ck_assert(belongs("comments"));
    ck_assert(belongs("comments/1"));
    ck_assert(belongs("authors/ann/posts/7/comments"));
    ck_assert(!belongs("authors/7/posts/ann/comments"));
    ck_assert(!belongs("posts/7/authors/ann/comments"));
    ck_assert(!belongs("authors/ann/posts/8/comments"));
    ck_assert(!belongs("authors/bob/posts/7/comments"));
    ck_assert(!belongs("posts/7/comments"));
    ck_assert(!belongs("authors/ann/comments"));
    record_comment(&record, at, &(struct comment){"1", "7", "ann"}, NULL);
    ck_assert(belongs("authors/ann/posts/7/comments"));
    record_truncate(&record, at);
    ck_assert(belongs("authors/bob/posts/8/comments"));
    teardown();
}
END_TEST

/* A row that moves in any of the columns reaches the old and the new scope, and none between. */
START_TEST(test_nested_moved)
{
    setup_scopes(nested, 1);
    record_comment(&record, at, &(struct comment){"1", "7", "ann"},
                   &(struct comment){"1", "8", "ann"});
    ck_assert(belongs("authors/ann/posts/7/comments"));
    ck_assert(belongs("authors/ann/posts/8/comments"));
    record_comment(&record, at, &(struct comment){"1", "7", "ann"},
                   &(struct comment){"1", "7", "bob"});
    ck_assert(belongs("authors/ann/posts/7/comments"));
    ck_assert(belongs("authors/bob/posts/7/comments"));
    record_comment(&record, at, &(struct comment){"1", "7", "ann"},
                   &(struct comment){"1", "8", "bob"});
    ck_assert(belongs("authors/ann/posts/7/comments"));
    ck_assert(belongs("authors/bob/posts/8/comments"));
    ck_assert(!belongs("authors/ann/posts/8/comments"));
    ck_assert(!belongs("authors/bob/posts/7/comments"));
    teardown();
}
END_TEST

/* NULL in any of the columns is nobody's scope; the side of the row that has none is found. */
START_TEST(test_nested_null)
{
    setup_scopes(nested, 1);
    record_comment(&record, at, NULL, &(struct comment){"1", NULL, "ann"});
    ck_assert(!belongs("authors/ann/posts/null/comments"));
    record_comment(&record, at, NULL, &(struct comment){"1", "7", NULL});
    ck_assert(!belongs("authors/null/posts/7/comments"));
    record_comment(&record, at, &(struct comment){"1", "7", "ann"},
                   &(struct comment){"1", NULL, "ann"});
    ck_assert(belongs("authors/ann/posts/7/comments"));
    record_comment(&record, at, &(struct comment){"1", "7", NULL},
                   &(struct comment){"1", "7", "ann"});
    ck_assert(belongs("authors/ann/posts/7/comments"));
    ck_assert(!belongs("authors/null/posts/7/comments"));
    teardown();
}
END_TEST

/* An old value that is not known is not taken for the new one. */
START_TEST(test_nested_unknown)
{
    setup_scopes(nested, 1);
    record_comment(&record, at, &(struct comment){"1", "7", "?"},
                   &(struct comment){"1", "8", "ann"});
    ck_assert(belongs("authors/ann/posts/8/comments"));
    ck_assert(!belongs("authors/ann/posts/7/comments"));
    record_comment(&record, at, &(struct comment){"1", "7", "?"}, NULL);
    ck_assert(!belongs("authors/ann/posts/7/comments"));
    record_comment(&record, at, NULL, &(struct comment){"1", "7", "?"});
    ck_assert(!belongs("authors/ann/posts/7/comments"));
    teardown();
}
END_TEST

/* Scopes over the same parents are the same topic, whichever columns lead to it; one of fewer
 * parents is another. */
START_TEST(test_side_by_side)
{
    static struct config_scope_column by_id[] = {{(char *)"id", (char *)"posts"}};
    struct config_scope scopes[] = {nested[0], record_scope, {by_id, 1}};

    setup_scopes(scopes, 3);
    record_comment(&record, at, NULL, &(struct comment){"1", "7", "ann"});
    ck_assert(belongs("posts/7/comments"));
    ck_assert(belongs("posts/1/comments"));
    ck_assert(belongs("authors/ann/posts/7/comments"));
    ck_assert(!belongs("authors/ann/posts/1/comments"));
    teardown();
}
END_TEST

/* As deep as may be; values that a URL encodes; a value too long for a topic, and none is told. */
START_TEST(test_deepest)
{
    static char text[2 * TOPIC_KEY_MAX];
    struct config_scope_column columns[TOPIC_LEVELS_MAX];
    struct config_scope scopes[] = {{columns, TOPIC_LEVELS_MAX}, record_scope};

    for (size_t i = 0; i < TOPIC_LEVELS_MAX; i++)
        columns[i] = nested_columns[i % 2];
    setup_scopes(scopes, 2);
    record_comment(&record, at, NULL, &(struct comment){"1", "7", "a \"%\n"});
    ck_assert(belongs("authors/a \"%\n/posts/7/authors/a \"%\n/posts/7/"
                      "authors/a \"%\n/posts/7/authors/a \"%\n/posts/7/comments"));
    memset(text, 'x', sizeof(text) - 1);
    record_comment(&record, at, NULL, &(struct comment){"1", "7", text});
    ck_assert(belongs("posts/7/comments"));
    teardown();
}
END_TEST

UNIT_SUITE("feed/match", test_insert, test_moved, test_unknown_old, test_delete, test_null,
           test_id_column, test_truncate, test_consumer, test_long_value, test_nested,
           test_nested_moved, test_nested_null, test_nested_unknown, test_side_by_side,
           test_deepest)
