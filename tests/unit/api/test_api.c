#include "api/internal.h"
#include "scene.h"

/* The id line of the frame at POSITION; records of the tests bear a fixed epoch of their own. */
static void expect_id(struct client *client, struct position position)
{
    char id[EVENT_ID_MAX], line[64];

    event_id_format("7f3a91c2", position, id);
    snprintf(line, sizeof(line), "id: %s\n", id);
    expect(client, line);
}

/* --- answers --------------------------------------------------------------------------------- */

START_TEST(test_health)
{
    setup();
    assert_answer("GET /manage/health", "", "200", "{\"status\":\"UP\"}");
    health_down(health, "capture", "no \"server\"");
    assert_answer("GET /manage/health", "", "503",
                  "{\"status\":\"DOWN\",\"reason\":\"capture: no \\\"server\\\"\"}");
    health_up(health, "capture");
    assert_answer("GET /manage/health", "", "200", "{\"status\":\"UP\"}");
    assert_answer("HEAD /manage/health", "", "200", "");
    teardown();
}
END_TEST

/* Anything that is no resource is 404, word for word. */
START_TEST(test_not_found)
{
    static const char *const paths[] = {
        "GET /",
        "GET /event",
        "GET /events/",
        "GET /events/1",
        "GET /streams/",
        "GET /streams//1",
        "GET /streams/a/1//2/c",
        "GET /streams/a/1/b/2/",
        "GET /manage",
        "GET /%",
        "GET /a/b/c/d/e/f/g/h/i/j",
        "POST /nowhere",
    };

    setup();
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_answer(paths[i], "", "404", "Not found");
    teardown();
}
END_TEST

START_TEST(test_method)
{
    static const char *const cases[][2] = {
        {"PUT /events", "Allow: GET, HEAD, POST\r\n"},
        {"POST /streams/comments", "Allow: GET, HEAD\r\n"},
        {"OPTIONS /streams/comments", "Allow: GET, HEAD\r\n"},
        {"DELETE /manage/health", "Allow: GET, HEAD\r\n"},
    };

    setup();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *client = request(cases[i][0], "");
        expect(client, "HTTP/1.1 405 ");
        expect(client, cases[i][1]);
        hang_up(client);
    }
    teardown();
}
END_TEST

/* HEAD is answered like GET, without the events: nobody waits for the end of a stream, and nothing
 * is left of it. */
START_TEST(test_head)
{
    setup();
    static const struct comment hi = {"1", "7", "hi"};
    fixture_comment(&fixture, NULL, &hi);
    static const char *const streams[] = {"HEAD /streams/comments", "HEAD /events"};
    static const char *const headers[] = {
        "X-Consumer-Id: toto\r\n",
        "X-Consumer-Id: toto\r\nLast-Event-ID: earliest\r\n",
        "X-Consumer-Id: toto\r\nAccept: application/x-ndjson\r\n",
    };
    for (size_t i = 0; i < 2 * 3; i++) {
        struct client *client = request(streams[i % 2], headers[i / 2]);
        expect_end(client);
        expect(client, "HTTP/1.1 200 OK\r\n");
        expect(client, i / 2 == 2 ? "application/x-ndjson\r\n" : "text/event-stream\r\n");
        ck_assert_str_eq(body(client), "");
        hang_up(client);
    }
    struct client *client = request("HEAD /streams/comments?after=earliest",
                                    "Accept: application/json\r\nConnection: close\r\n");
    expect_end(client);
    expect(client, "Content-Length: ");
    ck_assert_str_eq(body(client), "");
    hang_up(client);
    assert_answer("HEAD /streams/nowhere", "", "400", "");
    assert_answer("HEAD /nowhere", "", "404", "");
    ck_assert_uint_eq(router_subscribers(api->router), 0);
    teardown();
}
END_TEST

START_TEST(test_no_consumer)
{
    const char *text = "Request doesn't pass through the API gateway!";

    setup();
    assert_answer("GET /events", "", "401", text);
    assert_answer("GET /events", "X-Consumer-Id:\r\n", "401", text);
    teardown();
    setup_with(0, 60000, false);
    assert_answer("GET /events", "X-Consumer-Id: toto\r\n", "404", "Not found");
    teardown();
}
END_TEST

