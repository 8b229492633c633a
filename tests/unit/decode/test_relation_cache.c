#include "decode/relation_cache.h"

#include "base/str.h"
#include "failing_malloc.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

enum { INT4 = 23, TEXT = 25, MISSING = 4711 };

static const struct relation_cache_column id_and_name[] = {
    {STR("id"), INT4, true, false},
    {STR("name"), TEXT, false, false},
};

static struct relation_cache *new_cache(void)
{
    struct relation_cache *cache = relation_cache_new();

    ck_assert_ptr_nonnull(cache);
    ck_assert_int_eq(relation_cache_add_type(cache, INT4, STR("int4"), 0, 0, ','), 0);
    ck_assert_int_eq(relation_cache_add_type(cache, TEXT, STR("text"), 0, 0, ','), 0);
    return cache;
}

static const struct relation *put(struct relation_cache *cache, const char *schema,
                                  const char *table, uint16_t count)
{
    const struct relation *relation;
    uint32_t missing;

    ck_assert_int_eq(relation_cache_put(cache, str_from(schema), str_from(table), id_and_name,
                                        count, &relation, &missing),
                     0);
    return relation;
}

static const struct relation *find(struct relation_cache *cache, const char *schema,
                                   const char *table)
{
    return relation_cache_find(cache, str_from(schema), str_from(table));
}

/* What is put is found, with everything it was given. */
START_TEST(test_put_and_find)
{
    struct relation_cache *cache = new_cache();
    const struct relation *relation = put(cache, "public", "posts", 2);

    ck_assert_ptr_eq(find(cache, "public", "posts"), relation);
    ck_assert(str_equal(relation->schema, STR("public")));
    ck_assert(str_equal(relation->table, STR("posts")));
    ck_assert_uint_eq(relation->column_count, 2);
    ck_assert(str_equal(relation->columns[0].name, STR("id")));
    ck_assert(relation->columns[0].primary_key);
    ck_assert_ptr_eq(relation->columns[0].type, relation_cache_type(cache, INT4));
    ck_assert(str_equal(relation->columns[1].name, STR("name")));
    ck_assert(!relation->columns[1].primary_key);
    relation_cache_free(cache);
}
END_TEST

/* Names are copied: the message they came from may go. */
START_TEST(test_names_are_copied)
{
    struct relation_cache *cache = new_cache();
    char schema[] = "public", table[] = "posts", column[] = "id";
    const struct relation_cache_column columns[] = {{{column, 2}, INT4, false, false}};
    const struct relation *relation;
    uint32_t missing;

    relation_cache_put(cache, (struct str){schema, 6}, (struct str){table, 5}, columns, 1,
                       &relation, &missing);
    memset(schema, '!', 6);
    memset(table, '!', 5);
    memset(column, '!', 2);
    ck_assert_ptr_eq(find(cache, "public", "posts"), relation);
    ck_assert(str_equal(relation->columns[0].name, STR("id")));
    relation_cache_free(cache);
}
END_TEST

