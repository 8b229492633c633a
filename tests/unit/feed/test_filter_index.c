#include "feed/filter_index.h"

#include "feed/records.h"
#include "feed/subscriber.h"
#include "unit.h"

/* record_comment() has the columns id, post_id (int8) and body (text). */
#define INT8 20
#define TEXT 25

enum { NODES = 20 };

static struct filter_index *filters;
static struct filter_node *nodes[NODES];
static size_t node_count;
static struct buffer record;
static bool passed[NODES];
static bool removes; /* each node that is visited */

/* "post_id=gte.4&body=eq.x". Returns its number. */
static size_t add(unsigned types, const char *query)
{
    static struct rider rider; /* somebody rides, on pass 0 */
    struct str rest = str_from(query);
    struct buffer conditions;
    struct error err = {0};

    buffer_init(&conditions, 4096);
    while (rest.len > 0) {
        struct str text = str_cut(&rest, '&');
        struct str column = str_cut(&text, '=');
        uint32_t oid = str_equal(column, STR("body")) ? TEXT : INT8;
        ck_assert_msg(filter_compile(&conditions, column, oid, text, &err) == 0, "%s", err.text);
    }
    struct filter filter = {types, buffer_str(&conditions)};
    nodes[node_count] = filter_index_get(filters, &filter);
    ck_assert_ptr_nonnull(nodes[node_count]);
    nodes[node_count]->audience.riders[0] = &rider;
    buffer_release(&conditions);
    return node_count++;
}

static void setup(void)
{
    filters = filter_index_new();
    node_count = 0;
    removes = false;
    buffer_init(&record, 65536);
}

static void teardown(void)
{
    for (size_t i = 0; i < node_count; i++) {
        if (nodes[i] != NULL)
            filter_index_remove(nodes[i]);
    }
    ck_assert(filter_index_is_empty(filters));
    filter_index_free(filters);
    buffer_release(&record);
}

static void visit(void *arg, struct filter_node *node)
{
    for (size_t i = 0; i < node_count; i++) {
        if (nodes[i] != node)
            continue;
        ck_assert(!passed[i]);
        passed[i] = true;
        if (removes)
            nodes[i] = NULL;
    }
    if (removes)
        filter_index_remove(node);
}

/* How many were evaluated. */
static size_t match_record(void)
{
    struct event event;

    memset(passed, 0, sizeof(passed));
    ck_assert_int_eq(event_read(&event, buffer_str(&record)), 0);
    return filter_index_match(filters, &event, 0, visit, NULL);
}

static size_t change(const struct comment *before, const struct comment *after)
{
    record_comment(&record, (struct position){1000, 1}, before, after);
    return match_record();
}

START_TEST(test_a_row_that_leaves_is_told)
{
    setup();
    size_t great = add(FILTER_ALL_TYPES, "post_id=gte.4");
    size_t both = add(FILTER_ALL_TYPES, "post_id=gte.4&body=like.*x");
    size_t equal = add(FILTER_ALL_TYPES, "post_id=eq.7&body=neq.y");
    change(NULL, &(struct comment){"1", "3", "x"});
    ck_assert(!passed[great] && !passed[both] && !passed[equal]);
    change(NULL, &(struct comment){"1", "7", "x"});
    ck_assert(passed[great] && passed[both] && passed[equal]);
    change(&(struct comment){"1", "7", "x"}, &(struct comment){"1", "3", "x"});
    ck_assert(passed[great] && passed[both] && passed[equal]);
    change(&(struct comment){"1", "2", "x"}, &(struct comment){"1", "3", "x"});
    ck_assert(!passed[great] && !passed[both] && !passed[equal]);
    change(&(struct comment){"1", "3", "x"}, &(struct comment){"1", "7", "y"});
    ck_assert(passed[great] && !passed[both] && !passed[equal]);
    change(&(struct comment){"1", "7", "y"}, NULL);
    ck_assert(passed[great] && !passed[both] && !passed[equal]);
    teardown();
}
END_TEST

/* In the record that counts; the old one of an update must be known. */
START_TEST(test_what_is_not_known_passes)
{
    setup();
    size_t great = add(FILTER_ALL_TYPES, "post_id=gte.4");
    size_t equal = add(FILTER_ALL_TYPES, "post_id=eq.7");
    size_t body = add(FILTER_ALL_TYPES, "body=eq.x");
    change(&(struct comment){"1", "?", "?"}, NULL);
    ck_assert(passed[great] && passed[equal] && passed[body]);
    change(&(struct comment){"?", "?", "?"}, &(struct comment){"1", "3", "y"});
    ck_assert(!passed[great] && !passed[equal] && !passed[body]);
    change(&(struct comment){"?", "?", "?"}, &(struct comment){"1", "?", "y"});
    ck_assert(passed[great] && passed[equal] && !passed[body]);
    teardown();
}
END_TEST

