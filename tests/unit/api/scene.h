/* scene.h - an api behind a real server and before a real journal, on the loop of the test; and
 * clients with real sockets. */
#ifndef API_SCENE_H
#define API_SCENE_H

#include "api/api.h"
#include "event/id.h"
#include "feed/journal_fixture.h"
#include "unit.h"
#include <arpa/inet.h>
#include <sys/socket.h>

static struct fixture fixture;
static struct config config;
static struct health *health;
static struct api_context context;
static struct api *api;
static struct http_server *server;
static char epoch[9];

static inline void poke(void *owner)
{
}

static inline void setup_with(uint64_t retention_bytes, unsigned heartbeat_ms, bool enabled)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    static const struct pg_params nowhere = {.url = "host=/nonexistent"};
    struct http_server_options options = {.listen = listen, .listen_count = 1};
    struct error err = {0};

    fixture_start(&fixture, retention_bytes);
    journal_epoch(fixture.journal, epoch);
    config = record_config();
    config.http.heartbeat_ms = heartbeat_ms;
    config.events.enabled = enabled;
    health = health_new();
    context = (struct api_context){.config = &config,
                                   .journal = fixture.journal,
                                   .health = health,
                                   .pg = &nowhere,
                                   .poke = poke};
    ck_assert_msg(api_start(&api, &fixture.loop, &context, &err) == 0, "%s", err.text);
    ck_assert_msg(http_server_start(&server, &fixture.loop, &options, api_handle, api, &err) == 0,
                  "%s", err.text);
}

static inline void setup(void)
{
    setup_with(0, 60000, true);
}

static inline void teardown(void)
{
    http_server_free(server);
    api_stop(api);
    health_free(health);
    fixture_stop(&fixture);
}

/* --- a client -------------------------------------------------------------------------------- */

struct client {
    int fd;
    bool ended;
    char text[65536]; /* all that came, as a string */
    size_t len;
};

/* REQUEST: what comes before " HTTP/1.1"; HEADERS: whole lines. */
static inline struct client *request(const char *start, const char *headers)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_server_port(server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct client *client = calloc(1, sizeof(*client));
    char text[4096];

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    int len = snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\n%s\r\n", start, headers);
    ck_assert_int_eq(send(client->fd, text, (size_t)len, 0), len);
    return client;
}

static inline void hang_up(struct client *client)
{
    close(client->fd);
    free(client);
}

static inline void receive(struct client *client)
{
    ssize_t got = recv(client->fd, client->text + client->len,
                       sizeof(client->text) - 1 - client->len, MSG_DONTWAIT);

    ck_assert_uint_lt(client->len, sizeof(client->text) - 1);
    if (got == 0)
        client->ended = true;
    else if (got > 0)
        client->len += (size_t)got;
}

static inline const char *body(const struct client *client)
{
    const char *end = strstr(client->text, "\r\n\r\n");

    return end != NULL ? end + 4 : "";
}

static inline void expect(struct client *client, const char *text)
{
    while (strstr(client->text, text) == NULL) {
        ck_assert_msg(!client->ended, "ended without \"%s\": %s", text, client->text);
        fixture_turn(&fixture);
        receive(client);
    }
}

static inline void expect_end(struct client *client)
{
    while (!client->ended) {
        fixture_turn(&fixture);
        receive(client);
    }
}

static inline void expect_body(struct client *client, const char *expected)
{
    while (strlen(body(client)) < strlen(expected)) {
        ck_assert_msg(!client->ended, "ended: %s", client->text);
        fixture_turn(&fixture);
        receive(client);
    }
    ck_assert_str_eq(body(client), expected);
}

static inline void assert_answer(const char *start, const char *headers, const char *status,
                                 const char *expected_body)
{
    struct client *client = request(start, headers);
    char line[64];

    snprintf(line, sizeof(line), "HTTP/1.1 %s ", status);
    expect(client, "\r\n\r\n");
    ck_assert_msg(strncmp(client->text, line, strlen(line)) == 0, "%s: %s", start, client->text);
    expect_body(client, expected_body);
    hang_up(client);
}

static inline void id_text(struct position position, char text[EVENT_ID_MAX])
{
    event_id_format(epoch, position, text);
}

static inline size_t count(const struct client *client, const char *text)
{
    size_t found = 0;

    for (const char *at = client->text; (at = strstr(at, text)) != NULL; at += strlen(text))
        found++;
    return found;
}

static const struct comment in_seven = {"1", "7", "hi"}, in_eight = {"2", "8", "hi"};

static inline struct position insert(const struct comment *comment)
{
    struct position position = fixture_comment(&fixture, NULL, comment);

    fixture_sync(&fixture);
    return position;
}

#endif
