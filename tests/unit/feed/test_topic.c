#include "feed/topic.h"

#include "unit.h"
#include <errno.h>

static struct topic parsed(size_t count, struct str a, struct str b, struct str c)
{
    const struct str segments[] = {a, b, c};
    struct error err = {0};
    struct topic topic;

    ck_assert_msg(topic_parse(&topic, segments, count, &err) == 0, "%s", err.text);
    return topic;
}

static void key_of(struct buffer *out, const struct topic *topic)
{
    buffer_init(out, TOPIC_KEY_MAX);
    ck_assert_int_eq(topic_key(out, topic), 0);
}

static bool same_key(const struct topic *a, const struct topic *b)
{
    struct buffer key_a, key_b;

    key_of(&key_a, a);
    key_of(&key_b, b);
    bool same = str_equal(buffer_str(&key_a), buffer_str(&key_b));
    buffer_release(&key_a);
    buffer_release(&key_b);
    return same;
}

/* One, two and three segments are a table, a row and a scope; public is the schema not said. */
START_TEST(test_kinds)
{
    struct topic table = parsed(1, STR("comments"), STR(""), STR(""));
    struct topic row = parsed(2, STR("crm.comments"), STR("8/9"), STR(""));
    struct topic scope = parsed(3, STR("posts"), STR("123"), STR("comments"));

    ck_assert_int_eq(table.kind, TOPIC_TABLE);
    ck_assert(str_equal(table.table.schema, STR("public")));
    ck_assert(str_equal(table.table.table, STR("comments")));
    ck_assert_int_eq(row.kind, TOPIC_ROW);
    ck_assert(str_equal(row.table.schema, STR("crm")));
    ck_assert(str_equal(row.id, STR("8/9")));
    ck_assert_int_eq(scope.kind, TOPIC_SCOPE);
    ck_assert(str_equal(scope.parent.table, STR("posts")));
    ck_assert(str_equal(scope.id, STR("123")));
    ck_assert(str_equal(scope.table.table, STR("comments")));
}
END_TEST

/* What is no topic is refused, and says which segment is wrong. */
START_TEST(test_refused)
{
    const struct str bad[][3] = {
        {STR(""), STR("1"), STR("a")},     {STR("a"), STR(""), STR("b")},
        {STR("a"), STR("1"), STR("")},     {STR(".a"), STR("1"), STR("b")},
        {STR("a."), STR("1"), STR("b")},   {STR("."), STR("1"), STR("b")},
        {STR("a"), STR("1"), STR(".b")},   {STR("a"), {"1\0002", 3}, STR("b")},
        {{"a\0b", 3}, STR("1"), STR("b")},
    };
    const struct str four[] = {STR("a"), STR("b"), STR("c"), STR("d")};
    struct error err = {0};
    struct topic topic = {.kind = TOPIC_CONSUMER};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error_clear(&err);
        ck_assert_int_eq(topic_parse(&topic, bad[i], 3, &err), -EINVAL);
        ck_assert(err.text[0] != '\0');
    }
    ck_assert_int_eq(topic_parse(&topic, four, 0, &err), -EINVAL);
    ck_assert_int_eq(topic_parse(&topic, four, 4, &err), -EINVAL);
    ck_assert_int_eq(topic.kind, TOPIC_CONSUMER);
}
END_TEST

/* A key stands for one topic only: no id can be made up that runs into another part. */
START_TEST(test_keys_differ)
{
    const struct topic topics[] = {
        parsed(1, STR("comments"), STR(""), STR("")),
        parsed(1, STR("crm.comments"), STR(""), STR("")),
        parsed(2, STR("comments"), STR("1"), STR("")),
        parsed(2, STR("comments"), STR("11"), STR("")),
        parsed(3, STR("posts"), STR("1"), STR("comments")),
        parsed(3, STR("post"), STR("s1"), STR("comments")),
        parsed(3, STR("crm.posts"), STR("1"), STR("comments")),
        {.kind = TOPIC_CONSUMER, .table = table_name_parse(STR("comments")), .id = STR("1")},
    };
    size_t count = sizeof(topics) / sizeof(topics[0]);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            ck_assert_int_eq(same_key(&topics[i], &topics[j]), i == j);
    }
    struct topic spelled = parsed(3, STR("public.posts"), STR("1"), STR("public.comments"));
    ck_assert(same_key(&topics[4], &spelled));
}
END_TEST

/* TRUNCATE reaches the table, its rows and its scopes, not another table's and no consumer. */
START_TEST(test_truncated)
{
    struct table_name comments = table_name_parse(STR("comments"));
    const struct {
        struct topic topic;
        bool reached;
    } cases[] = {
        {parsed(1, STR("comments"), STR(""), STR("")), true},
        {parsed(2, STR("comments"), STR("1"), STR("")), true},
        {parsed(3, STR("posts"), STR("1"), STR("comments")), true},
        {parsed(3, STR("comments"), STR("1"), STR("replies")), false},
        {parsed(1, STR("comments2"), STR(""), STR("")), false},
        {parsed(1, STR("crm.comments"), STR(""), STR("")), false},
        {{.kind = TOPIC_CONSUMER, .table = comments, .id = STR("1")}, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer key;
        key_of(&key, &cases[i].topic);
        ck_assert_msg(topic_key_truncated(buffer_str(&key), comments) == cases[i].reached,
                      "case %zu", i);
        buffer_release(&key);
    }
    ck_assert(!topic_key_truncated(STR(""), comments));
    ck_assert(!topic_key_truncated(STR("tpublic"), comments));
}
END_TEST

/* A topic past the bound has no key. */
START_TEST(test_key_bound)
{
    static char id[TOPIC_KEY_MAX];
    struct topic topic = {.kind = TOPIC_ROW, .table = table_name_parse(STR("comments"))};
    struct buffer key;

    topic.id = (struct str){id, sizeof(id)};
    buffer_init(&key, TOPIC_KEY_MAX);
    ck_assert_int_eq(topic_key(&key, &topic), -EMSGSIZE);
    buffer_release(&key);
}
END_TEST

UNIT_SUITE("feed/topic", test_kinds, test_refused, test_keys_differ, test_truncated, test_key_bound)
