/* send_loop PORT SUBSCRIBERS FRAME-FILE: the least that a server can do for one event at a time,
 * the yardstick of ./dev bench fanout. Accepts so many connections, answers each request with the
 * head of an event stream, and then, for each line on standard input, send()s the frame to one
 * connection after the other. One thread, blocking sockets, no filters, no journal, nobody is slow.
 *
 * The file holds one frame; the stamp in it (tally.h) is replaced. Ends with standard input, and
 * says its CPU seconds since the last connection was there. */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "tally.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#define FRAME_MAX (64 << 10)
#define REQUEST_MAX 4096
#define BACKLOG 4096

struct frame {
    char text[FRAME_MAX];
    struct str before, after; /* the stamp */
};

static int read_frame(struct frame *frame, const char *path, struct error *err)
{
    struct stamp stamp;
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    size_t len = fread(frame->text, 1, sizeof(frame->text), file);
    fclose(file);
    frame->after = (struct str){frame->text, len};
    if (len == sizeof(frame->text) || !stamp_find(&frame->after, &stamp))
        return error_set(err, -EINVAL, "%s: no frame with a stamp", path);
    const char *mark = memchr(frame->text, '#', len);
    frame->before = (struct str){frame->text, (size_t)(mark - frame->text)};
    return 0;
}

static int listen_at(uint16_t port, struct error *err)
{
    const int on = 1;
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
        return error_set(err, -errno, "port %u: %s", port, strerror(errno));
    return fd;
}

static int send_whole(int fd, struct str bytes)
{
    return send(fd, bytes.data, bytes.len, MSG_NOSIGNAL) == (ssize_t)bytes.len ? 0 : -EPIPE;
}

static int accept_one(int listener, struct error *err)
{
    static const struct str head = STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                       "Cache-Control: no-cache\r\n\r\n");
    const int on = 1;
    char request[REQUEST_MAX];
    size_t len = 0;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return error_set(err, -errno, "accept: %s", strerror(errno));
    while (memmem(request, len, "\r\n\r\n", 4) == NULL) {
        ssize_t more = recv(fd, request + len, sizeof(request) - len, 0);
        if (more <= 0)
            return error_set(err, -EPROTO, "a subscriber sent no request");
        len += (size_t)more;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return send_whole(fd, head) == 0 ? fd : error_set(err, -EPIPE, "a subscriber has left");
}

static int send_event(const struct frame *frame, uint64_t number, const int *fds, unsigned count)
{
    static char text[FRAME_MAX + 64];
    int len =
        snprintf(text, sizeof(text), "%.*s#%llu@%lld#%.*s", STR_ARG(frame->before),
                 (unsigned long long)number, (long long)clock_wall_us(), STR_ARG(frame->after));

    for (unsigned k = 0; k < count; k++)
        if (send_whole(fds[k], (struct str){text, (size_t)len}) < 0)
            return -EPIPE;
    return 0;
}

static int serve(uint16_t port, unsigned count, const struct frame *frame, struct error *err)
{
    cleanup_free int *fds = calloc(count, sizeof(*fds));
    int listener = listen_at(port, err);
    uint64_t number = 0;
    int c;

    if (listener < 0 || fds == NULL)
        return listener < 0 ? listener : error_set(err, -ENOMEM, "no memory");
    puts("listening");
    fflush(stdout);
    for (unsigned k = 0; k < count; k++) {
        fds[k] = accept_one(listener, err);
        if (fds[k] < 0)
            return fds[k];
    }
    while ((c = getchar()) != EOF)
        if (c == '\n' && send_event(frame, ++number, fds, count) < 0)
            return error_set(err, -EPIPE, "a subscriber has left");
    return 0;
}

int main(int argc, char **argv)
{
    static struct frame frame;
    struct error err = {0};
    int64_t port, count;

    if (argc != 4 || str_to_int64(str_from(argv[1]), &port) < 0 || port < 1 || port > UINT16_MAX ||
        str_to_int64(str_from(argv[2]), &count) < 0 || count < 1 || count > INT32_MAX) {
        fprintf(stderr, "send_loop: wrong usage: see the head of tests/bench/send_loop.c\n");
        return EX_USAGE;
    }
    const struct rlimit descriptors = {(rlim_t)count + 64, (rlim_t)count + 64};
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < descriptors.rlim_cur)
        (void)!setrlimit(RLIMIT_NOFILE, &descriptors); /* else accept tells */
    int rc = read_frame(&frame, argv[3], &err);
    if (rc == 0)
        rc = serve((uint16_t)port, (unsigned)count, &frame, &err);
    if (rc < 0)
        fprintf(stderr, "send_loop: %s\n", err.text);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
