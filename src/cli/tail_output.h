/* cli/tail_output.h - standard output, and the wait for more, of a command that runs until it is
 * told to end. Ending is asked for by SIGINT and SIGTERM, and by a reader that has left; none of
 * them can come between two steps: they are let in only while it waits. */
#ifndef CLI_TAIL_OUTPUT_H
#define CLI_TAIL_OUTPUT_H

#include "base/buffer.h"
#include <signal.h>

struct tail_output {
    struct buffer text; /* append to it */
    sigset_t outside;   /* the signals that were blocked before */
    bool ended;
    int code; /* a negative errno when writing failed */
};

/* TEXT_MAX: of one line. */
void tail_output_init(struct tail_output *output, size_t text_max);
void tail_output_release(struct tail_output *output);
/* Writes the text. */
void tail_output_flush(struct tail_output *output);
/* Returns when DESCRIPTOR (-1: none) is readable: true; after MILLISECONDS, or when it has ended:
 * false. */
bool tail_output_wait(struct tail_output *output, int descriptor, int milliseconds);
/* Characters a line of the terminal; 0 when it is none. */
size_t tail_output_width(void);

#endif
