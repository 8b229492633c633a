#include "api/pull.h"

#include "api/internal.h"
#include "scene.h"

#define JSON "Accept: application/json\r\n"

/* The answer to the pull of "comments" with QUERY is
 * {"events":[...EVENTS...],"next":NEXT,"more":MORE}. */
static void expect_answer(struct client *client, size_t expected, struct position next, bool more)
{
    char id[EVENT_ID_MAX], end[128];

    id_text(next, id);
    snprintf(end, sizeof(end), "],\"next\":\"%s\",\"more\":%s}", id, more ? "true" : "false");
    expect(client, end);
    ck_assert_ptr_nonnull(strstr(client->text, "HTTP/1.1 200 "));
    ck_assert_msg(strncmp(body(client), "{\"events\":[", 11) == 0, "%s", body(client));
    ck_assert_uint_eq(count(client, "\"type\":\"insert\""), expected);
}

static struct position newest(void)
{
    struct position oldest, at;

    (void)journal_bounds(fixture.journal, &oldest, &at);
    return at;
}

/* A pull that waits is one subscriber of the router, and is not looked at. */
static void await_waiting(size_t polls)
{
    FIXTURE_UNTIL(&fixture,
                  router_subscribers(api->router) == polls && api->review.entries == NULL);
}

static struct client *pull(const char *path, struct position after, const char *parameters)
{
    char id[EVENT_ID_MAX], start[256];

    id_text(after, id);
    snprintf(start, sizeof(start), "GET /streams/%s?after=%s%s", path, id, parameters);
    return request(start, JSON);
}

/* Without an id, and without wait: where the journal ends, at once. */
START_TEST(test_latest)
{
    setup();
    struct client *client = request("GET /streams/comments", JSON);
    expect_answer(client, 0, (struct position){0, 0}, false);
    hang_up(client);
    insert(&in_seven);
    client = request("GET /streams/comments", JSON);
    expect_answer(client, 0, newest(), false);
    hang_up(client);
    teardown();
}
END_TEST

/* What came in one turn is in one answer; a connection carries one poll after the other. */
START_TEST(test_long_poll)
{
    char text[256], id[EVENT_ID_MAX];

    setup();
    struct position first = insert(&in_seven);
    struct client *client = pull("posts/8/comments", first, "&wait=60");
    await_waiting(1);
    insert(&in_seven);
    fixture_comment(&fixture, NULL, &in_eight);
    struct position last = insert(&in_eight);
    expect(client, "\"more\":false}");
    expect_answer(client, 2, last, false);
    await_waiting(0);

    client->len = 0;
    memset(client->text, 0, sizeof(client->text));
    id_text(last, id);
    int len = snprintf(text, sizeof(text),
                       "GET /streams/comments?after=%s&wait=60 HTTP/1.1\r\n"
                       "Host: a\r\n" JSON "\r\n",
                       id);
    ck_assert_int_eq(send(client->fd, text, (size_t)len, 0), len);
    await_waiting(1);
    expect_answer(client, 1, insert(&in_seven), false);
    hang_up(client);
    teardown();
}
END_TEST

/* An answer that is full says exactly whether there is more, and goes on with all that is no event
 * of its topic behind it. */
START_TEST(test_full)
{
    setup();
    struct position first = insert(&in_seven);
    struct position second = insert(&in_eight);
    insert(&in_seven);
    struct position fourth = insert(&in_eight);
    struct client *client = pull("posts/8/comments", first, "&limit=1");
    expect_answer(client, 1, second, true);
    hang_up(client);
    insert(&in_seven);
    client = pull("posts/8/comments", second, "&limit=1&wait=60");
    expect_answer(client, 1, newest(), false);
    hang_up(client);
    client = pull("posts/8/comments", fourth, "");
    expect_answer(client, 0, newest(), false);
    hang_up(client);
    teardown();
}
END_TEST

/* A poll that waited in vain has read what was not for it. */
START_TEST(test_in_vain)
{
    setup();
    struct position first = insert(&in_seven);
    struct client *client = pull("posts/8/comments", first, "&wait=0.2");
    await_waiting(1);
    insert(&in_seven);
    expect_answer(client, 0, newest(), false);
    hang_up(client);
    teardown();
}
END_TEST

/* A new epoch ends a wait. */
START_TEST(test_epoch)
{
    char expected[256];

    setup();
    struct client *client = pull("comments", insert(&in_seven), "&wait=60");
    await_waiting(1);
    fixture_begin_epoch(&fixture);
    journal_epoch(fixture.journal, epoch);
    snprintf(expected, sizeof(expected),
             "{\"reset\":{\"reason\":\"epoch\",\"oldest\":null,\"latest\":null},"
             "\"next\":\"%s-0-0\"}",
             epoch);
    expect(client, "\r\n\r\n");
    expect_body(client, expected);
    ck_assert_ptr_nonnull(strstr(client->text, "HTTP/1.1 410 Gone\r\n"));
    hang_up(client);
    teardown();
}
END_TEST

/* A drain answers those who wait; one that reads no more is nobody's subscriber. */
START_TEST(test_drain_and_leave)
{
    setup();
    struct position first = insert(&in_seven);
    struct client *leaves = pull("comments", first, "&wait=60");
    await_waiting(1);
    hang_up(leaves);
    await_waiting(0);
    struct client *client = pull("comments", first, "&wait=60");
    await_waiting(1);
    http_server_drain(server);
    expect_answer(client, 0, first, false);
    expect_end(client);
    ck_assert_ptr_nonnull(strstr(client->text, "\r\nConnection: close\r\n"));
    ck_assert_uint_eq(router_subscribers(api->router), 0);
    hang_up(client);
    teardown();
}
END_TEST

/* The end of the server is the end of what waits. */
START_TEST(test_teardown)
{
    setup();
    struct client *client = pull("comments", insert(&in_seven), "&wait=60");
    await_waiting(1);
    teardown();
    hang_up(client);
}
END_TEST

/* A pull of /events whose table cannot be read is told to come again. */
START_TEST(test_table_unreadable)
{
    setup();
    struct client *client = request("GET /events?after=5", JSON "X-Consumer-Id: toto\r\n");
    expect(client, "\r\nRetry-After: 1\r\n");
    expect(client, "HTTP/1.1 503 ");
    hang_up(client);
    client = request("GET /events?after=latest&wait=60", JSON "X-Consumer-Id: toto\r\n");
    await_waiting(1);
    fixture_event(&fixture, "7", "toto", "{\"a\":1}");
    fixture_sync(&fixture);
    expect(client, "],\"next\":7,\"more\":false}");
    expect(client, "{\"events\":[{\"id\":7,\"type\":\"");
    hang_up(client);
    teardown();
}
END_TEST

UNIT_SUITE("api/pull", test_latest, test_long_poll, test_full, test_in_vain, test_epoch,
           test_drain_and_leave, test_teardown, test_table_unreadable)
