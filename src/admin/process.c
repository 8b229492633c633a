#include "admin/process.h"
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t resident_bytes(void)
{
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*u %" SCNu64, &pages) != 1)
        pages = 0;
    (void)fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;
    if (!directory)
        return 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): safe on a stream of one's own */
    while (readdir(directory))
        count++;
    (void)closedir(directory);
    return count < 3 ? 0 : count - 3; /* ".", ".." and the directory itself */
}

void process_use(struct process_use *ret_use)
{
    struct timespec cpu = {0};
    struct rlimit limit = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    *ret_use = (struct process_use){
        .resident_bytes = resident_bytes(),
        .cpu_ms = (uint64_t)cpu.tv_sec * 1000 + (uint64_t)cpu.tv_nsec / 1000000,
        .open_fds = open_fds(),
        .max_fds = limit.rlim_cur,
    };
}
