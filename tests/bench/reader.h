/* tests/bench/reader.h - what one subscriber reads: the head of the answer, then frames of
 * Server-Sent Events, each with one stamp in its data; or, from a pipe, lines of any kind with
 * stamps in them. Pure. Owns the beginning of a line whose end has not come yet. */
#ifndef BENCH_READER_H
#define BENCH_READER_H

#include "base/buffer.h"
#include "tally.h"

enum reader_state { READER_STATUS, READER_HEADERS, READER_FRAMES, READER_LINES, READER_REFUSED };

/* What the readers of a run have in common. */
struct reading {
    struct tally *tally;
    unsigned ready;      /* answered with 200, the head is over */
    unsigned refused;    /* any other answer, or one in chunks */
    uint64_t unreadable; /* frames without exactly one stamp: a reset, a record cut short */
    /* Every receiver has event NUMBER. May be NULL. */
    void (*on_complete)(uint64_t number);
};

struct reader {
    enum reader_state state;
    unsigned subscriber;
    struct buffer part; /* of a line */
    struct {
        bool has_data, is_keepalive;
        unsigned stamps;
        struct stamp stamp;
    } frame;
};

/* STATE: READER_STATUS for an answer, READER_LINES for a pipe. */
void reader_init(struct reader *r, unsigned subscriber, enum reader_state state);
void reader_release(struct reader *r);

/* DATA came at NOW_US. 0, or negative when a line is too long or memory is out: close it then. */
int reader_feed(struct reader *r, struct reading *reading, struct str data, int64_t now_us);

/* True when the bytes so far end inside of a frame. */
bool reader_is_cut(const struct reader *r);

#endif