/* Schema and table are two names, not one text; case, dots and empty names count. */
START_TEST(test_keys)
{
    static const char *const keys[][2] = {
        {"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"", "abc"}, {"A", "bc"}, {"a.b", "c"}, {"a", "b.c"},
    };
    struct relation_cache *cache = new_cache();
    const struct relation *relations[7];

    for (int i = 0; i < 7; i++)
        relations[i] = put(cache, keys[i][0], keys[i][1], 2);
    for (int i = 0; i < 7; i++)
        ck_assert_ptr_eq(find(cache, keys[i][0], keys[i][1]), relations[i]);
    ck_assert_ptr_null(find(cache, "b", "ac"));
    relation_cache_free(cache);
}
END_TEST

/* A change that was handed out borrows its relation until the next decode(), even when that
 * relation is replaced or all are cleared. ASan watches the reads. */
START_TEST(test_replaced_stays_readable)
{
    struct relation_cache *cache = new_cache();
    const struct relation *old = put(cache, "public", "posts", 1);
    const struct relation *new = put(cache, "public", "posts", 2);

    ck_assert_ptr_ne(old, new);
    ck_assert_ptr_eq(find(cache, "public", "posts"), new);
    ck_assert_uint_eq(old->column_count, 1);
    ck_assert(str_equal(old->columns[0].name, STR("id")));
    relation_cache_clear_relations(cache);
    ck_assert_ptr_null(find(cache, "public", "posts"));
    ck_assert(str_equal(new->columns[1].name, STR("name")));
    ck_assert_ptr_nonnull(relation_cache_type(cache, INT4));

    allocations_start(0);
    WATCHED(relation_cache_collect(cache));
    ck_assert_int_eq(live_allocations, -2 * 2); /* each has its text */
    relation_cache_free(cache);
}
END_TEST

/* A replacement may borrow the names of what it replaces. */
START_TEST(test_replace_by_own_names)
{
    struct relation_cache *cache = new_cache();
    const struct relation *old = put(cache, "public", "posts", 2);
    const struct relation_cache_column columns[] = {{old->columns[1].name, INT4, true, false}};
    const struct relation *new;
    uint32_t missing;

    ck_assert_int_eq(relation_cache_put(cache, old->schema, old->table, columns, 1, &new, &missing),
                     0);
    relation_cache_collect(cache);
    ck_assert_ptr_eq(find(cache, "public", "posts"), new);
    ck_assert(str_equal(new->columns[0].name, STR("name")));
    relation_cache_free(cache);
}
END_TEST

/* A missing type is named, and nothing has changed. */
START_TEST(test_missing_type)
{
    struct relation_cache *cache = new_cache();
    const struct relation *old = put(cache, "public", "posts", 2);
    const struct relation_cache_column columns[] = {{STR("id"), INT4, true, false},
                                                    {STR("x"), MISSING, false, false}};
    const struct relation *relation = NULL;
    uint32_t missing = 0;

    ck_assert_int_eq(
        relation_cache_put(cache, STR("public"), STR("posts"), columns, 2, &relation, &missing),
        -ENOENT);
    ck_assert_uint_eq(missing, MISSING);
    ck_assert_ptr_null(relation);
    ck_assert_ptr_eq(find(cache, "public", "posts"), old);
    relation_cache_add_type(cache, MISSING, STR("found"), 0, 0, ',');
    ck_assert_int_eq(
        relation_cache_put(cache, STR("public"), STR("posts"), columns, 2, &relation, &missing), 0);
    relation_cache_free(cache);
}
END_TEST

/* A table without columns is a table. */
START_TEST(test_no_columns)
{
    struct relation_cache *cache = new_cache();
    const struct relation *relation = put(cache, "public", "empty", 0);

    ck_assert_uint_eq(relation->column_count, 0);
    ck_assert_ptr_eq(find(cache, "public", "empty"), relation);
    relation_cache_free(cache);
}
END_TEST

/* When memory runs out at any point, the cache is as it was before the call, and nothing leaks. */
START_TEST(test_no_memory)
{
    long failing = 1;

    for (bool failed = true; failed; failing++) {
        struct relation_cache *cache = new_cache();
        allocations_start(failing);
        for (int i = 0; i < 300; i++) {
            char name[16];
            const struct relation *relation = NULL;
            uint32_t missing;
            snprintf(name, sizeof(name), "t%d", i % 200);
            const struct relation *before = find(cache, "s", name);
            int r;
            WATCHED(r = relation_cache_put(cache, STR("s"), str_from(name), id_and_name, 2,
                                           &relation, &missing));
            ck_assert_msg(r == 0 || r == -ENOMEM, "%d", r);
            ck_assert_ptr_eq(find(cache, "s", name), r == 0 ? relation : before);
        }
        failed = allocations_failed();
        /* All that is left is the relations: each in one block, and uthash's table. */
        WATCHED(relation_cache_clear_relations(cache));
        WATCHED(relation_cache_collect(cache));
        ck_assert_int_eq(live_allocations, 0);
        relation_cache_free(cache);
    }
    ck_assert_int_gt(failing, 300);
    struct relation_cache *none;
    allocations_start(1);
    WATCHED(none = relation_cache_new());
    ck_assert_ptr_null(none);
}
END_TEST

/* What the publication leaves out is known for as long as the relation is, replaced or not. */
START_TEST(test_leave_out)
{
    struct relation_cache *cache = new_cache();

    ck_assert_int_eq(relation_cache_leave_out(cache, STR("public"), STR("posts"), STR("g")),
                     -ENOENT);
    const struct relation *relation = put(cache, "public", "posts", 2);
    ck_assert(relation_cache_is_whole(relation));
    ck_assert(!relation_cache_leaves_out(relation, STR("g")));
    ck_assert_int_eq(relation_cache_leave_out(cache, STR("public"), STR("posts"), STR("g")), 0);
    ck_assert_int_eq(relation_cache_leave_out(cache, STR("public"), STR("posts"), STR("h")), 0);
    relation = put(cache, "public", "posts", 1);
    relation_cache_collect(cache);
    ck_assert(!relation_cache_is_whole(relation));
    ck_assert(relation_cache_leaves_out(relation, STR("g")));
    ck_assert(relation_cache_leaves_out(relation, STR("h")));
    ck_assert(!relation_cache_leaves_out(relation, STR("id")));
    ck_assert(!relation_cache_leaves_out(relation, STR("")));
    ck_assert(relation_cache_is_whole(put(cache, "public", "others", 1)));
    relation_cache_clear_relations(cache);
    ck_assert(relation_cache_is_whole(put(cache, "public", "posts", 2)));
    relation_cache_free(cache);
}
END_TEST

/* Without memory nothing is left out, and everything is given back. */
START_TEST(test_leave_out_no_memory)
{
    struct relation_cache *cache = new_cache();
    const struct relation *relation = put(cache, "public", "posts", 2);
    int r;

    allocations_start(1);
    WATCHED(r = relation_cache_leave_out(cache, STR("public"), STR("posts"), STR("g")));
    ck_assert_int_eq(r, -ENOMEM);
    ck_assert(relation_cache_is_whole(relation));
    allocations_start(0);
    WATCHED(r = relation_cache_leave_out(cache, STR("public"), STR("posts"), STR("g")));
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(live_allocations, 1);
    WATCHED(relation_cache_clear_relations(cache));
    ck_assert(relation_cache_leaves_out(relation, STR("g")));
    WATCHED(relation_cache_collect(cache));
    ck_assert_int_le(live_allocations, 0);
    relation_cache_free(cache);
}
END_TEST

/* --- what the catalog says ------------------------------------------------------------------- */

static int put_row(struct relation_cache *cache, uint16_t count, uint32_t oid, int64_t since)
{
    uint32_t missing;

    return relation_cache_put_row(
        cache,
        &(struct relation_cache_row){.name = {STR("public"), STR("posts")},
                                     .oid = oid,
                                     .full = count == 2,
                                     .since = since,
                                     .columns = id_and_name,
                                     .count = count},
        &missing);
}

static const struct relation *resolve(struct relation_cache *cache, int64_t time)
{
    const struct relation_name name = {STR("public"), STR("posts")};
    const struct relation *relation;

    ck_assert_int_eq(relation_cache_resolve(cache, name, time, &relation), RELATION_PUBLISHED);
    return relation;
}

/* What the stream has shown stays until its time is over; what is not known is as the catalog says.
 */
START_TEST(test_catalog)
{
    struct relation_cache *cache = new_cache();

    ck_assert_int_eq(put_row(cache, 2, 7, 500), 0);
    const struct relation *first = resolve(cache, 0);
    ck_assert(relation_cache_is_full(first));
    ck_assert_ptr_null(relation_cache_newer(first));
    ck_assert_ptr_eq(relation_cache_renew(cache, first), first);

    ck_assert_int_eq(put_row(cache, 1, 7, 1000), 0);
    ck_assert_ptr_eq(resolve(cache, 999), first);
    ck_assert_uint_eq(find(cache, "public", "posts")->column_count, 1);
    ck_assert(!relation_cache_is_full(first));
    const struct relation *altered = put(cache, "public", "posts", 2);
    ck_assert_ptr_eq(resolve(cache, 999), altered);
    ck_assert_uint_eq(resolve(cache, 1000)->column_count, 1);
    ck_assert_uint_eq(resolve(cache, 0)->column_count, 1);

    ck_assert(relation_cache_has_oid(cache, 7));
    ck_assert(!relation_cache_has_oid(cache, 8));
    put(cache, "public", "posts", 2);
    ck_assert(relation_cache_has_oid(cache, 7));
    relation_cache_free(cache);
}
END_TEST

/* A column that is generated now is left out of messages of before too. */
START_TEST(test_catalog_leaves_out)
{
    struct relation_cache *cache = new_cache();

    put_row(cache, 1, 7, 0);
    put_row(cache, 1, 7, 1000);
    ck_assert_int_eq(relation_cache_leave_out(cache, STR("public"), STR("posts"), STR("g")), 0);
    ck_assert(relation_cache_leaves_out(resolve(cache, 0), STR("g")));
    ck_assert(relation_cache_leaves_out(resolve(cache, 1000), STR("g")));
    put_row(cache, 1, 7, 2000);
    ck_assert(relation_cache_leaves_out(resolve(cache, 0), STR("g")));
    ck_assert(!relation_cache_leaves_out(resolve(cache, 2000), STR("g")));
    relation_cache_free(cache);
}
END_TEST

/* Without memory the cache is as it was, and everything is given back. */
START_TEST(test_catalog_no_memory)
{
    long failing = 1;

    for (bool failed = true; failed; failing++) {
        struct relation_cache *cache = new_cache();
        const struct relation_name name = {STR("public"), STR("posts")};
        const struct relation *relation = NULL;
        int first, second;
        allocations_start(failing);
        WATCHED(first = put_row(cache, 2, 7, 0));
        WATCHED(second = put_row(cache, 1, 7, 1000));
        WATCHED(relation_cache_resolve(cache, name, 2000, &relation));
        failed = allocations_failed();
        ck_assert_int_eq(relation == NULL, first < 0 && second < 0);
        if (!failed)
            ck_assert_uint_eq(relation->column_count, 1);
        WATCHED(relation_cache_clear_relations(cache));
        WATCHED(relation_cache_collect(cache));
        ck_assert_int_eq(live_allocations, 0);
        relation_cache_free(cache);
    }
    ck_assert_int_gt(failing, 3);
}
END_TEST

/* A name stands for a table, for the root of a partition, or for nothing that is published. */
START_TEST(test_names)
{
    struct relation_cache *cache = new_cache();
    const struct relation_name posts = {STR("public"), STR("posts")};
    const struct relation_name part = {STR("s"), STR("posts")}, other = {STR("public"), STR("x")};
    const struct relation *relation;

    ck_assert_int_eq(relation_cache_resolve(cache, posts, 0, &relation), RELATION_UNKNOWN);
    ck_assert_int_eq(relation_cache_add_partition(cache, part, posts), 0);
    ck_assert_int_eq(relation_cache_resolve(cache, part, 0, &relation), RELATION_UNKNOWN);
    ck_assert_ptr_null(relation);
    const struct relation *root = put(cache, "public", "posts", 2);
    ck_assert_int_eq(relation_cache_resolve(cache, part, 0, &relation), RELATION_PARTITION);
    ck_assert_ptr_eq(relation, root);
    ck_assert_int_eq(relation_cache_pass_over(cache, other), 0);
    ck_assert_int_eq(relation_cache_resolve(cache, other, 0, &relation), RELATION_UNPUBLISHED);
    ck_assert_ptr_null(relation);
    ck_assert_int_eq(relation_cache_add_partition(cache, other, posts), 0);
    ck_assert_int_eq(relation_cache_resolve(cache, other, 0, &relation), RELATION_PARTITION);
    relation_cache_begin_reading(cache);
    ck_assert_int_eq(relation_cache_resolve(cache, part, 0, &relation), RELATION_UNKNOWN);
    ck_assert_int_eq(relation_cache_resolve(cache, posts, 0, &relation), RELATION_PUBLISHED);
    relation_cache_free(cache);
}
END_TEST

UNIT_SUITE("decode/relation_cache", test_put_and_find, test_names_are_copied, test_keys,
           test_replaced_stays_readable, test_replace_by_own_names, test_missing_type,
           test_no_columns, test_no_memory, test_leave_out, test_leave_out_no_memory, test_catalog,
           test_catalog_leaves_out, test_catalog_no_memory, test_names)
