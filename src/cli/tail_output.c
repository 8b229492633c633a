#include "cli/tail_output.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* A pipe that can be written takes so much without blocking. */
enum { PIECE = PIPE_BUF };

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
    (void)number;
    asked_to_end = 1;
}

void tail_output_init(struct tail_output *output, size_t text_max)
{
    const struct sigaction end = {.sa_handler = on_signal};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t blocked;

    *output = (struct tail_output){0};
    buffer_init(&output->text, text_max);
    asked_to_end = 0;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &output->outside);
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

void tail_output_release(struct tail_output *output)
{
    buffer_release(&output->text);
    sigprocmask(SIG_SETMASK, &output->outside, NULL);
}

static int wait_for(struct tail_output *output, struct pollfd *polled, nfds_t count,
                    const struct timespec *timeout)
{
    int ready = asked_to_end ? -1 : ppoll(polled, count, timeout, &output->outside);
    if (asked_to_end)
        output->ended = true;
    return ready;
}

static void write_piece(struct tail_output *output, struct str *rest)
{
    struct pollfd out = {STDOUT_FILENO, POLLOUT, 0};
    if (wait_for(output, &out, 1, NULL) <= 0)
        return;
    ssize_t written = write(STDOUT_FILENO, rest->data, rest->len < PIECE ? rest->len : PIECE);
    if (written >= 0) {
        *rest = (struct str){rest->data + written, rest->len - (size_t)written};
    } else if (errno != EINTR && errno != EAGAIN) {
        output->ended = true;
        output->code = errno == EPIPE ? 0 : -errno;
    }
}

void tail_output_flush(struct tail_output *output)
{
    struct str rest = buffer_str(&output->text);
    while (rest.len > 0 && !output->ended)
        write_piece(output, &rest);
    buffer_reset(&output->text);
}

bool tail_output_wait(struct tail_output *output, int descriptor, int milliseconds)
{
    const struct timespec timeout = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    /* No event of standard output is asked for: a reader that leaves is told all the same. */
    struct pollfd polled[] = {{STDOUT_FILENO, 0, 0}, {descriptor, POLLIN, 0}};
    int ready = wait_for(output, polled, 2, &timeout);
    if (ready > 0 && polled[0].revents != 0)
        output->ended = true;
    return ready > 0 && polled[1].revents != 0 && !output->ended;
}

size_t tail_output_width(void)
{
    struct winsize size = {0};
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}
