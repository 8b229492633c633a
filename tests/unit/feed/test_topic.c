#include "feed/topic.h"

#include "unit.h"
#include <errno.h>

/* Room for the segments of all topics of a test, which borrow them. */
static struct str pool[400];
static size_t pooled;

/* PATH as in a URL, nothing in it encoded. */
static struct topic path(const char *text)
{
    struct str *segments = pool + pooled;
    struct str rest = str_from(text);
    struct error err = {0};
    struct topic topic;
    size_t count = 0;

    while (rest.data != NULL) {
        ck_assert_uint_lt(pooled, sizeof(pool) / sizeof(pool[0]));
        segments[count++] = str_cut(&rest, '/');
        pooled++;
    }
    ck_assert_msg(topic_parse(&topic, segments, count, &err) == 0, "%s", err.text);
    return topic;
}

static struct topic parsed(size_t count, struct str a, struct str b, struct str c)
{
    struct str *segments = pool + pooled;
    struct error err = {0};
    struct topic topic;

    ck_assert_uint_lt(pooled + 3, sizeof(pool) / sizeof(pool[0]));
    memcpy(segments, (const struct str[]){a, b, c}, 3 * sizeof(*segments));
    pooled += 3;
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
    ck_assert_uint_eq(scope.level_count, 1);
    ck_assert(str_equal(scope.levels[0], STR("posts")));
    ck_assert(str_equal(scope.levels[1], STR("123")));
    ck_assert(str_equal(scope.table.table, STR("comments")));
}
END_TEST

/* A scope may lie in others: parents from the outermost inwards, then the table. */
START_TEST(test_nested)
{
    struct topic topic = path("organizations/1/blog.posts/2/crm.comments");

    ck_assert_int_eq(topic.kind, TOPIC_SCOPE);
    ck_assert_uint_eq(topic.level_count, 2);
    ck_assert(str_equal(topic.levels[0], STR("organizations")));
    ck_assert(str_equal(topic.levels[1], STR("1")));
    ck_assert(str_equal(topic.levels[2], STR("blog.posts")));
    ck_assert(str_equal(topic.levels[3], STR("2")));
    ck_assert(str_equal(topic.table.schema, STR("crm")));
    ck_assert(str_equal(topic.table.table, STR("comments")));
    topic = path("a/1/b/2/c/3/d/4/e/5/f/6/g/7/h/8/deepest");
    ck_assert_uint_eq(topic.level_count, TOPIC_LEVELS_MAX);
    ck_assert(str_equal(topic.table.table, STR("deepest")));
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
    const struct str nested[][5] = {
        {STR("a"), STR("1"), STR(""), STR("2"), STR("c")},
        {STR("a"), STR("1"), STR(".b"), STR("2"), STR("c")},
        {STR("a"), STR("1"), STR("b"), {"\0", 1}, STR("c")},
        {STR("a"), STR("1"), STR("b"), STR("2"), STR("c.")},
    };
    struct str many[TOPIC_SEGMENTS_MAX + 2];
    struct error err = {0};
    struct topic topic = {.kind = TOPIC_CONSUMER};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error_clear(&err);
        ck_assert_int_eq(topic_parse(&topic, bad[i], 3, &err), -EINVAL);
        ck_assert(err.text[0] != '\0');
    }
    ck_assert_int_eq(topic_parse(&topic, four, 0, &err), -EINVAL);
    ck_assert_int_eq(topic_parse(&topic, four, 4, &err), -EINVAL);
    ck_assert(strstr(err.text, "4 segments; write TABLE, TABLE/ID, PARENT/ID/TABLE") != NULL);
    for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++)
        ck_assert_int_eq(topic_parse(&topic, nested[i], 5, &err), -EINVAL);
    for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
        many[i] = STR("a");
    ck_assert_int_eq(topic_parse(&topic, many, TOPIC_SEGMENTS_MAX + 2, &err), -EINVAL);
    ck_assert(strstr(err.text, "at most 8 parents") != NULL);
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
        path("posts/1/posts/1/comments"),
        path("posts/11/posts/1/comments"),
        path("posts/1/posts/11/comments"),
        path("organizations/1/posts/2/comments"),
        path("organizations/2/posts/1/comments"),
        path("posts/2/organizations/1/comments"),
        path("crm.organizations/1/posts/2/comments"),
        path("organizations/1/posts/2/public/3/comments"),
        {.kind = TOPIC_CONSUMER, .table = table_name_parse(STR("comments")), .id = STR("1")},
    };
    size_t count = sizeof(topics) / sizeof(topics[0]);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            ck_assert_int_eq(same_key(&topics[i], &topics[j]), i == j);
    }
    struct topic spelled = parsed(3, STR("public.posts"), STR("1"), STR("public.comments"));
    ck_assert(same_key(&topics[4], &spelled));
    spelled = path("public.organizations/1/public.posts/2/public.comments");
    ck_assert(same_key(&topics[10], &spelled));
}
END_TEST

/* What the ids complete is the key: so the keys of an event's topics are made. */
START_TEST(test_key_begins)
{
    const struct topic topics[] = {path("comments/7"), path("posts/7/comments"),
                                   path("organizations/1/posts/7/comments")};
    const struct str ids[] = {STR("7"), STR("7"), {"1\0007", 3}};

    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        struct buffer whole, parts;
        key_of(&whole, &topics[i]);
        buffer_init(&parts, TOPIC_KEY_MAX);
        ck_assert_int_eq(topic_key_begin(&parts, &topics[i]), 0);
        ck_assert_int_eq(buffer_append_str(&parts, ids[i]), 0);
        ck_assert(str_equal(buffer_str(&whole), buffer_str(&parts)));
        buffer_release(&whole);
        buffer_release(&parts);
    }
}
END_TEST

/* A value of an event that has NULs, as a JSON text may, makes no key of a topic with more parents.
 */
START_TEST(test_key_of_a_forged_id)
{
    static const char forged[] = "public\0posts\0001\0002";
    struct topic nested = path("organizations/1/posts/2/comments");
    struct topic single = path("organizations/1/comments");
    struct buffer key, forgery;

    key_of(&key, &nested);
    buffer_init(&forgery, TOPIC_KEY_MAX);
    topic_key_begin(&forgery, &single);
    buffer_append(&forgery, forged, sizeof(forged) - 1);
    ck_assert(!str_equal(buffer_str(&key), buffer_str(&forgery)));
    buffer_release(&key);
    buffer_release(&forgery);
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
        {path("organizations/1/posts/2/comments"), true},
        {path("organizations/1/comments/2/replies"), false},
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

UNIT_SUITE("feed/topic", test_kinds, test_nested, test_refused, test_keys_differ, test_key_begins,
           test_key_of_a_forged_id, test_truncated, test_key_bound)
