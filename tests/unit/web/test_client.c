/* Requests to a server in a thread, which answers as a test says. */
#include "base/clock.h"
#include "unit.h"
#include "web/client.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the server ------------------------------------------------------------------------------ */

static struct {
    int listener;
    unsigned port;
    const char *answer; /* NULL: none, as long as the connection is open */
    bool endless;       /* behind the answer more and more follows */
    char request[8192];
    atomic_uint requests;
    pthread_t thread;
} server;

static void pour(int fd)
{
    static const char more[65536];
    while (send(fd, more, sizeof(more), MSG_NOSIGNAL) > 0)
        continue;
}

static void serve(int fd)
{
    size_t len = 0;
    ssize_t more;
    const char *body = NULL;
    while (!body &&
           (more = recv(fd, server.request + len, sizeof(server.request) - 1 - len, 0)) > 0) {
        len += (size_t)more;
        server.request[len] = '\0';
        body = strchr(server.request, '}'); /* all bodies here end with one */
    }
    server.requests++;
    if (!server.answer)
        while (recv(fd, server.request, 1, 0) > 0)
            continue;
    else
        send(fd, server.answer, strlen(server.answer), MSG_NOSIGNAL);
    if (server.endless)
        pour(fd);
    close(fd);
}

static void *run_server(void *unused)
{
    int fd;
    while ((fd = accept(server.listener, NULL, NULL)) >= 0)
        serve(fd);
    return NULL;
}

/* --- the client ------------------------------------------------------------------------------ */

static struct loop loop;
static struct web_client *client;
static unsigned done, status;
static struct error why;

static void on_done(void *owner, unsigned answered, const struct error *err)
{
    ck_assert_ptr_eq(owner, &done);
    ck_assert(!err == (answered > 0));
    done++;
    status = answered;
    why = err ? *err : (struct error){0};
    loop_stop(&loop);
}

static void setup(const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    server.answer = answer;
    server.endless = false;
    server.requests = 0;
    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(server.listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(server.listener, 10), 0);
    getsockname(server.listener, (struct sockaddr *)&address, &len);
    server.port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&server.thread, NULL, run_server, NULL), 0);
    setenv("no_proxy", "*", 1);
    ck_assert_int_eq(loop_init(&loop), 0);
    ck_assert_int_eq(web_client_new(&client, &loop), 0);
    done = status = 0;
}

static void teardown(void)
{
    web_client_free(client);
    loop_release(&loop);
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
}

static struct web_request *begin(const char *host, unsigned port, unsigned timeout_ms)
{
    struct web_request *request = NULL;
    struct error err = {0};
    char url[200];
    snprintf(url, sizeof(url), "http://%s:%u/hidden/path?token=secret", host, port);
    const struct web_post post = {
        .url = url,
        .content_type = "application/json",
        .body = STR("{\"a\":1}"),
        .connect_timeout_ms = 5000,
        .timeout_ms = timeout_ms,
        .on_done = on_done,
        .owner = &done,
    };
    unsigned before = done;
    ck_assert_int_eq(web_post(&request, client, &post, &err), 0);
    ck_assert_uint_eq(done, before);
    return request;
}

static void send_to(const char *host, unsigned port, unsigned timeout_ms)
{
    begin(host, port, timeout_ms);
    loop_run(&loop);
    ck_assert_uint_eq(done, 1);
}

START_TEST(test_what_is_sent_and_what_is_answered)
{
    setup("HTTP/1.1 204 No Content\r\n\r\n");
    send_to("user:pass%40word@127.0.0.1", server.port, 5000);
    ck_assert_uint_eq(status, 204);
    ck_assert(web_succeeded(status));
    const char *request = server.request;
    ck_assert_ptr_eq(strstr(request, "POST /hidden/path?token=secret HTTP/1.1\r\n"), request);
    ck_assert(strstr(request, "\r\nContent-Type: application/json\r\n"));
    ck_assert(strstr(request, "\r\nContent-Length: 7\r\n"));
    ck_assert(strstr(request, "\r\nUser-Agent: walpiper/"));
    ck_assert(strstr(request, "\r\nAuthorization: Basic dXNlcjpwYXNzQHdvcmQ=\r\n"));
    ck_assert(strstr(request, "\r\n\r\n{\"a\":1}"));
    teardown();
}
END_TEST

