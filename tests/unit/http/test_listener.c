#include "harness.h"
#include "http/listener.h"
#include <fcntl.h>

static char directory[64];

static void handle(void *app, struct http_exchange *exchange)
{
    http_respond(exchange, &(struct http_response){.status = 200, .body = STR("hello")});
}

static const struct listener_options exclusive = {.exclusive = true};
static const struct listener_options shared_address = {.exclusive = false};

static void make_directory(void)
{
    snprintf(directory, sizeof(directory), "/tmp/test_http_listener.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void start_on(struct harness *h, const char *address)
{
    const char *const listen[] = {address};
    harness_start(h, (struct http_server_options){.listen = listen, .listen_count = 1}, handle,
                  NULL);
}

static int open_one(const char *address, struct error *err)
{
    struct link list;
    list_init(&list);
    int result = listener_open(&list, address, &shared_address, err);
    ck_assert_int_eq(result < 0, list_empty(&list));
    while (!list_empty(&list)) {
        struct listener *listener = LIST_ITEM(list.next, struct listener, link);
        list_remove(&listener->link);
        listener_close(listener);
    }
    return result;
}

static int dial_unix(const char *path)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    snprintf(where.sun_path, sizeof(where.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The forms of an address that are understood. */
START_TEST(test_addresses)
{
    struct error err = {0};
    ck_assert_int_eq(open_one("127.0.0.1:0", &err), 0);
    ck_assert_int_eq(open_one("localhost:0", &err), 0);
    ck_assert_int_eq(open_one("0.0.0.0:0", &err), 0);
}
END_TEST

/* What is not understood or can not be had is named, with the cause, and leaves nothing open. */
START_TEST(test_bad_addresses)
{
    static const char *const wrong[] = {
        "",        "4000",      "localhost",     ":4000",    "127.0.0.1:", "127.0.0.1:65536",
        "a:-1",    "a:-0",      "a:1x",          "::1:4000", "[::1]",      "[::1]4000",
        "[]:4000", "[::1:4000", "127.0.0.1:+80", "a:000080", "unix:",
    };
    struct error err = {0};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        error_clear(&err);
        ck_assert_msg(open_one(wrong[i], &err) == -EINVAL, "%s", wrong[i]);
        ck_assert_msg(strstr(err.text, wrong[i]) != NULL, "%s", err.text);
    }
    ck_assert_int_eq(open_one("192.0.2.1:0", &err), -EADDRNOTAVAIL);
    ck_assert_ptr_nonnull(strstr(err.text, "192.0.2.1:0"));
    ck_assert_int_eq(open_one("no-such-host.invalid:80", &err), -EADDRNOTAVAIL);
    ck_assert_ptr_nonnull(strstr(err.text, "no-such-host.invalid:80"));
    char path[300];
    memset(path, 'p', sizeof(path));
    memcpy(path, "unix:/", 6);
    path[sizeof(path) - 1] = '\0';
    ck_assert_int_eq(open_one(path, &err), -EINVAL);
}
END_TEST

/* A port that a socket without SO_REUSEPORT has is refused with what to do; those that were opened
 * before are closed again. */
START_TEST(test_port_in_use)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(where);
    int fd = client_socket(0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&where, len), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&where, &len), 0);
    char address[32];
    snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(where.sin_port));
    const char *const listen_on[] = {"127.0.0.1:0", address};
    const struct http_server_options options = {.listen = listen_on, .listen_count = 2};
    struct http_server *server;
    struct loop loop;
    struct error err;
    ck_assert_int_eq(loop_init(&loop), 0);
    ck_assert_int_eq(http_server_start(&server, &loop, &options, handle, NULL, &err), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(err.text, address));
    ck_assert_ptr_nonnull(strstr(err.text, "choose another address"));
    loop_release(&loop);
    close(fd);
}
END_TEST

