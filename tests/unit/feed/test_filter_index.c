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

/* OPERATOR is one without its dot; of "in" every filter has two values, one of them twice. */
static void write_filter(char text[64], const char *operator, int a, int b)
{
    if (strcmp(operator, "in") == 0)
        snprintf(text, 64, "in.(%d,%d,%d.0)", a, b, a);
    else
        snprintf(text, 64, "%s.%d.0", operator, a);
}

/* So many filters, with 0, 1, 2 ..., each with riders. */
enum { FILTERS = 10000 };
static struct filter_node *many[FILTERS];

static void add_many(const char *operator)
{
    struct buffer conditions;
    struct error err;

    buffer_init(&conditions, 4096);
    for (int i = 0; i < FILTERS; i++) {
        char text[64];
        write_filter(text, operator, i, FILTERS + i);
        buffer_reset(&conditions);
        ck_assert_int_eq(filter_compile(&conditions, STR("post_id"), INT8, str_from(text), &err),
                         0);
        struct filter filter = {FILTER_ALL_TYPES, buffer_str(&conditions)};
        many[i] = filter_index_get(filters, &filter);
        ck_assert_ptr_nonnull(many[i]);
        ck_assert_ptr_eq(filter_index_get(filters, &filter), many[i]);
        many[i]->audience.riders[0] = (struct rider *)many;
    }
    buffer_release(&conditions);
}

static void remove_many(void)
{
    for (int i = 0; i < FILTERS; i++)
        filter_index_remove(many[i]);
}

/* The same filter is one node, and what asks for another value is not looked at. */
START_TEST(test_only_the_filters_of_the_value_are_evaluated)
{
    setup();
    add_many("eq");
    ck_assert_uint_eq(change(NULL, &(struct comment){"1", "777", "x"}), 1);
    ck_assert_uint_eq(
        change(&(struct comment){"1", "777", "x"}, &(struct comment){"1", "778", "x"}), 2);
    ck_assert_uint_eq(change(NULL, &(struct comment){"1", NULL, "x"}), 0);
    many[777]->audience.riders[0] = NULL; /* rides on another pass */
    ck_assert_uint_eq(change(NULL, &(struct comment){"1", "777", "x"}), 0);
    remove_many();
    teardown();
}
END_TEST

START_TEST(test_only_the_lists_with_the_value_are_evaluated)
{
    setup();
    add_many("in");
    ck_assert_uint_eq(change(NULL, &(struct comment){"1", "777", "x"}), 1);
    ck_assert_uint_eq(change(NULL, &(struct comment){"1", "10777", "x"}), 1);
    ck_assert_uint_eq(
        change(&(struct comment){"1", "777", "x"}, &(struct comment){"1", "10777", "x"}), 1);
    ck_assert_uint_eq(
        change(&(struct comment){"1", "777", "x"}, &(struct comment){"1", "10778", "x"}), 2);
    ck_assert_uint_eq(change(NULL, &(struct comment){"1", "20777", "x"}), 0);
    remove_many();
    teardown();
}
END_TEST

START_TEST(test_only_the_bounds_that_hold_are_evaluated)
{
    const struct comment low = {"1", "2", "x"}, high = {"1", "9997", "x"};

    setup();
    add_many("gte");
    ck_assert_uint_eq(change(NULL, &low), 3);
    ck_assert_uint_eq(change(NULL, &high), 9998);
    ck_assert_uint_eq(change(&low, &high), 9998);
    ck_assert_uint_eq(change(NULL, &(struct comment){"1", NULL, "x"}), 0);
    remove_many();
    add_many("lte");
    ck_assert_uint_eq(change(&high, NULL), 3);
    ck_assert_uint_eq(change(&high, &(struct comment){"1", "9998", "x"}), 3);
    remove_many();
    teardown();
}
END_TEST

/* --- against plain arithmetic ---------------------------------------------------------------- */

enum { VALUES = 6, ROUNDS = 3000 };

static const char *const operators[] = {"eq", "neq", "gt", "gte", "lt", "lte", "in"};

/* The last one stands for gt and lt of the same column. */
struct plain_filter {
    int op, a, b;
};

static bool plainly_holds(const struct plain_filter *filter, const struct comment *row)
{
    int value = row->post_id[0] - '0';

    switch (filter->op) {
    case 0:
        return value == filter->a;
    case 1:
        return value != filter->a;
    case 2:
        return value > filter->a;
    case 3:
        return value >= filter->a;
    case 4:
        return value < filter->a;
    case 5:
        return value <= filter->a;
    case 6:
        return value == filter->a || value == filter->b;
    default:
        return value > filter->a && value < filter->b;
    }
}

static bool is_new_node(void)
{
    for (size_t i = 0; i + 1 < node_count; i++) {
        if (nodes[i] == nodes[node_count - 1])
            return false;
    }
    return true;
}

/* One that is not there yet. */
static struct plain_filter add_random(void)
{
    for (;;) {
        struct plain_filter filter = {rand() % 8, rand() % VALUES, rand() % VALUES};
        char first[64], second[64], text[160];
        write_filter(first, filter.op < 7 ? operators[filter.op] : "gt", filter.a, filter.b);
        write_filter(second, "lt", filter.b, 0);
        snprintf(text, sizeof(text), "post_id=%s%s%s", first,
                 filter.op < 7 ? "" : "&post_id=", filter.op < 7 ? "" : second);
        add(FILTER_ALL_TYPES, text);
        if (is_new_node())
            return filter;
        node_count--;
    }
}

START_TEST(test_who_passes_is_who_plainly_holds)
{
    static const char *const values[VALUES] = {"0", "1", "2", "3", "4", "5"};

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct plain_filter plain[NODES];
        struct comment before = {"1", values[rand() % VALUES], "x"};
        struct comment after = {"1", values[rand() % VALUES], "x"};
        bool insert = round % 3 == 0, delete = round % 3 == 1;
        setup();
        for (size_t i = 0; i < NODES; i++)
            plain[i] = add_random();
        removes = round % 2 == 0;
        change(insert ? NULL : &before, delete ? NULL : &after);
        for (size_t i = 0; i < NODES; i++) {
            bool expected = (!delete &&plainly_holds(&plain[i], &after)) ||
                            (!insert && plainly_holds(&plain[i], &before));
            ck_assert_msg(passed[i] == expected, "filter %d of %d and %d, %s to %s", plain[i].op,
                          plain[i].a, plain[i].b, before.post_id, after.post_id);
        }
        teardown();
    }
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
    add(FILTER_ALL_TYPES, "post_id=gte.1");
    add(FILTER_ALL_TYPES, "post_id=in.(3,7,5)");
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
           test_only_the_filters_of_the_value_are_evaluated,
           test_only_the_lists_with_the_value_are_evaluated,
           test_only_the_bounds_that_hold_are_evaluated, test_who_passes_is_who_plainly_holds,
           test_a_visited_node_may_go, test_long_text)
