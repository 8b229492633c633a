#include "feed/tables.h"

#include "feed/records.h"
#include "unit.h"
#include <errno.h>

static int check(const struct feed_tables *tables, const char *path, struct error *err)
{
    struct str segments[TOPIC_SEGMENTS_MAX];
    struct str rest = str_from(path);
    struct topic topic;
    size_t count = 0;

    while (rest.data != NULL)
        segments[count++] = str_cut(&rest, '/');
    ck_assert_int_eq(topic_parse(&topic, segments, count, err), 0);
    return feed_tables_check(tables, &topic, err);
}

/* The topics are those of the listed tables, their scopes, and of the events table. */
START_TEST(test_topics)
{
    struct config config = record_config();
    struct feed_tables tables;
    struct error err = {0};

    ck_assert_int_eq(feed_tables_init(&tables, &config, &err), 0);
    ck_assert_int_eq(check(&tables, "comments", &err), 0);
    ck_assert_int_eq(check(&tables, "public.comments/1", &err), 0);
    ck_assert_int_eq(check(&tables, "posts/1/comments", &err), 0);
    ck_assert_int_eq(check(&tables, "events", &err), 0);
    ck_assert_int_eq(check(&tables, "posts", &err), -ENOENT);
    ck_assert(strstr(err.text, "\"public.posts\"") != NULL);
    ck_assert_int_eq(check(&tables, "authors/1/comments", &err), -ENOENT);
    ck_assert(strstr(err.text, "\"authors\"") != NULL);
    ck_assert_int_eq(check(&tables, "posts/1/events", &err), -ENOENT);
    feed_tables_release(&tables);
}
END_TEST

/* Listed as a table too, the events table keeps the scopes it was given and is there once. */
START_TEST(test_events_listed)
{
    struct config config = record_config();
    struct config_table listed = record_table;
    struct feed_tables tables;
    struct error err = {0};

    listed.table = (char *)"events";
    config.tables = &listed;
    ck_assert_int_eq(feed_tables_init(&tables, &config, &err), 0);
    ck_assert_uint_eq(tables.count, 1);
    ck_assert_ptr_eq(tables.events, &tables.tables[0]);
    ck_assert_int_eq(check(&tables, "posts/1/events", &err), 0);
    feed_tables_release(&tables);
}
END_TEST

START_TEST(test_events_off)
{
    struct config config = record_config();
    struct feed_tables tables;
    struct error err = {0};

    config.events.enabled = false;
    ck_assert_int_eq(feed_tables_init(&tables, &config, &err), 0);
    ck_assert_ptr_null(tables.events);
    ck_assert_int_eq(check(&tables, "events", &err), -ENOENT);
    feed_tables_release(&tables);
}
END_TEST

/* A scope of several columns is a topic of its own: as deep, in that order, and beside those of
 * some of its columns. */
START_TEST(test_nested)
{
    struct config config = record_config();
    struct config_scope_column columns[] = {
        {(char *)"org_id", (char *)"organizations"},
        {(char *)"post_id", (char *)"blog.posts"},
    };
    struct config_scope scopes[] = {record_scope, {columns, 2}};
    struct config_table table = record_table;
    struct feed_tables tables;
    struct error err = {0};

    table.scopes = scopes;
    table.scope_count = 2;
    config.tables = &table;
    ck_assert_int_eq(feed_tables_init(&tables, &config, &err), 0);
    ck_assert_int_eq(check(&tables, "organizations/1/blog.posts/2/comments", &err), 0);
    ck_assert_int_eq(check(&tables, "public.organizations/1/blog.posts/2/comments", &err), 0);
    ck_assert_int_eq(check(&tables, "posts/2/comments", &err), 0);
    ck_assert_int_eq(check(&tables, "blog.posts/2/organizations/1/comments", &err), -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.text, "no scope \"blog.posts\", \"organizations\";"));
    ck_assert_int_eq(check(&tables, "organizations/1/posts/2/comments", &err), -ENOENT);
    ck_assert_int_eq(check(&tables, "organizations/1/comments", &err), -ENOENT);
    ck_assert_int_eq(check(&tables, "blog.posts/2/comments", &err), -ENOENT);
    ck_assert_int_eq(check(&tables, "organizations/1/blog.posts/2/a/3/comments", &err), -ENOENT);
    ck_assert_int_eq(check(&tables, "posts/2/a/3/comments", &err), -ENOENT);
    ck_assert_int_eq(check(&tables, "a/1/organizations/1/blog.posts/2/comments", &err), -ENOENT);
    feed_tables_release(&tables);
}
END_TEST

/* A table that is published without a word in the configuration has the table and its rows, no
 * scopes. */
START_TEST(test_marked)
{
    struct config config = record_config();
    struct feed_tables tables;
    struct buffer list;
    struct error err = {0};

    ck_assert_int_eq(feed_tables_init(&tables, &config, &err), 0);
    tables.marked = marked_new();
    buffer_init(&list, 1000);
    marked_list(&list, STR("public"), STR("authors"));
    marked_replace(tables.marked, &list);
    ck_assert_int_eq(check(&tables, "authors", &err), 0);
    ck_assert_int_eq(check(&tables, "authors/1", &err), 0);
    ck_assert_int_eq(check(&tables, "posts/1/authors", &err), -ENOENT);
    ck_assert_int_eq(check(&tables, "posts", &err), -ENOENT);
    buffer_release(&list);
    marked_free(tables.marked);
    feed_tables_release(&tables);
}
END_TEST

UNIT_SUITE("feed/tables", test_topics, test_events_listed, test_events_off, test_nested,
           test_marked)
