/* admin/process.h - what this process takes of the machine, as the kernel says. */
#ifndef ADMIN_PROCESS_H
#define ADMIN_PROCESS_H

#include <stdint.h>

struct process_use {
    uint64_t resident_bytes;
    uint64_t cpu_ms; /* of all threads, user and system */
    uint64_t open_fds;
    uint64_t max_fds;
};

/* What cannot be read is 0. */
void process_use(struct process_use *ret_use);

#endif