/* What does not exist or is malformed is named, not ignored. */
START_TEST(test_bad_stream)
{
    static const char *const cases[][2] = {
        {"GET /streams/posts", "\"public.posts\""},
        {"GET /streams/authors/1/comments", "\"authors\""},
        {"GET /streams/a.b.c", "\"a.b.c\""},
        {"GET /streams", "/streams?topic=TOPIC"},
        {"GET /streams?topic=comments&topic=posts", "\"public.posts\""},
        {"GET /streams?topic=comments%2Fa%25zz", "\"a%zz\""},
        {"GET /streams?topic=a/b/c/d", "4 segments"},
        {"GET /streams/a/b/c/d", "4 segments"},
        {"GET /streams?topic=a/1/b/2/c/3/d/4/e/5/f/6/g/7/h/8/i/9/j", "at most 8 parents"},
        {"GET /streams/posts/1/users/2/comments", "no scope \"posts\", \"users\""},
        {"GET /streams/comments?types=insert,upsert", "\"upsert\""},
        {"GET /streams/comments?limit=5", "\"limit\" is for Accept: application/json"},
        {"GET /streams/comments?last_event_id=latest&rating=gte.%4", "\"gte.%4\""},
    };

    setup();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *client = request(cases[i][0], "");
        expect(client, "HTTP/1.1 400 ");
        expect(client, cases[i][1]);
        hang_up(client);
    }
    teardown();
}
END_TEST

/* Before the server has said which columns there are no filter can be understood: a native
 * EventSource must come back all the same. */
START_TEST(test_filter_before_the_columns_are_known)
{
    setup();
    struct client *client = request("GET /streams/comments?rating=gte.4", "");
    expect(client, "HTTP/1.1 200 ");
    expect(client, "\nretry: ");
    expect_end(client);
    hang_up(client);
    client = request("GET /streams/comments?rating=gte.4", "Accept: application/json\r\n");
    expect(client, "HTTP/1.1 503 ");
    expect(client, "Retry-After: 1\r\n");
    hang_up(client);
    teardown();
}
END_TEST

/* --- /streams -------------------------------------------------------------------------------- */

/* The head is exact, something comes at once, and then the events of the topic as they are. */
START_TEST(test_stream_live)
{
    struct event event;

    setup();
    insert(&in_seven);
    struct client *client = request("GET /streams/posts/8/comments", "");
    expect(client, "\r\n\r\n:\n");
    ck_assert_ptr_nonnull(strstr(client->text, "HTTP/1.1 200 "));
    ck_assert_ptr_nonnull(strstr(client->text, "\r\nContent-Type: text/event-stream\r\n"));
    ck_assert_ptr_nonnull(strstr(client->text, "\r\nCache-Control: no-cache, no-transform\r\n"));
    ck_assert_ptr_nonnull(strstr(client->text, "\r\nX-Accel-Buffering: no\r\n"));
    insert(&in_seven);
    expect_id(client, insert(&in_eight));
    expect(client, "\n\n");
    ck_assert_int_eq(event_read(&event, buffer_str(&fixture.record)), 0);
    ck_assert(str_equal(event.frame, str_from(strstr(client->text, "id: "))));
    hang_up(client);
    teardown();
}
END_TEST

/* Segments are decoded one by one: an id may hold a slash. */
START_TEST(test_stream_encoded)
{
    record_table.id = (char *)"body";
    setup();
    struct client *client = request("GET /streams/comments/a%2Fb%20c", "");
    expect(client, "\r\n\r\n:\n");
    expect_id(client, insert(&(struct comment){"1", "7", "a/b c"}));
    hang_up(client);
    teardown();
    record_table.id = NULL;
}
END_TEST

/* From an id on everything later comes once, then live; the words stand for both ends. */
START_TEST(test_stream_resume)
{
    char headers[128], id[EVENT_ID_MAX];
    struct position got[4];

    setup();
    for (int i = 0; i < 3; i++)
        got[i] = insert(&in_seven);
    id_text(got[0], id);
    snprintf(headers, sizeof(headers), "Last-Event-ID: %s\r\n", id);
    struct client *after = request("GET /streams/comments?last_event_id=latest", headers);
    struct client *earliest = request("GET /streams/comments?lastEventId=earliest", "");
    struct client *latest = request("GET /streams/comments", "Last-Event-ID: latest\r\n");
    expect_id(after, got[2]);
    expect_id(earliest, got[2]);
    expect(latest, "\r\n\r\n:\n");
    got[3] = insert(&in_eight);
    expect_id(after, got[3]);
    expect_id(earliest, got[3]);
    expect_id(latest, got[3]);
    ck_assert_uint_eq(count(after, "id: "), 3);
    ck_assert_uint_eq(count(earliest, "id: "), 4);
    ck_assert_uint_eq(count(latest, "id: "), 1);
    ck_assert_uint_eq(count(after, "reset"), 0);
    hang_up(after);
    hang_up(earliest);
    hang_up(latest);
    teardown();
}
END_TEST