START_TEST(test_a_redirect_is_an_answer_and_not_followed)
{
    char answer[200];
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n");
    setup(answer);
    send_to("127.0.0.1", server.port, 5000);
    ck_assert_uint_eq(status, 302);
    ck_assert(!web_succeeded(status) && !web_may_succeed_later(status));
    ck_assert_uint_eq(server.requests, 1);
    teardown();
}
END_TEST

START_TEST(test_which_statuses_may_get_better)
{
    ck_assert(web_may_succeed_later(0) && web_may_succeed_later(429));
    ck_assert(web_may_succeed_later(500) && web_may_succeed_later(503));
    ck_assert(!web_may_succeed_later(400) && !web_may_succeed_later(404));
    ck_assert(web_succeeded(200) && web_succeeded(299) && !web_succeeded(300));
}
END_TEST

START_TEST(test_of_an_endless_answer_the_status_counts)
{
    setup("HTTP/1.1 200 OK\r\n\r\n");
    server.endless = true;
    send_to("127.0.0.1", server.port, 60000);
    ck_assert_uint_eq(status, 200);
    teardown();
}
END_TEST

START_TEST(test_no_answer_is_given_up_in_time)
{
    setup(NULL);
    send_to("127.0.0.1", server.port, 200);
    ck_assert_uint_eq(status, 0);
    ck_assert_msg(strstr(why.text, "timed out"), "%s", why.text);
    teardown();
}
END_TEST

START_TEST(test_a_dead_port_is_told_without_what_may_be_secret)
{
    setup("");
    shutdown(server.listener, SHUT_RDWR);
    send_to("user:pass@127.0.0.1", server.port, 5000);
    ck_assert_uint_eq(status, 0);
    ck_assert(strstr(why.text, "127.0.0.1"));
    ck_assert(!strstr(why.text, "pass") && !strstr(why.text, "hidden") &&
              !strstr(why.text, "token"));
    teardown();
}
END_TEST

/* --- names that nobody resolves -------------------------------------------------------------- */

static atomic_bool resolves; /* false: whoever asks waits */

/* In place of libc's, also for libcurl. */
int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
    while (!resolves)
        usleep(1000);
    return EAI_NONAME;
}

START_TEST(test_a_name_that_nobody_resolves_is_waited_for_by_nobody)
{
    setup("");
    resolves = false;
    uint64_t before = clock_monotonic_ms();
    send_to("nowhere.example", server.port, 100);
    ck_assert_uint_eq(status, 0);
    begin("nowhere.example", server.port, 60000);
    web_client_free(client);
    client = NULL;
    ck_assert_uint_lt(clock_monotonic_ms() - before, 30000); /* a wait would have no end */
    resolves = true;
    teardown();
}
END_TEST

START_TEST(test_what_was_cancelled_says_nothing)
{
    setup(NULL);
    web_cancel(begin("127.0.0.1", server.port, 5000));
    struct web_request *second = begin("127.0.0.1", server.port, 5000);
    for (int i = 0; i < 1000 && server.requests == 0; i++) {
        ev_run(loop.ev, EVRUN_NOWAIT);
        usleep(1000);
    }
    ck_assert_uint_eq(server.requests, 1);
    web_cancel(second);
    begin("127.0.0.1", server.port, 5000); /* freed with the client */
    ev_run(loop.ev, EVRUN_NOWAIT);
    ck_assert_uint_eq(done, 0);
    teardown();
}
END_TEST

START_TEST(test_several_at_a_time)
{
    setup("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    for (int i = 0; i < 5; i++)
        begin("127.0.0.1", server.port, 5000);
    while (done < 5)
        loop_run(&loop);
    ck_assert_uint_eq(status, 200);
    ck_assert_uint_eq(server.requests, 5);
    teardown();
}
END_TEST

UNIT_SUITE("web/client", test_what_is_sent_and_what_is_answered,
           test_a_redirect_is_an_answer_and_not_followed, test_which_statuses_may_get_better,
           test_of_an_endless_answer_the_status_counts, test_no_answer_is_given_up_in_time,
           test_a_dead_port_is_told_without_what_may_be_secret,
           test_a_name_that_nobody_resolves_is_waited_for_by_nobody,
           test_what_was_cancelled_says_nothing, test_several_at_a_time)