START_TEST(test_ipv6)
{
    struct harness h;
    struct client c;
    struct sockaddr_in6 where = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct error err = {0};
    int result = open_one("[::1]:0", &err);
    if (result == -EADDRNOTAVAIL || result == -EAFNOSUPPORT)
        return; /* a machine without IPv6 says so */
    ck_assert_int_eq(result, 0);
    start_on(&h, "[::1]:0");
    where.sin6_port = htons((uint16_t)h.port);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&where, sizeof(where)), 0);
    client_adopt(&c, &h, fd);
    client_send(&c, GET("/"));
    WAIT_FOR(&h, client_has(&c, "\r\n\r\nhello"));
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* What accepted sockets inherit from the listener, on which connections count. */
START_TEST(test_inherited_options)
{
    struct harness h;
    struct client c;
    int value = 0;
    socklen_t len = sizeof(value);
    harness_start(&h, (struct http_server_options){.room_timeout_ms = 45000}, handle, NULL);
    client_connect(&c, &h);
    WAIT_FOR(&h, http_server_connections(h.server) == 1);
    int fd = only_connection(&h)->fd;
    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    ck_assert_int_ne(value, 0);
    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &len), 0);
    ck_assert_int_eq(value, 45000);
    ck_assert_uint_eq(h.server->timeout_ms[DEADLINE_ROOM], 45000);
    client_close(&c);
    harness_stop(&h);
}
END_TEST

/* A unix socket serves like any other; its file goes with the server. */
START_TEST(test_unix)
{
    struct harness h;
    struct client c;
    char address[100];
    make_directory();
    snprintf(address, sizeof(address), "unix:%s/http.sock", directory);
    start_on(&h, address);
    ck_assert_uint_eq(h.port, 0);
    int fd = dial_unix(address + 5);
    ck_assert_int_ge(fd, 0);
    client_adopt(&c, &h, fd);
    client_send(&c, GET("/"));
    WAIT_FOR(&h, client_has(&c, "\r\n\r\nhello"));
    client_close(&c);
    harness_stop(&h);
    ck_assert_int_lt(access(address + 5, F_OK), 0);
    ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* The file of a server that was killed is replaced; that of a living one, or a file that is no
 * socket, is left alone. */
START_TEST(test_unix_file_in_the_way)
{
    struct harness h;
    struct error err;
    char address[100];
    make_directory();
    snprintf(address, sizeof(address), "unix:%s/http.sock", directory);
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    snprintf(where.sun_path, sizeof(where.sun_path), "%s", address + 5);
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(stale, (struct sockaddr *)&where, sizeof(where)), 0);
    close(stale);

    start_on(&h, address);
    ck_assert_int_eq(open_one(address, &err), -EADDRINUSE);
    int fd = dial_unix(address + 5);
    ck_assert_int_ge(fd, 0);
    close(fd);
    harness_stop(&h);

    fd = open(address + 5, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    ck_assert_int_eq(open_one(address, &err), -EEXIST);
    ck_assert_int_eq(unlink(address + 5), 0);
    ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* Another server's socket at our path is not ours to remove. */
START_TEST(test_unix_file_replaced)
{
    struct harness h;
    char address[100];
    make_directory();
    snprintf(address, sizeof(address), "unix:%s/http.sock", directory);
    start_on(&h, address);
    /* Made before ours is removed, so that it can not get the same inode. */
    char other[100];
    snprintf(other, sizeof(other), "%s/other", directory);
    close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    ck_assert_int_eq(rename(other, address + 5), 0);
    harness_stop(&h);
    ck_assert_int_eq(unlink(address + 5), 0);
    ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* The loops of one process share an address; a second process is told that it is taken. */
START_TEST(test_exclusive)
{
    struct link first, shared;
    struct error err = {0};
    char address[40];
    list_init(&first);
    list_init(&shared);
    ck_assert_int_eq(listener_open(&first, "127.0.0.1:0", &exclusive, &err), 0);
    struct listener *opened = LIST_ITEM(first.next, struct listener, link);
    snprintf(address, sizeof(address), "127.0.0.1:%u", listener_port(opened));
    ck_assert_int_eq(listener_open(&shared, address, &shared_address, &err), 0);
    ck_assert_int_eq(listener_open(&shared, address, &exclusive, &err), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(err.text, address));
    struct listener *sharing = LIST_ITEM(shared.next, struct listener, link);
    listener_close(sharing);
    listener_close(opened);
}
END_TEST

UNIT_SUITE("http/listener", test_addresses, test_bad_addresses, test_port_in_use, test_ipv6,
           test_inherited_options, test_unix, test_unix_file_in_the_way, test_unix_file_replaced,
           test_exclusive)
