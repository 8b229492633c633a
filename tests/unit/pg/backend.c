#include "backend.h"
#include "base/big_endian.h"
#include "base/buffer.h"
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONTENT_MAX ((size_t)64 << 20)
#define ROW_HEAD 25 /* kind, two positions, time */

/* Check's own assertions are not for threads. */
static void must(bool is_true, const char *what)
{
    if (is_true)
        return;
    fprintf(stderr, "backend: %s\n", what);
    abort();
}

static void take(struct backend *b, void *to, size_t len)
{
    must(recv(b->client, to, len, MSG_WAITALL) == (ssize_t)len, "the client is gone");
}

static void put(struct backend *b, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(b->client, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            b->full = true;
            n = send(b->client, bytes.data, 1, MSG_NOSIGNAL);
        }
        must(n > 0, "the client is gone");
        bytes.data += n;
        bytes.len -= (size_t)n;
    }
}

/* What follows the four bytes of a length. */
static void take_rest(struct backend *b)
{
    unsigned char length[4];
    take(b, length, sizeof(length));
    size_t len = get_u32(length) - sizeof(length);
    char *content = malloc(len + 1);
    must(content, "no memory");
    take(b, content, len);
    free(content);
}

void backend_wait(struct backend *b)
{
    while (sem_wait(&b->go) < 0)
        must(errno == EINTR, "sem_wait");
}

void backend_read(struct backend *b, char kind, unsigned count)
{
    while (count-- > 0) {
        char got;
        take(b, &got, 1);
        must(got == kind, "another message was to come");
        take_rest(b);
    }
}

static void append(struct buffer *out, char kind, struct str content)
{
    unsigned char length[4];
    put_u32(length, (uint32_t)(content.len + sizeof(length)));
    buffer_append_char(out, kind);
    buffer_append(out, (const char *)length, sizeof(length));
    must(buffer_append_str(out, content) == 0, "no memory");
}

void backend_send(struct backend *b, char kind, const void *content, size_t len)
{
    struct buffer message;
    buffer_init(&message, CONTENT_MAX);
    append(&message, kind, (struct str){content, len});
    put(b, buffer_str(&message));
    buffer_release(&message);
}

void backend_send_rows(struct backend *b, unsigned count, size_t len)
{
    struct buffer all;
    char *row = calloc(1, ROW_HEAD + len);
    must(row, "no memory");
    row[0] = 'w';
    buffer_init(&all, CONTENT_MAX);
    while (count-- > 0)
        append(&all, 'd', (struct str){row, ROW_HEAD + len});
    put(b, buffer_str(&all));
    buffer_release(&all);
    free(row);
}

static void *serve(void *arg)
{
    struct backend *b = arg;
    b->client = accept(b->listener, NULL, NULL);
    must(b->client >= 0, "nobody comes");
    take_rest(b); /* who it is */
    backend_send(b, 'R', "\0\0\0\0", 4);
    backend_send(b, 'Z', "I", 1);
    b->script(b);
    shutdown(b->client, SHUT_WR);
    char rest[4096];
    while (recv(b->client, rest, sizeof(rest), 0) > 0)
        ;
    close(b->client);
    return NULL;
}

void backend_start(struct backend *b, void (*script)(struct backend *backend))
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *b = (struct backend){.script = script};
    temp_dir_make(b->directory, "backend");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", b->directory);
    b->params = (struct pg_params){
        .hostname = b->directory, .port = "5432", .database = "d", .username = "u"};
    b->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(b->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(b->listener, 1), 0);
    ck_assert_int_eq(sem_init(&b->go, 0, 0), 0);
    ck_assert_int_eq(pthread_create(&b->thread, NULL, serve, b), 0);
}

void backend_stop(struct backend *b)
{
    pthread_join(b->thread, NULL);
    close(b->listener);
    sem_destroy(&b->go);
    temp_dir_remove(b->directory);
}

/* --- the loop -------------------------------------------------------------------------------- */

struct wait {
    struct loop *loop;
    bool (*is_true)(void);
    double deadline;
};

static void on_look(struct ev_loop *ev, ev_timer *timer, int events)
{
    const struct wait *wait = timer->data;
    (void)events;
    if (wait->is_true() || ev_now(ev) > wait->deadline)
        loop_stop(wait->loop);
}

void backend_until(struct loop *loop, bool (*is_true)(void))
{
    struct wait wait = {loop, is_true, ev_time() + 20.};
    ev_timer timer;
    ev_timer_init(&timer, on_look, 0.001, 0.001);
    timer.data = &wait;
    ev_timer_start(loop->ev, &timer);
    loop_run(loop);
    ev_timer_stop(loop->ev, &timer);
    ck_assert_msg(is_true(), "waited in vain");
}
