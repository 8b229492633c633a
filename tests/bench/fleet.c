#include "fleet.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPARE_DESCRIPTORS 64
#define REQUEST_MAX 4096
#define READ_BYTES (256 << 10)
#define EVENTS_A_TURN 256
/* Connections that are not answered yet: no more than every server's backlog takes. */
#define OPENING_MAX 256
/* Ports are about 28 000 an address; other programs need some, too. */
#define SUBSCRIBERS_AN_ADDRESS 10000

struct member {
    int fd; /* -1: closed */
    bool asked;
    struct intake intake;
};

static int raise_descriptors(unsigned wanted, struct error *err)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return error_set(err, -errno, "the limit of descriptors: %s", strerror(errno));
    if (limit.rlim_cur >= wanted)
        return 0;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return error_set(err, -errno, "%u descriptors are needed, and ulimit -Hn allows fewer: %s",
                         wanted, strerror(errno));
    return 0;
}

int fleet_init(struct fleet *f, const struct fleet_options *options, struct reading *reading,
               struct error *err)
{
    *f = (struct fleet){.options = *options, .reading = reading, .epoll = -1};
    int rc = raise_descriptors(options->subscribers + SPARE_DESCRIPTORS, err);
    if (rc < 0)
        return rc;
    f->members = calloc(options->subscribers, sizeof(*f->members));
    if (f->members == NULL)
        return error_set(err, -ENOMEM, "no memory for %u subscribers", options->subscribers);
    f->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (f->epoll < 0) {
        free(f->members);
        return error_set(err, -errno, "epoll: %s", strerror(errno));
    }
    return 0;
}

static void member_close(struct member *m)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (m->fd < 0)
        return;
    setsockopt(m->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(m->fd);
    m->fd = -1;
}

void fleet_release(struct fleet *f)
{
    for (unsigned k = 0; k < f->started; k++) {
        member_close(&f->members[k]);
        intake_release(&f->members[k].intake);
    }
    free(f->members);
    close(f->epoll);
}

/* On loopback every address of 127.0.0.0/8 is ours: each has ports of its own. */
static int bind_source(const struct fleet *f, int fd, unsigned number)
{
    const int on = 1;
    struct sockaddr_in source = {.sin_family = AF_INET};

    if (ntohl(f->options.server.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
        return 0;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / SUBSCRIBERS_AN_ADDRESS);
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
        bind(fd, (const struct sockaddr *)&source, sizeof(source)) < 0)
        return -errno;
    return 0;
}

static int open_member(struct fleet *f, unsigned number, struct error *err)
{
    struct member *m = &f->members[number];
    struct epoll_event wanted = {.events = EPOLLOUT, .data.u32 = number};

    intake_init(&m->intake, number, INTAKE_STATUS);
    m->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    f->started++;
    if (m->fd < 0)
        return error_set(err, -errno, "socket: %s", strerror(errno));
    int rc = bind_source(f, m->fd, number);
    if (rc == 0 &&
        connect(m->fd, (const struct sockaddr *)&f->options.server, sizeof(f->options.server)) < 0)
        rc = errno == EINPROGRESS ? 0 : -errno;
    if (rc == 0 && epoll_ctl(f->epoll, EPOLL_CTL_ADD, m->fd, &wanted) < 0)
        rc = -errno;
    return rc == 0 ? 0 : error_set(err, rc, "subscriber %u: %s", number, strerror(-rc));
}

static void compose_request(const struct fleet *f, unsigned number, struct buffer *out)
{
    struct str path = str_from(f->options.path);

    if (number >= f->options.filters)
        number = f->options.filters - 1;
    buffer_append_str(out, STR("GET "));
    while (path.len > 0) {
        const char *mark = memmem(path.data, path.len, "%d", 2);
        size_t len = mark != NULL ? (size_t)(mark - path.data) : path.len;
        buffer_append(out, path.data, len);
        if (mark != NULL)
            buffer_printf(out, "%u", number);
        len += mark != NULL ? 2 : 0;
        path.data += len;
        path.len -= len;
    }
    buffer_append_str(out, STR(" HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n"));
}

/* The connection is there: the request is small enough for the socket to take it whole. */
static int ask(struct fleet *f, struct member *m)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = m->intake.subscriber};
    struct buffer request;

    m->asked = true;
    buffer_init(&request, REQUEST_MAX);
    compose_request(f, m->intake.subscriber, &request);
    ssize_t sent = request.failed == 0 ? send(m->fd, request.data, request.len, MSG_NOSIGNAL) : -1;
    int rc = sent == (ssize_t)request.len ? 0 : -EIO;
    buffer_release(&request);
    return rc == 0 ? epoll_ctl(f->epoll, EPOLL_CTL_MOD, m->fd, &wanted) : rc;
}

static int receive(struct fleet *f, struct member *m)
{
    static char bytes[READ_BYTES];
    ssize_t len = recv(m->fd, bytes, sizeof(bytes), 0);

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (len <= 0)
        return -ECONNRESET;
    f->bytes += (uint64_t)len;
    return intake_feed(&m->intake, f->reading, (struct str){bytes, (size_t)len}, clock_wall_us());
}

static int open_some(struct fleet *f, struct error *err)
{
    unsigned answered = f->reading->ready + f->reading->refused + f->closed;

    while (f->started < f->options.subscribers && f->started < answered + OPENING_MAX) {
        int rc = open_member(f, f->started, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int fleet_turn(struct fleet *f, int timeout_ms, struct error *err)
{
    struct epoll_event events[EVENTS_A_TURN];
    int rc = open_some(f, err);
    if (rc < 0)
        return rc;

    int count = epoll_wait(f->epoll, events, EVENTS_A_TURN, timeout_ms);
    for (int k = 0; k < count; k++) {
        struct member *m = &f->members[events[k].data.u32];
        rc = m->asked ? receive(f, m) : ask(f, m);
        if (rc == 0)
            continue;
        f->closed++;
        f->cut += intake_is_cut(&m->intake);
        member_close(m);
    }
    return 0;
}
