#include "feed/tables.h"

#include "feed/records.h"
#include "unit.h"
#include <errno.h>

static int check(const struct feed_tables *tables, const char *a, const char *b, const char *c,
                 struct error *err)
{
    const struct str segments[] = {str_from(a), str_from(b), str_from(c)};
    size_t count = c != NULL ? 3 : b != NULL ? 2 : 1;
    struct topic topic;

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
    ck_assert_int_eq(check(&tables, "comments", NULL, NULL, &err), 0);
    ck_assert_int_eq(check(&tables, "public.comments", "1", NULL, &err), 0);
    ck_assert_int_eq(check(&tables, "posts", "1", "comments", &err), 0);
    ck_assert_int_eq(check(&tables, "events", NULL, NULL, &err), 0);
    ck_assert_int_eq(check(&tables, "posts", NULL, NULL, &err), -ENOENT);
    ck_assert(strstr(err.text, "\"public.posts\"") != NULL);
    ck_assert_int_eq(check(&tables, "authors", "1", "comments", &err), -ENOENT);
    ck_assert(strstr(err.text, "\"authors\"") != NULL);
    ck_assert_int_eq(check(&tables, "posts", "1", "events", &err), -ENOENT);
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
    ck_assert_int_eq(check(&tables, "posts", "1", "events", &err), 0);
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
    ck_assert_int_eq(check(&tables, "events", NULL, NULL, &err), -ENOENT);
    feed_tables_release(&tables);
}
END_TEST

/* Nested scopes come later: refused by name, not cut to their first column. */
START_TEST(test_nested_refused)
{
    struct config config = record_config();
    struct config_scope_column columns[] = {record_scope_column, record_scope_column};
    struct config_scope nested = {columns, 2};
    struct config_table table = record_table;
    struct feed_tables tables;
    struct error err = {0};

    table.scopes = &nested;
    config.tables = &table;
    ck_assert_int_eq(feed_tables_init(&tables, &config, &err), -ENOTSUP);
    ck_assert(strstr(err.text, "public.comments") != NULL);
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
    ck_assert_int_eq(check(&tables, "authors", NULL, NULL, &err), 0);
    ck_assert_int_eq(check(&tables, "authors", "1", NULL, &err), 0);
    ck_assert_int_eq(check(&tables, "posts", "1", "authors", &err), -ENOENT);
    ck_assert_int_eq(check(&tables, "posts", NULL, NULL, &err), -ENOENT);
    buffer_release(&list);
    marked_free(tables.marked);
    feed_tables_release(&tables);
}
END_TEST

UNIT_SUITE("feed/tables", test_topics, test_events_listed, test_events_off, test_nested_refused,
           test_marked)
