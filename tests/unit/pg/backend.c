#include "backend.h"
#include "base/big_endian.h"
#include "temp_dir.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void read_bytes(struct backend *b, void *to, size_t len)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = read(b->client, (char *)to + got, len - got);
        ck_assert_msg(n > 0, "the client has closed the connection");
        got += (size_t)n;
    }
}

static void write_bytes(struct backend *b, const void *from, size_t len)
{
    for (size_t put = 0; put < len;) {
        ssize_t n = send(b->client, (const char *)from + put, len - put, MSG_NOSIGNAL);
        ck_assert_msg(n > 0, "the client has closed the connection");
        put += (size_t)n;
    }
}

/* What follows the four bytes of a length. */
static void read_rest(struct backend *b)
{
    char length[4];
    read_bytes(b, length, sizeof(length));
    size_t len = big_endian_get32(length) - sizeof(length);
    char *content = malloc(len + 1);
    ck_assert_ptr_nonnull(content);
    read_bytes(b, content, len);
    free(content);
}

void backend_read_message(struct backend *b, char kind)
{
    char got;
    read_bytes(b, &got, 1);
    ck_assert_int_eq(got, kind);
    read_rest(b);
}

void backend_send(struct backend *b, char kind, const void *content, size_t len)
{
    char head[5] = {kind};
    big_endian_put32(head + 1, (uint32_t)len + 4);
    write_bytes(b, head, sizeof(head));
    write_bytes(b, content, len);
}

void backend_send_row(struct backend *b, size_t len)
{
    char *content = calloc(1, 25 + len);
    ck_assert_ptr_nonnull(content);
    content[0] = 'w';
    content[8] = 1;
    backend_send(b, 'd', content, 25 + len);
    free(content);
}

static void *serve(void *arg)
{
    struct backend *b = arg;
    b->client = accept(b->listener, NULL, NULL);
    ck_assert_int_ge(b->client, 0);
    read_rest(b); /* who it is */
    backend_send(b, 'R', "\0\0\0\0", 4);
    backend_send(b, 'Z', "I", 1);
    b->script(b);
    close(b->client);
    return NULL;
}

void backend_start(struct backend *b, void (*script)(struct backend *backend))
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *b = (struct backend){.script = script};
    temp_dir_make(b->directory, "backend");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", b->directory);
    b->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(b->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(b->listener, 1), 0);
    b->params = (struct pg_params){
        .hostname = b->directory, .port = "5432", .database = "d", .username = "u"};
    ck_assert_int_eq(pthread_create(&b->thread, NULL, serve, b), 0);
}

void backend_stop(struct backend *b)
{
    pthread_join(b->thread, NULL);
    close(b->listener);
    temp_dir_remove(b->directory);
}
