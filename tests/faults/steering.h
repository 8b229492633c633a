/* steering.h - how faults.so is steered, from outside and while the process runs: a file of 64-bit
 * words in the machine's byte order, which the process maps. Who writes the first half steers it,
 * who reads the second sees what it has done. A file of zeros asks for no fault.
 *
 *     LD_PRELOAD=.../faults.so FAULTS_STEERING=FILE FAULTS_BELOW=DIRECTORY walpiper run ...
 *
 * FILE must be there, with STEERING_BYTES. DIRECTORY is an absolute path without links; only its
 * regular files see faults of the disk. */
#ifndef FAULTS_STEERING_H
#define FAULTS_STEERING_H

#include <stdint.h>

enum steering_word {
    /* Power cut at the call with this number, counted from 1 in each process (see STEERING_CALLS);
     * 0: none. Counted are the calls that write, truncate or sync below the directory. The cut
     * comes before that call, when half of it is done, or after it, before it returns: the seed
     * says. */
    STEERING_CUT_AT = 0,
    STEERING_SEED = 1,
    /* An errno (ENOSPC, EDQUOT): what would take more space fails with it, after the part that
     * takes none. Holes take space when they are filled. 0: there is room. */
    STEERING_FULL = 2,
    STEERING_SYNC = 3,    /* enum steering_sync */
    STEERING_SYNC_MS = 4, /* each sync takes so much longer */
    /* CLOCK_REALTIME is off by so many milliseconds (signed). CLOCK_MONOTONIC never is. */
    STEERING_CLOCK_MS = 5,

    /* Syncs fail only from the counted call FROM on, and only so many calls; 0: without end. */
    STEERING_SYNC_FROM = 6,
    STEERING_SYNC_CALLS = 7,

    STEERING_CALLS = 16,   /* that were counted */
    STEERING_REFUSED = 17, /* calls that found the disk full */
    STEERING_SYNCS = 18,   /* that went well */
    STEERING_FAILED = 19,  /* syncs that failed */
    STEERING_UNDONE = 20,  /* 1 + the sectors that the power cut undid; 0: there was none */

    STEERING_WORDS = 32,
};

#define STEERING_BYTES (STEERING_WORDS * sizeof(uint64_t))

/* Syncs, and writes with O_DSYNC, fail with EIO. */
enum steering_sync {
    SYNC_WELL,
    /* What they should have written did not reach the disk and never will by itself: the kernel
     * takes those pages for clean, and a later sync that goes well says nothing of them. */
    SYNC_LOST,
    SYNC_REACHED, /* it did reach the disk, only the answer is bad */
    SYNC_DROPPED, /* as LOST, and the kernel has thrown the pages away: the old content shows */
    SYNC_ANY,     /* one of these three, as the seed says, each time */
};

#endif
