#include "loop/child.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Who was killed is gone at once, unless it hangs in the kernel. */
#define KILLED_WAIT_MS 1000

extern char **environ;

/* --- what it writes -------------------------------------------------------------------------- */

static void take_line(struct child *child, const char *data, size_t len)
{
    const char *end = memchr(data, '\n', len);
    size_t more = end ? (size_t)(end - data) : len, room = CHILD_LINE_MAX - 1 - child->line_len;
    if (child->line_complete)
        return;
    child->line_complete = end || more > room;
    more = more < room ? more : room;
    memcpy(child->line + child->line_len, data, more);
    child->line_len += more;
    if (child->line_complete)
        child->line_len = str_whole((struct str){child->line, child->line_len}).len;
    child->line[child->line_len] = '\0';
}

static void close_complaints(struct child *child)
{
    if (child->complains.fd < 0)
        return;
    ev_io_stop(child->loop->ev, &child->complains);
    close(child->complains.fd);
    child->complains.fd = -1;
}

/* One read a turn: however much it writes, the loop has other things to do. What follows the first
 * line is read too, or the program would wait for ever with a full pipe. */
static bool read_some(struct child *child)
{
    char data[4096];
    ssize_t len = read(child->complains.fd, data, sizeof(data));
    if (len > 0)
        take_line(child, data, (size_t)len);
    else if (len == 0 || (errno != EAGAIN && errno != EINTR))
        close_complaints(child);
    return len > 0;
}

static void on_complains(struct ev_loop *ev, ev_io *io, int events)
{
    (void)read_some(io->data);
}

/* --- how it ends ----------------------------------------------------------------------------- */

static void forget_process(struct child *child)
{
    ev_io_stop(child->loop->ev, &child->exited);
    ev_timer_stop(child->loop->ev, &child->deadline);
    close(child->exited.fd);
    close_complaints(child);
    child->pid = 0;
}

/* NULL when it did what it should. */
static const struct error *why_of(const struct child *child, int status, struct error *err)
{
    const char *separator = child->line_len > 0 ? ": " : "";
    if (child->timed_out)
        error_set(err, -ETIMEDOUT, "took longer than %u s and was killed%s%s",
                  child->timeout_ms / 1000, separator, child->line);
    else if (WIFSIGNALED(status))
        error_set(err, -ECANCELED, "was ended by signal %d%s%s", WTERMSIG(status), separator,
                  child->line);
    else if (WEXITSTATUS(status) != 0)
        error_set(err, -ECANCELED, "ended with exit code %d%s%s", WEXITSTATUS(status), separator,
                  child->line);
    else
        return NULL;
    return err;
}

static void on_exited(struct ev_loop *ev, ev_io *io, int events)
{
    struct child *child = io->data;
    struct error err = {0};
    int status = 0;
    /* Others may still have the pipe: its end is no sign, so what is in it is read now. */
    while (child->complains.fd >= 0 && !child->line_complete && read_some(child))
        continue;
    if (waitpid(child->pid, &status, WNOHANG) != child->pid)
        return;
    forget_process(child);
    child->on_end(child, why_of(child, status, &err));
}

static void kill_group(const struct child *child)
{
    kill(-child->pid, SIGKILL);
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct child *child = timer->data;
    child->timed_out = true;
    kill_group(child); /* on_exited follows */
}

void child_kill(struct child *child)
{
    if (child->pid == 0)
        return;
    kill_group(child);
    struct pollfd gone = {.fd = child->exited.fd, .events = POLLIN};
    (void)poll(&gone, 1, KILLED_WAIT_MS);
    (void)waitpid(child->pid, NULL, WNOHANG);
    forget_process(child);
}

/* --- how it begins --------------------------------------------------------------------------- */

/* All of the input is there before the program is: nobody has to write it while it reads. */
static int input_file(struct str input)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t written = write(fd, input.data, input.len);
    if (written == (ssize_t)input.len && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    int rc = written < 0 ? -errno : -ENOSPC;
    close(fd);
    return rc;
}

