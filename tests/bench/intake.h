/* tests/bench/intake.h - what one subscriber reads: the head of the answer, then frames of
 * Server-Sent Events, each with one stamp in its data; or, from a pipe, lines of any kind with
 * stamps in them. Pure. Owns the beginning of a line whose end has not come yet. */
#ifndef BENCH_INTAKE_H
#define BENCH_INTAKE_H

#include "base/buffer.h"
#include "tally.h"

enum intake_state { INTAKE_STATUS, INTAKE_HEADERS, INTAKE_FRAMES, INTAKE_LINES, INTAKE_REFUSED };

/* What the subscribers of a run have in common. */
struct reading {
    struct tally *tally;
    unsigned ready;      /* answered with 200, the head is over */
    unsigned refused;    /* any other answer, or one in chunks */
    uint64_t unreadable; /* frames without exactly one stamp: a reset, a record cut short */
    uint64_t complete;   /* the greatest number of an event that every receiver has */
};

struct intake {
    enum intake_state state;
    unsigned subscriber;
    struct buffer part; /* of a line */
    struct {
        bool has_begun, has_data, is_keepalive;
        unsigned stamps;
        struct stamp stamp;
    } frame;
};

/* STATE: INTAKE_STATUS for an answer, INTAKE_LINES for a pipe. */
void intake_init(struct intake *in, unsigned subscriber, enum intake_state state);
void intake_release(struct intake *in);

/* DATA came at NOW_US. 0, or negative when a line is too long or memory is out: close it then. */
int intake_feed(struct intake *in, struct reading *reading, struct str data, int64_t now_us);

/* True when the bytes so far end inside of a frame. */
bool intake_is_cut(const struct intake *in);

#endif