static void assert_reset(const char *last_id, const char *reason, bool empty)
{
    char headers[128], frame[256], oldest_id[EVENT_ID_MAX], newest_id[EVENT_ID_MAX];
    struct position oldest, newest;

    journal_bounds(fixture.journal, &oldest, &newest);
    if (empty) {
        snprintf(frame, sizeof(frame),
                 ":\nevent: reset\ndata: {\"reason\":\"%s\",\"oldest\":null,\"latest\":null}\n\n",
                 reason);
    } else {
        id_text(oldest, oldest_id);
        id_text(newest, newest_id);
        snprintf(
            frame, sizeof(frame),
            ":\nevent: reset\ndata: {\"reason\":\"%s\",\"oldest\":\"%s\",\"latest\":\"%s\"}\n\n",
            reason, oldest_id, newest_id);
    }
    snprintf(headers, sizeof(headers), "Last-Event-ID: %s\r\n", last_id);
    struct client *client = request("GET /streams/comments", headers);
    expect_body(client, frame);
    /* and live from there */
    expect_id(client, insert(&in_seven));
    hang_up(client);
}

/* An id that cannot be served is answered in the stream, before anything else. */
START_TEST(test_stream_reset)
{
    char id[EVENT_ID_MAX];

    setup();
    assert_reset("5", "unknown", true);
    assert_reset("5", "unknown", false);
    assert_reset(strcmp(epoch, "00000000") != 0 ? "00000000-1-1" : "00000001-1-1", "epoch", false);
    id_text((struct position){fixture.lsn + 1000, 1}, id);
    assert_reset(id, "unknown", false);
    teardown();
}
END_TEST

START_TEST(test_stream_expired)
{
    struct position oldest, newest, first;
    char id[EVENT_ID_MAX];

    setup_with(20000, 60000, true);
    first = insert(&in_seven);
    do {
        for (int i = 0; i < 50; i++)
            insert(&in_seven);
        journal_bounds(fixture.journal, &oldest, &newest);
    } while (position_compare(oldest, first) <= 0);
    id_text(first, id);
    assert_reset(id, "expired", false);
    teardown();
}
END_TEST

/* An idle stream gets comment lines, one line each; one that others' records left behind gets its
 * new position. */
START_TEST(test_stream_heartbeat)
{
    struct position positions[1200];
    struct event_id id;
    char text[EVENT_ID_MAX], header[96];

    setup_with(0, 20, true);
    id_text(insert(&in_seven), text);
    snprintf(header, sizeof(header), "Last-Event-ID: %s\r\n", text);
    struct client *client = request("GET /streams/comments/5", header);
    expect(client, "\r\n\r\n:\n:\n:\n");
    ck_assert_uint_eq(count(client, "keepalive"), 0);
    for (int i = 0; i < 1200; i++)
        positions[i] = fixture_comment(&fixture, NULL, &in_seven);
    fixture_sync(&fixture);
    expect(client, "\nevent: keepalive\ndata: {}\n\n");
    struct str line = str_from(strstr(client->text, "id: ") + 4);
    ck_assert_int_eq(event_id_parse(&id, str_cut(&line, '\n')), 0);
    ck_assert_str_eq(id.epoch, epoch);
    ck_assert_int_ge(position_compare(id.position, positions[999]), 0);
    hang_up(client);
    teardown();
}
END_TEST

/* After a reset the first sign of life carries an id, so that the client is not reset over and
 * over. */
START_TEST(test_id_after_reset)
{
    char id[EVENT_ID_MAX], line[64];

    setup_with(0, 20, true);
    id_text(insert(&in_seven), id);
    snprintf(line, sizeof(line), "id: %s\nevent: keepalive\n", id);
    struct client *client = request("GET /streams/comments", "Last-Event-ID: 5\r\n");
    expect(client, line);
    hang_up(client);
    teardown();
}
END_TEST

/* A live stream for which there is nothing gets an id with its first sign of life, once: else what
 * comes while its client is away would be lost. */
START_TEST(test_id_of_live_stream)
{
    char id[EVENT_ID_MAX], line[96];

    setup_with(0, 20, true);
    id_text(insert(&in_seven), id);
    snprintf(line, sizeof(line), "id: %s\nevent: keepalive\ndata: {}\n\n:\n:\n", id);
    struct client *client = request("GET /streams/comments/5", "");
    expect(client, line);
    ck_assert_uint_eq(count(client, "keepalive"), 1);
    hang_up(client);
    teardown();
}
END_TEST

