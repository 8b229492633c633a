/* tests/bench/recording.h - what a server has said of one workload (recorded/), to be fed to the
 * real code again and again: with each pass the positions in the messages move on, as those of a
 * server do, and nothing else changes. Owns the messages. */
#ifndef BENCH_RECORDING_H
#define BENCH_RECORDING_H

#include "base/error.h"
#include "base/str.h"
#include <stdint.h>

struct recorded {
    uint64_t lsn;
    char *bytes;
    size_t len;
};

struct recording {
    char *file; /* what the messages lie in */
    struct recorded *messages;
    size_t count;
    bool is_binary; /* pgoutput */
};

/* DIRECTORY/PLUGIN.messages. 0 or a negative errno. */
int recording_load(struct recording *ret, const char *directory, const char *plugin,
                   struct error *err);
void recording_release(struct recording *recording);

/* The next pass. -ERANGE when the positions would no longer fit in their places. */
int recording_advance(struct recording *recording, struct error *err);

#endif
