#include "auth/grant.h"
#include "unit.h"

/* TOPIC: segments with a space between them. */
static bool allows(const char *grant, const char *topic)
{
    struct str segments[17];
    struct str rest = str_from(topic);
    size_t count = 0;

    while (rest.data != NULL)
        segments[count++] = str_cut(&rest, ' ');
    return grant_allows(str_from(grant), segments, count);
}

START_TEST(test_a_grant_is_exact)
{
    ck_assert(allows("comments", "comments"));
    ck_assert(allows(" comments ", "comments"));
    ck_assert(!allows("comments", "comments 89"));
    ck_assert(!allows("comments", "comment"));
    ck_assert(!allows("comments", "comments2"));
    ck_assert(!allows("comments", "Comments"));
    ck_assert(!allows("comments", "posts 1 comments"));
    ck_assert(allows("comments/89", "comments 89"));
    ck_assert(!allows("comments/89", "comments"));
    ck_assert(!allows("comments/89", "comments 8"));
    ck_assert(!allows("comments/89", "comments 89 x"));
    ck_assert(allows("posts/123/comments", "posts 123 comments"));
    ck_assert(!allows("posts/123/comments", "posts 12 comments"));
    ck_assert(!allows("posts/123/comments/1", "posts 123 comments"));
}
END_TEST

START_TEST(test_a_colon_divides_too)
{
    ck_assert(allows("users:123", "users 123"));
    ck_assert(allows("posts:123/comments", "posts 123 comments"));
    ck_assert(!allows("users:123", "users:123"));
    ck_assert(allows("users/10%3A30", "users 10:30"));
}
END_TEST

START_TEST(test_a_star_at_the_end_is_the_rest)
{
    ck_assert(allows("*", "comments"));
    ck_assert(allows("*", "posts 123 comments"));
    ck_assert(allows("comments/*", "comments 89"));
    ck_assert(allows("posts/123/*", "posts 123 comments"));
    ck_assert(!allows("comments/*", "comments"));
    ck_assert(!allows("posts/123/*", "posts 123"));
    ck_assert(!allows("posts/123/*", "posts 124 comments"));
    ck_assert(!allows("*/89", "comments 89"));
    ck_assert(!allows("posts/*/comments", "posts 123 comments"));
    ck_assert(!allows("comm*", "comments"));
    ck_assert(!allows("%2A", "comments"));
    ck_assert(!allows("**", "comments"));
    ck_assert(!allows("", "comments"));
    ck_assert(!allows("/", "comments"));
}
END_TEST

START_TEST(test_public_may_be_said)
{
    ck_assert(allows("public.comments", "comments"));
    ck_assert(allows("comments", "public.comments"));
    ck_assert(allows("public.posts/1/comments", "posts 1 public.comments"));
    ck_assert(allows("shop.comments", "shop.comments"));
    ck_assert(!allows("comments", "shop.comments"));
    ck_assert(!allows("shop.comments", "comments"));
    /* Table "b" of schema "a" is not table "a.b" of schema "public", nor the other way round. */
    ck_assert(!allows("a.b", "public.a.b"));
    ck_assert(!allows("public.a.b", "a.b"));
    ck_assert(!allows("public.a%2Eb", "a.b"));
    ck_assert(allows("public.a.b", "public.a.b"));
    /* An id is an id. */
    ck_assert(!allows("comments/1", "comments public.1"));
    ck_assert(!allows("comments/public.1", "comments 1"));
}
END_TEST

START_TEST(test_parts_are_percent_encoded)
{
    ck_assert(allows("comments/a%2fb", "comments a/b"));
    ck_assert(!allows("comments/a/b", "comments a/b"));
    ck_assert(allows("comments/50%", "comments 50%"));
    ck_assert(allows("comments/%zz", "comments %zz"));
    ck_assert(allows("comments/%25zz", "comments %zz"));
    ck_assert(!allows("comments/a%00", "comments a"));
    ck_assert(!allows("comments/a", "comments a%"));
}
END_TEST

START_TEST(test_nested_scopes)
{
    ck_assert(allows("organizations/1/posts/2/comments", "organizations 1 posts 2 comments"));
    ck_assert(allows("organizations:1:posts:2:comments", "organizations 1 posts 2 comments"));
    ck_assert(allows("public.organizations/1/posts/2/public.comments",
                     "organizations 1 public.posts 2 comments"));
    ck_assert(allows("organizations/1/*", "organizations 1 posts 2 comments"));
    ck_assert(allows("organizations/1/*", "organizations 1 members"));
    ck_assert(allows("organizations/1/posts/*", "organizations 1 posts 2 comments"));
    ck_assert(allows("organizations/1/posts/2/*", "organizations 1 posts 2 comments"));
    ck_assert(allows("organizations/*", "organizations 1 posts 2 comments"));
    ck_assert(allows("*", "organizations 1 posts 2 comments"));
    ck_assert(allows("a/1/b/2/c/3/d/4/e/5/f/6/g/7/h/8/*", "a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i"));
    /* Neither another parent's, nor part of the way, nor the same rows by another way. */
    ck_assert(!allows("organizations/1/*", "organizations 2 posts 1 comments"));
    ck_assert(!allows("organizations/1/*", "organizations 11 posts 2 comments"));
    ck_assert(!allows("organizations/1/*", "organizations 1"));
    ck_assert(!allows("organizations/1/posts/2/comments", "organizations 1 posts 3 comments"));
    ck_assert(!allows("organizations/1/posts", "organizations 1 posts 2 comments"));
    ck_assert(!allows("organizations/1/posts/2/comments", "organizations 1 posts"));
    ck_assert(!allows("posts/2/*", "organizations 1 posts 2 comments"));
    ck_assert(!allows("organizations/1/posts/2/*", "posts 2 comments"));
    ck_assert(!allows("organizations/*/posts/2/comments", "organizations 1 posts 2 comments"));
    ck_assert(
        !allows("organizations/1/public.posts/2/comments", "organizations 1 posts.2 comments"));
    ck_assert(
        !allows("organizations/1/posts/public.2/comments", "organizations 1 posts 2 comments"));
}
END_TEST

UNIT_SUITE("auth/grant", test_a_grant_is_exact, test_a_colon_divides_too,
           test_a_star_at_the_end_is_the_rest, test_public_may_be_said,
           test_parts_are_percent_encoded, test_nested_scopes)