/* --- /events --------------------------------------------------------------------------------- */

/* A consumer gets its rows and nobody else's, in every session it has. */
START_TEST(test_events_live)
{
    setup();
    struct client *first = request("GET /events", "X-Consumer-Id: toto\r\n");
    struct client *second = request("GET /events", "X-Consumer-Id: toto\r\nLast-Event-ID: x\r\n");
    expect(first, "\r\n\r\n:\n");
    expect(second, "\r\n\r\n:\n");
    fixture_event(&fixture, "1", "titi", "{}");
    fixture_event(&fixture, "2", "toto", "{\"foo\": \"bar\"}");
    fixture_sync(&fixture);
    expect_body(first, ":\nid: 2\nevent: insert\ndata: {\"foo\":\"bar\"}\n\n");
    expect_body(second, ":\nid: 2\nevent: insert\ndata: {\"foo\":\"bar\"}\n\n");
    hang_up(first);
    hang_up(second);
    teardown();
}
END_TEST

/* After a row that the journal has comes what was committed later, also with a smaller id. */
START_TEST(test_events_replay)
{
    setup();
    fixture_event(&fixture, "4", "toto", "4");
    fixture_event(&fixture, "5", "toto", "5");
    fixture_event(&fixture, "3", "toto", "3");
    fixture_event(&fixture, "6", "titi", "6");
    fixture_event(&fixture, "7", "toto", "7");
    fixture_sync(&fixture);
    struct client *client =
        request("GET /events?last_event_id=4", "X-Consumer-Id: toto\r\nLast-Event-ID: 5\r\n");
    expect(client, "id: 7\n");
    fixture_event(&fixture, "8", "toto", "8");
    fixture_sync(&fixture);
    expect_body(client, ":\nid: 3\nevent: insert\ndata: 3\n\nid: 7\nevent: insert\ndata: 7\n\n"
                        "id: 8\nevent: insert\ndata: 8\n\n");
    hang_up(client);
    teardown();
}
END_TEST

/* Others' events are no sign of life for this consumer. */
START_TEST(test_events_heartbeat)
{
    setup_with(0, 20, true);
    struct client *client = request("GET /events", "X-Consumer-Id: toto\r\n");
    expect(client, "\r\n\r\n:\nevent: heartbeat\ndata: thump\n\nevent: heartbeat\ndata: thump\n\n");
    hang_up(client);
    teardown();
}
END_TEST

/* When the table cannot be read the stream ends with a wait, so that the client comes back. */
START_TEST(test_events_no_server)
{
    setup();
    struct client *client = request("GET /events", "X-Consumer-Id: toto\r\nLast-Event-ID: 5\r\n");
    expect_end(client);
    ck_assert_ptr_nonnull(strstr(client->text, "HTTP/1.1 200 "));
    ck_assert_int_eq(strncmp(body(client), ":\nretry: ", 9), 0);
    hang_up(client);
    teardown();
}
END_TEST

/* --- the end --------------------------------------------------------------------------------- */

/* A drain ends every stream with a wait of 1 to 5 s, waiting for a page or not. */
START_TEST(test_drain)
{
    setup();
    struct client *topic = request("GET /streams/comments", "");
    struct client *consumer = request("GET /events", "X-Consumer-Id: toto\r\n");
    expect(topic, "\r\n\r\n:\n");
    expect(consumer, "\r\n\r\n:\n");
    http_server_drain(server);
    expect_end(topic);
    expect_end(consumer);
    ck_assert_int_eq(strncmp(body(topic), ":\nretry: ", 9), 0);
    long wait = strtol(body(topic) + 9, NULL, 10);
    ck_assert_int_ge(wait, 1000);
    ck_assert_int_le(wait, 5000);
    ck_assert_int_eq(strncmp(body(consumer), ":\nretry: ", 9), 0);
    hang_up(topic);
    hang_up(consumer);
    teardown();
}
END_TEST

UNIT_SUITE("api/api", test_health, test_not_found, test_method, test_head, test_no_consumer,
           test_bad_stream, test_filter_before_the_columns_are_known, test_stream_live,
           test_stream_encoded, test_stream_resume, test_stream_reset, test_stream_expired,
           test_stream_heartbeat, test_id_after_reset, test_id_of_live_stream, test_events_live,
           test_events_replay, test_events_heartbeat, test_events_no_server, test_drain)
