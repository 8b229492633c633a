/* http/output.h - what waits to be sent on one connection: pieces of shared bytes, by reference,
 * and copied ones, gathered into chunks. All of it goes out in one send() or sendmsg(). Owns its
 * references. Knows nothing of HTTP and of the loop. */
#ifndef HTTP_OUTPUT_H
#define HTTP_OUTPUT_H

#include "base/shared.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OUTPUT_PIECES_MAX 1024 /* IOV_MAX: whatever waits fits one sendmsg() */
#define OUTPUT_PIECES_INLINE 4 /* what an idle connection carries with it */

struct output_piece {
    struct shared *bytes;
    size_t offset;
    size_t len;
};

struct output {
    struct output_piece *pieces; /* a ring of CAPACITY, a power of two */
    uint32_t first;
    uint32_t count;
    uint32_t capacity;
    bool tail_open; /* the last piece is a chunk of ours that may be continued */
    size_t bytes;   /* that wait */
    struct output_piece inline_pieces[OUTPUT_PIECES_INLINE];
};

void output_init(struct output *output); /* OUTPUT must not be moved afterwards */
void output_release(struct output *output);

/* Takes a reference of its own. 0, -ENOMEM, or -ENOBUFS at OUTPUT_PIECES_MAX. */
int output_add(struct output *output, struct shared *bytes, size_t offset, size_t len);
int output_copy(struct output *output, struct str bytes); /* the same, by copy */

/* Sends what the socket takes, never blocks, raises no signal. The number of bytes, or a negative
 * errno: -EAGAIN when it takes nothing now. */
ssize_t output_send(struct output *output, int fd);

#endif