START_TEST(test_null_compares_to_nothing)
{
    setup();
    size_t unequal = add(FILTER_ALL_TYPES, "body=neq.x");
    size_t among = add(FILTER_ALL_TYPES, "body=in.(null,\"a,b\",c)");
    size_t null = add(FILTER_ALL_TYPES, "body=is.null");
    size_t other = add(FILTER_ALL_TYPES, "body=is.not_null");
    change(NULL, &(struct comment){"1", "1", NULL});
    ck_assert(!passed[unequal] && !passed[among] && passed[null] && !passed[other]);
    change(NULL, &(struct comment){"1", "1", "a,b"});
    ck_assert(passed[unequal] && passed[among] && !passed[null] && passed[other]);
    change(NULL, &(struct comment){"1", "1", "null"});
    ck_assert(passed[among] && !passed[null]);
    teardown();
}
END_TEST

START_TEST(test_types)
{
    setup();
    size_t deletes = add(FILTER_TYPE(EVENT_DELETE), "");
    size_t rest = add(FILTER_ALL_TYPES & ~FILTER_TYPE(EVENT_DELETE), "post_id=eq.1");
    size_t every = add(FILTER_ALL_TYPES, "post_id=eq.2");
    change(&(struct comment){"1", "1", "x"}, NULL);
    ck_assert(passed[deletes] && !passed[rest] && !passed[every]);
    record_truncate(&record, (struct position){1000, 1});
    match_record();
    ck_assert(!passed[deletes] && passed[rest] && passed[every]);
    teardown();
}
END_TEST

/* The same filter is one node, and what asks for another value is not looked at. */
START_TEST(test_only_the_filters_of_the_value_are_evaluated)
{
    enum { FILTERS = 10000 };
    static struct filter_node *many[FILTERS];
    struct buffer conditions;
    struct error err;

    setup();
    buffer_init(&conditions, 4096);
    for (int i = 0; i < FILTERS; i++) {
        char text[32];
        snprintf(text, sizeof(text), "eq.%d.0", i);
        buffer_reset(&conditions);
        ck_assert_int_eq(filter_compile(&conditions, STR("post_id"), INT8, str_from(text), &err),
                         0);
        struct filter filter = {FILTER_ALL_TYPES, buffer_str(&conditions)};
        many[i] = filter_index_get(filters, &filter);
        many[i]->audience.riders[0] = (struct rider *)many;
        ck_assert_ptr_eq(filter_index_get(filters, &filter), many[i]);
    }
    ck_assert_uint_eq(change(NULL, &(struct comment){"1", "777", "x"}), 1);
    ck_assert_uint_eq(
        change(&(struct comment){"1", "777", "x"}, &(struct comment){"1", "778", "x"}), 2);
    ck_assert_uint_eq(change(NULL, &(struct comment){"1", NULL, "x"}), 0);
    many[777]->audience.riders[0] = NULL; /* rides on another pass */
    ck_assert_uint_eq(change(NULL, &(struct comment){"1", "777", "x"}), 0);
    for (int i = 0; i < FILTERS; i++)
        filter_index_remove(many[i]);
    buffer_release(&conditions);
    teardown();
}
END_TEST

/* A subscriber that closes itself when it gets its event takes its filter with it. */
START_TEST(test_a_visited_node_may_go)
{
    setup();
    add(FILTER_ALL_TYPES, "post_id=eq.7");
    add(FILTER_ALL_TYPES, "post_id=eq.7&body=eq.x");
    add(FILTER_ALL_TYPES, "post_id=eq.3");
    add(FILTER_ALL_TYPES, "body=eq.x");
    add(FILTER_ALL_TYPES, "body=neq.y");
    add(FILTER_ALL_TYPES, "post_id=lt.9");
    removes = true;
    change(&(struct comment){"1", "3", "x"}, &(struct comment){"1", "7", "x"});
    for (size_t i = 0; i < node_count; i++)
        ck_assert(passed[i]);
    ck_assert(filter_index_is_empty(filters));
    ck_assert_uint_eq(change(NULL, &(struct comment){"1", "7", "x"}), 0);
    teardown();
}
END_TEST

/* A value longer than any buffer that is kept, with escapes. */
START_TEST(test_long_text)
{
    static char text[30000];

    setup();
    memset(text, '"', sizeof(text) - 1);
    size_t like = add(FILTER_ALL_TYPES, "body=like.\"*\"");
    size_t less = add(FILTER_ALL_TYPES, "body=lt.\"");
    change(NULL, &(struct comment){"1", "7", text});
    ck_assert(passed[like] && !passed[less]);
    teardown();
}
END_TEST

UNIT_SUITE("feed/filter_index", test_a_row_that_leaves_is_told, test_what_is_not_known_passes,
           test_null_compares_to_nothing, test_types,
           test_only_the_filters_of_the_value_are_evaluated, test_a_visited_node_may_go,
           test_long_text)
