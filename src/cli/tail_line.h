/* cli/tail_line.h - an event as one line for people. Pure. */
#ifndef CLI_TAIL_LINE_H
#define CLI_TAIL_LINE_H

#include "base/buffer.h"
#include <walpiper/event.h>

/* Appends time, type, table, id and what happened to the row, and a newline; no more than WIDTH
 * characters before it, 0: all. Nothing in it can move a terminal's cursor or end the line. 0 or
 * the buffer's failure. */
int tail_line(struct buffer *out, const struct event *event, size_t width);

#endif
