/* loop/child.h - a program that is run to its end while the loop goes on: it gets a text on
 * standard input, the first line that it writes to standard error is kept, and it is killed when it
 * takes too long. Without a shell, with no signal blocked or ignored, and with no other descriptor
 * of ours. Embedded; owns the process. Linux: pidfd. Includes nothing of ours but the base room. */
#ifndef LOOP_CHILD_H
#define LOOP_CHILD_H

#include "base/error.h"
#include "base/str.h"
#include "loop/loop.h"
#include <sys/types.h>

#define CHILD_LINE_MAX 300

struct child {
    /* For the owner to set, before the first start; all else zero. */
    struct loop *loop;
    unsigned timeout_ms;
    /* It has ended: WHY is NULL when with exit code 0. It may be started again from here. */
    void (*on_end)(struct child *child, const struct error *why);

    /* The first line, cut, ends in NUL; until the next start. */
    char line[CHILD_LINE_MAX];

    /* Its own. */
    pid_t pid; /* 0: none runs */
    size_t line_len;
    bool line_complete, timed_out;
    ev_io exited;    /* the pidfd */
    ev_io complains; /* the reading end of its standard error; fd -1: closed */
    ev_timer deadline;
};

/* ARGV ends with NULL; its first is looked for in PATH unless it has a slash. INPUT is copied. 0:
 * on_end follows, not before this returns. Else a negative errno, and it does not. */
int child_start(struct child *child, char *const *argv, struct str input, struct error *err);
/* Kills it, and what it has started in its process group; on_end does not follow. Safe at any time.
 */
void child_kill(struct child *child);

/* Whether PROGRAM could be started, as far as can be seen without doing so. 0, or a negative errno
 * with "cause; mend" in ERR. */
int child_check(const char *program, struct error *err);

#endif