/* 0 or a positive errno, as posix_spawn. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int rc = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                      POSIX_SPAWN_SETPGROUP);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attributes, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(attributes, &all);
    return rc == 0 ? posix_spawnattr_setpgroup(attributes, 0) : rc;
}

static int set_descriptors(posix_spawn_file_actions_t *actions, int input, int errors)
{
    int rc = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, errors, STDERR_FILENO);
    return rc == 0 ? posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1) : rc;
}

static int spawn(pid_t *ret_pid, char *const *argv, int input, int errors)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return -rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = set_attributes(&attributes);
        if (rc == 0)
            rc = set_descriptors(&actions, input, errors);
        if (rc == 0)
            rc = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

static void watch(struct child *child, int pidfd, int errors)
{
    ev_io_init(&child->exited, on_exited, pidfd, EV_READ);
    ev_io_init(&child->complains, on_complains, errors, EV_READ);
    ev_timer_init(&child->deadline, on_deadline, child->timeout_ms / 1000., 0.);
    child->exited.data = child->complains.data = child->deadline.data = child;
    ev_io_start(child->loop->ev, &child->exited);
    ev_io_start(child->loop->ev, &child->complains);
    ev_timer_start(child->loop->ev, &child->deadline);
}

/* Takes the reading end of ERRORS; its writing end and INPUT are the caller's. */
static int start(struct child *child, char *const *argv, int input, const int errors[2])
{
    pid_t pid = 0;
    int rc = spawn(&pid, argv, input, errors[1]);
    int pidfd = rc == 0 ? pidfd_open(pid, 0) : -1;
    if (rc == 0 && pidfd < 0) {
        rc = -errno;
        kill(-pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    if (rc < 0) {
        close(errors[0]);
        return rc;
    }
    (void)fcntl(errors[0], F_SETFL, O_NONBLOCK);
    child->pid = pid;
    child->line_len = 0;
    child->line[0] = '\0';
    child->line_complete = child->timed_out = false;
    watch(child, pidfd, errors[0]);
    return 0;
}

int child_start(struct child *child, char *const *argv, struct str input, struct error *err)
{
    int errors[2];
    int rc = input_file(input);
    if (rc >= 0) {
        int fd = rc;
        rc = pipe2(errors, O_CLOEXEC) < 0 ? -errno : 0;
        if (rc == 0) {
            rc = start(child, argv, fd, errors);
            close(errors[1]);
        }
        close(fd);
    }
    return rc == 0 ? 0 : error_set(err, rc, "cannot be started: %s", strerrordesc_np(-rc));
}

/* --- whether it could begin ------------------------------------------------------------------ */

/* 0, -ENOENT or -EACCES. */
static int check_file(const char *path)
{
    struct stat file;
    if (stat(path, &file) < 0)
        return errno == EACCES ? -EACCES : -ENOENT;
    return S_ISREG(file.st_mode) && access(path, X_OK) == 0 ? 0 : -EACCES;
}

/* As posix_spawnp() looks for it. */
static bool is_in_path(const char *program)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment */
    const char *value = getenv("PATH");
    struct str rest = str_from(value ? value : "/bin:/usr/bin");
    char path[PATH_MAX];
    while (rest.data) {
        struct str directory = str_cut(&rest, ':');
        int len = snprintf(path, sizeof(path), "%.*s%s%s", STR_ARG(directory),
                           directory.len > 0 ? "/" : "", program);
        if (len > 0 && len < PATH_MAX && check_file(path) == 0)
            return true;
    }
    return false;
}

int child_check(const char *program, struct error *err)
{
    int rc = strchr(program, '/') ? check_file(program) : is_in_path(program) ? 0 : -ENODATA;
    if (rc == -ENODATA)
        return error_set(err, -ENOENT,
                         "%s is in no directory of PATH; install it, or write its path", program);
    if (rc == -ENOENT)
        return error_set(err, rc, "%s does not exist; correct the path", program);
    if (rc < 0)
        return error_set(err, rc, "%s cannot be executed; chmod +x it, or name a program", program);
    return 0;
}
