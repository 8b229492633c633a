#include "http/listener.h"
#include "base/cleanup.h"
#include "base/str.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel cuts it at net.core.somaxconn */

static int listen_error(struct error *err, const char *address, int error)
{
    const char *mend = "";
    if (error == EADDRINUSE)
        mend = "; stop the program that listens there or choose another address";
    else if (error == EADDRNOTAVAIL)
        mend = "; choose an address that this machine has";
    else if (error == EACCES)
        mend = "; choose a port above 1023 or a directory this user may write to";
    return error_set(err, -error, "cannot listen on %s: %s%s", address, strerrordesc_np(error),
                     mend);
}

/* Takes FD; it is closed when memory is out. */
static struct listener *listener_new(int fd, const char *path)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    char *copy = path ? str_dup(str_from(path)) : NULL;
    if (!listener || (path && !copy)) {
        free(listener);
        free(copy);
        close(fd);
        return NULL;
    }
    listener->path = copy;
    listener->fd = fd;
    list_init(&listener->link);
    return listener;
}

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

/* What is set here is inherited by the sockets that are accepted (Linux), so that a connection
 * costs no further calls. The user timeout ends connections whose peer vanished: keepalive would
 * not, as probes are only sent when nothing waits (and a stalled peer answers them).
 * SO_REUSEPORT lets any program of the same user share the address in silence: bound without it and
 * set before listen(), the address is shared with those that come later and want to, and refused
 * when somebody has it already. */
static int open_inet(const struct addrinfo *info, const struct listener_options *options)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0 &&
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, options->exclusive ? 0 : 1) == 0 &&
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) == 0 &&
        set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)options->user_timeout_ms) == 0 &&
        (info->ai_family != AF_INET6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) == 0) &&
        bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

static void close_all(struct link *list)
{
    while (!list_empty(list)) {
        struct listener *listener = LIST_ITEM(list->next, struct listener, link);
        list_remove(&listener->link);
        listener_close(listener);
    }
}

/* A name may stand for addresses of a family that this machine does not have ("localhost" without
 * IPv6): those are passed over as long as another one can be had. */
static int open_each(struct link *list, const char *address, const struct addrinfo *infos,
                     const struct listener_options *options, struct error *err)
{
    struct link opened;
    int missing = 0;
    list_init(&opened);
    for (const struct addrinfo *info = infos; info; info = info->ai_next) {
        int fd = open_inet(info, options);
        if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) {
            missing = -fd;
            continue;
        }
        struct listener *listener = fd >= 0 ? listener_new(fd, NULL) : NULL;
        if (!listener) {
            close_all(&opened);
            return listen_error(err, address, fd >= 0 ? ENOMEM : -fd);
        }
        list_append(&opened, &listener->link);
    }
    if (list_empty(&opened))
        return listen_error(err, address, missing ? missing : EADDRNOTAVAIL);
    list_move_all(list, &opened);
    return 0;
}

/* "HOST:PORT", brackets around an IPv6 address. An empty host is refused: that it would mean "open
 * to everyone" must be written out. */
static int split_address(struct str address, struct str *ret_host, struct str *ret_port)
{
    struct str host, port = address;
    int64_t number;
    if (address.len > 0 && address.data[0] == '[') {
        port = (struct str){address.data + 1, address.len - 1};
        host = str_cut(&port, ']');
        if (port.len == 0 || port.data[0] != ':')
            return -EINVAL;
        port = (struct str){port.data + 1, port.len - 1};
    } else {
        host = str_cut(&port, ':');
    }
    if (host.len == 0 || port.len == 0 || port.len > 5 || port.data[0] == '-' ||
        str_to_int64(port, &number) < 0 || number > 65535)
        return -EINVAL;
    *ret_host = host;
    *ret_port = port;
    return 0;
}

static int open_tcp(struct link *list, const char *address, const struct listener_options *options,
                    struct error *err)
{
    struct str host_text, port_text;
    if (split_address(str_from(address), &host_text, &port_text) < 0)
        return error_set(err, -EINVAL,
                         "cannot listen on \"%s\": write HOST:PORT, [IPV6]:PORT or unix:PATH "
                         "(0.0.0.0:PORT for all addresses)",
                         address);
    cleanup_free char *host = str_dup(host_text);
    cleanup_free char *port = str_dup(port_text);
    if (!host || !port)
        return listen_error(err, address, ENOMEM);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *infos;
    int problem = getaddrinfo(host, port, &hints, &infos);
    if (problem != 0)
        return error_set(err, -EADDRNOTAVAIL,
                         "cannot listen on %s: %s; check the host name or give an address", address,
                         problem == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(problem));
    int result = open_each(list, address, infos, options, err);
    freeaddrinfo(infos);
    return result;
}

/* A socket file that nobody listens on was left by a process that was killed. 0 when PATH is free.
 */
static int clear_stale(const struct sockaddr_un *where)
{
    struct stat file;
    if (lstat(where->sun_path, &file) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(file.st_mode))
        return -EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int error = connect(fd, (const struct sockaddr *)where, sizeof(*where)) < 0 ? errno : 0;
    close(fd);
    if (error != ECONNREFUSED)
        return error == 0 || error == EAGAIN ? -EADDRINUSE : -error;
    return unlink(where->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Binds and listens; the negative errno leaves no file behind. */
static int open_local(const struct sockaddr_un *where)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)where, sizeof(*where)) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    if (listen(fd, BACKLOG) < 0) {
        int error = errno;
        unlink(where->sun_path);
        close(fd);
        return -error;
    }
    return fd;
}

static int open_unix(struct link *list, const char *address, const char *path, struct error *err)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(where.sun_path))
        return error_set(err, -EINVAL, "cannot listen on %s: the path must have 1 to %zu bytes",
                         address, sizeof(where.sun_path) - 1);
    memcpy(where.sun_path, path, len);
    int stale = clear_stale(&where);
    int fd = stale < 0 ? stale : open_local(&where);
    if (fd < 0)
        return listen_error(err, address, -fd);
    struct listener *listener = listener_new(fd, path);
    if (!listener) {
        unlink(path);
        return listen_error(err, address, ENOMEM);
    }
    /* When this fails no file matches later, and none is removed. */
    (void)!lstat(path, &listener->file);
    list_append(list, &listener->link);
    return 0;
}

int listener_open(struct link *list, const char *address, const struct listener_options *options,
                  struct error *err)
{
    static const char unix_prefix[] = "unix:";
    if (strncmp(address, unix_prefix, sizeof(unix_prefix) - 1) == 0)
        return open_unix(list, address, address + sizeof(unix_prefix) - 1, err);
    return open_tcp(list, address, options, err);
}

void listener_close(struct listener *listener)
{
    struct stat file;
    close(listener->fd);
    if (listener->path && lstat(listener->path, &file) == 0 &&
        file.st_ino == listener->file.st_ino && file.st_dev == listener->file.st_dev)
        unlink(listener->path);
    free(listener->path);
    free(listener);
}

unsigned listener_port(const struct listener *listener)
{
    struct sockaddr_storage where = {0};
    socklen_t len = sizeof(where);
    if (getsockname(listener->fd, (struct sockaddr *)&where, &len) < 0)
        return 0;
    if (where.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)&where)->sin_port);
    if (where.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)&where)->sin6_port);
    return 0;
}
